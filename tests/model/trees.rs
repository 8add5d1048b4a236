//! What one copy of the checked sources (see build.rs) is built into: the sources, stand-ins for what they only pass on, scenarios.

macro_rules! tree {
    ($($name:ident),*) => {$(
        #[allow(dead_code, unused_mut, unfulfilled_lint_expectations, unreachable_pub, clippy::all, clippy::pedantic, reason = "a copy of a part of core")]
        pub(crate) mod $name {
            use crate::{platform, stand_ins::{error, model}};

            mod clock {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/clock.rs"));
            }
            mod call {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/call.rs"));
            }
            mod flight {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/flight.rs"));
            }
            pub(crate) mod scenarios {
                include!(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios.rs"));
            }
        }
    )*};
}

tree!(
    sound,
    looks_then_enters,
    pauses_late,
    enters_after_its_look,
    wakes_one,
    misses_an_early_cancel,
    cancels_in_the_wrong_order,
    forgets_a_signal
);
