//! `make bench`: the goals for silent tokens, connecting, opening and keeping, each beside the best that can be written by hand for
//! the same work, in the same run. Nothing here fails because it is slow; it fails when the work itself goes wrong.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program that prints figures"
)]

mod connect;
mod floor;
mod floor_store;
mod host;
mod peers;
mod report;
mod rush;
mod silent;
mod store;
mod stub;

use std::error::Error;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What stands above the table.
const LEGEND: &str = "G4: silent tokens. G5: the first token of a process. G6: keeping a refreshed token. G10: connecting.
G11: many threads at expiry. G12: many processes. G14: both, for a minute, with refresh tokens good for one use.
Each figure stands beside a floor: the same work written by hand without this library, measured in the same run. Compare the
ratios, and expect other work on the machine to move them; `(ratio 1.2..1.4)` is how far they moved within this run. Where a row
says `over ...`, what it names stands in the place of the floor. `met: no` is a goal that this run did not reach, and no failure.
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == connect::COLD) {
        return connect::cold_child(&arguments[at + 1..]);
    }
    if let Some(at) = arguments.iter().position(|argument| argument == store::FIRST) {
        return store::first_child(&arguments[at + 1..]);
    }
    if let Some(at) = arguments.iter().position(|argument| argument == rush::RUSH) {
        return rush::child(&arguments[at + 1..]);
    }
    println!("{LEGEND}");
    let wanted = |part: &str| {
        let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
        parts.is_empty() || parts.iter().any(|name| *name == part)
    };
    let stub = stub::Stub::start()?;
    if wanted("connect") {
        connect::run(&stub)?;
    }
    if wanted("silent") || wanted("store") || wanted("crowded") {
        let hosts = host::Filled::all(&stub)?;
        if wanted("crowded") {
            connect::crowded(&stub, hosts.last().ok_or("no store")?)?;
        }
        if wanted("silent") {
            silent::run(&hosts)?;
        }
        if wanted("store") {
            peers::stores(&stub, &store::run(&stub, &hosts)?)?;
        }
    }
    if wanted("rush") {
        rush::run(&stub, peers::crowds)?;
    }
    report::summary();
    Ok(())
}
