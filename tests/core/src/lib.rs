//! Nothing to call: the tests are in `tests/`, and the small hosts that they start in `src/bin/`.
