//! Takes the sources of core that are checked, as they stand, and writes one copy of them for each tree of [`TREES`]: the sound one,
//! and one for each seeded bug, which the checkers must find.
//!
//! A copy differs from its source in three things. Its tests are cut off. `crate::` becomes `super::`, so that several copies fit into
//! one crate. And `use std::` becomes `use super::platform::`: there, locks are the checker's and time passes when a scenario says so.

use std::{env, error::Error, fs, path::Path};

const SOURCES: &[&str] = &["clock.rs", "call.rs", "engine/flight.rs"];

/// A tree's name, and the seeded bug: in which file which text becomes which. A text that is not found (exactly once) fails the build,
/// so that no bug goes out of date unseen.
const TREES: &[(&str, &[Change])] = &[
    ("sound", &[]),
    // The lock is dropped between the look and the entry: two lead.
    (
        "looks_then_enters",
        &[Change {
            file: "engine/flight.rs",
            from: "let flight = Arc::new(Flight::default());",
            to: "drop(state);\n        let mut state = self.state();\n        let flight = Arc::new(Flight::default());",
        }],
    ),
    // The flight is over before its pause is known: somebody slips in between.
    (
        "pauses_late",
        &[Change {
            file: "engine/flight.rs",
            from: "(state.current, state.pause) = (None, None);",
            to: "(state.current, state.pause) = (None, None);\n        drop(state);\n        let mut state = self.state();",
        }],
    ),
    // A caller is entered among those who wait after it looked for the outcome: an outcome between the two wakes nobody.
    (
        "enters_after_its_look",
        &[
            Change { file: "engine/flight.rs", from: "        self.progress().waiting.push(Arc::clone(&signal));\n", to: "" },
            Change {
                file: "engine/flight.rs",
                from: "            waited = call.wait(&signal, SLICE);",
                to: "            self.progress().waiting.push(Arc::clone(&signal));\n            waited = call.wait(&signal, SLICE);",
            },
        ],
    ),
    // Of several who wait, one is woken.
    (
        "wakes_one",
        &[Change { file: "engine/flight.rs", from: "for signal in waiting {", to: "if let Some(signal) = waiting.first() {" }],
    ),
    // A caller does not look for a cancellation that came before it was entered.
    (
        "misses_an_early_cancel",
        &[Change { file: "call.rs", from: "        self.check()?;\n        signal.wait(", to: "        signal.wait(" }],
    ),
    // A cancellation wakes those who wait before it can be seen: they look, and wait on.
    (
        "cancels_in_the_wrong_order",
        &[
            Change { file: "call.rs", from: "        self.cancelled.store(true, Ordering::SeqCst);\n", to: "" },
            Change {
                file: "call.rs",
                from: "            signal.notify();\n        }\n",
                to: "            signal.notify();\n        }\n        self.cancelled.store(true, Ordering::SeqCst);\n",
            },
        ],
    ),
    // A signal is not remembered: raised between a look and a wait, it is lost.
    (
        "forgets_a_signal",
        &[Change {
            file: "call.rs",
            from: "*self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;",
            to: "drop(self.raised.lock().unwrap_or_else(PoisonError::into_inner));",
        }],
    ),
];

struct Change {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (here, out) = (env::var("CARGO_MANIFEST_DIR")?, env::var("OUT_DIR")?);
    for source in SOURCES {
        let path = Path::new(&here).join("../../core/src").join(source);
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(path)?;
        for (tree, changes) in TREES {
            let name = source.rsplit('/').next().unwrap_or_default();
            let folder = Path::new(&out).join(tree);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(name), copy(source, &text, changes)?)?;
        }
    }
    Ok(())
}

fn copy(source: &str, text: &str, changes: &[Change]) -> Result<String, String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    // Where a file is included, it may not begin with words about itself.
    let code: Vec<&str> = code.lines().filter(|line| !line.starts_with("//!")).collect();
    let mut code = code.join("\n") + "\n";
    for change in changes.iter().filter(|change| change.file == source) {
        if code.matches(change.from).count() != 1 {
            return Err(format!("a seeded bug of tests/model no longer fits {source}: `{}` is not there once", change.from));
        }
        code = code.replace(change.from, change.to);
    }
    Ok(code.replace("crate::", "super::").replace("use std::", "use super::platform::"))
}
