//! Twins of case S-06: with a part of a value's place left out of what it is bound to, what was moved there opens, and the checks of that
//! case notice it.

use super::damage::{exchanged, is_noticed, read_in_anothers_place};
use crate::store::seal;

/// A part of the place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Part {
    Table,
    Row,
    Column,
    Bound,
}

thread_local! {
    static LEFT_OUT: std::cell::Cell<Option<Part>> = const { std::cell::Cell::new(None) };
}

/// The place that values are bound to: all of it, outside of [`without`].
pub(in crate::store) fn weakened(cell: seal::Cell<'_>) -> seal::Cell<'_> {
    match LEFT_OUT.get() {
        None => cell,
        Some(Part::Table) => seal::Cell { table: "", ..cell },
        Some(Part::Row) => seal::Cell { row: b"", ..cell },
        Some(Part::Column) => seal::Cell { column: "", ..cell },
        Some(Part::Bound) => seal::Cell { bound: 0, ..cell },
    }
}

/// Does something with a seal that leaves this part out, on this thread alone.
pub(in crate::store) fn without<T>(part: Part, work: impl FnOnce() -> T) -> T {
    LEFT_OUT.set(Some(part));
    let done = work();
    LEFT_OUT.set(None);
    done
}

/// Without the row, whoever exchanges two ids gets the one's token for the other; and a sign-in takes another's secrets.
#[test]
fn s_06_a_seal_without_the_row_is_caught() {
    assert_eq!(without(Part::Row, || exchanged("id"))[..2], ["id: another's token", "id: another's token"]);
    assert!(!without(Part::Row, || is_noticed("id = '00000000000000000000000000000000'")));
    assert_eq!(without(Part::Row, read_in_anothers_place), [b"b".to_vec(), b"b".to_vec()]);
}

#[test]
fn s_06_a_seal_without_the_bound_number_is_caught() {
    assert!(!without(Part::Bound, || is_noticed("generation = generation + 1")));
    assert_eq!(without(Part::Bound, read_in_anothers_place), [b"b".to_vec()]);
}
