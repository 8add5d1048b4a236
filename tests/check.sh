#!/usr/bin/env bash
# `make check`, and with the argument `deep` the longer part of `make check-deep`. The tests run last, so that the test
# runner's own lines are the last ones; those of the documentation before them, as many crates have none. What a missing tool leaves out is named before the tests (see tests/setup.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main() {
  tests/setup.sh check
  # shellcheck disable=SC1091  # written by the line above
  . target/tools/env.sh
  case "${1:-}" in
    "") quick_checks; tests ;;
    deep) advisories; deep_tests ;;
    *) echo "usage: tests/check.sh [deep]" >&2; exit 2 ;;
  esac
}

quick_checks() {
  without rustfmt || run "format" cargo fmt --all --check
  without clippy || run "lints (builds all dependencies the first time: some minutes)" \
    cargo clippy --workspace --all-targets --locked -- -D warnings
  RUSTDOCFLAGS="-D warnings" run "reference" cargo doc --workspace --no-deps --locked
  without deny || run "licences, bans and sources of dependencies" "$CARGO_DENY" --locked check --hide-inclusion-graph bans licenses sources
  echo "check: advisories are not run here, as they need a database from the network: make check-deep"
}

tests() {
  [ -z "$LEFT_OUT" ] || echo "check: LEFT OUT, because the tools cannot be had here: $LEFT_OUT"
  run "examples in the documentation" cargo test --workspace --locked --doc
  local browser=()
  ! without node || browser=(--exclude intail-office365-browser-tests)
  run "tests (builds them first: some minutes)" cargo test --workspace "${browser[@]}" --locked --lib --bins --tests --examples
}

# A database that cannot be reached is said; an advisory that is found fails.
advisories() {
  without deny && return 0
  if timeout 120 "$CARGO_DENY" --locked fetch db >/dev/null 2>&1; then
    run "advisories" "$CARGO_DENY" --locked check advisories
  else
    echo "check: advisories NOT run: the advisory database cannot be reached from here"
  fi
}

deep_tests() {
  DEEP=1 run "tests in release mode with their long rounds (builds everything anew: some minutes)" \
    cargo test --workspace --release --locked
}

without() {
  [[ " $LEFT_OUT " == *" $1 "* ]] || return 1
  echo "check: $1 left out: the tool cannot be had here"
}

run() {
  echo "check: $1"
  shift
  "$@" </dev/null
}

main "$@"
