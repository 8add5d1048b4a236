//! Rows, read from pages without the tables that lead to them: a page says itself that it holds rows, and a row says what it is made of.
//!
//! ```text
//! page     type 1 byte (13: rows, 10 and 2: an index) | .. | cells 2 | .. | in an index, 2: right child 4 | where each cell is, 2 bytes
//! cell     in an index, 2: left child 4 | length of the record | in rows: row id | as much of the record as fits | if not all: page 4
//! page     that a record goes on in: next page 4, or 0 | record
//! record   length of the head | types | values
//! ```
//!
//! Lengths, row ids and types are numbers of 1 to 9 bytes. A record that was put together wrongly does no harm: what is sealed in it
//! does not open.

use super::snapshot::{PAGE, Pages, word};

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Number(i64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
}

/// A row of some table, or an entry of some index.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) values: Vec<Value>,
    /// Whether these are all its values.
    pub(super) is_whole: bool,
}

const ROWS: u8 = 13;
const INDEX_LEAF: u8 = 10;
const INDEX_NODE: u8 = 2;

/// Every row of every table.
pub(super) fn rows(pages: &Pages) -> Vec<Row> {
    cells(pages, &[ROWS])
}

/// Every entry of every index.
pub(super) fn entries(pages: &Pages) -> Vec<Row> {
    cells(pages, &[INDEX_LEAF, INDEX_NODE])
}

fn cells(pages: &Pages, kinds: &[u8]) -> Vec<Row> {
    let mut found = Vec::new();
    for number in pages.numbers() {
        let Some(page) = pages.page(number) else { continue };
        // The first page begins with a head of its own.
        let head = page.get(if number == 1 { 100 } else { 0 }..).unwrap_or_default();
        let Some(kind) = head.first().copied().filter(|kind| kinds.contains(kind)) else { continue };
        let count = head.get(3..).and_then(short).unwrap_or(0);
        let places = head.get(if kind == INDEX_NODE { 12 } else { 8 }..).unwrap_or_default();
        let places = places.as_chunks::<2>().0.iter().take(count);
        found.extend(places.filter_map(|place| cell(pages, page, kind, short(place)?)));
    }
    found
}

fn cell(pages: &Pages, page: &[u8], kind: u8, start: usize) -> Option<Row> {
    let mut bytes = page.get(start..)?;
    if kind == INDEX_NODE {
        bytes = bytes.get(4..)?;
    }
    let length = usize::try_from(number(&mut bytes)?).ok().filter(|length| *length <= pages.bytes().len())?;
    let id = if kind == ROWS { number(&mut bytes)? } else { 0 };
    let record = record(pages, bytes, length, kind)?;
    let values = values(&record)?;
    Some(Row { id, is_whole: record.len() == length && values.1, values: values.0 })
}

/// The record, or as much of it as is there.
fn record(pages: &Pages, bytes: &[u8], length: usize, kind: u8) -> Option<Vec<u8>> {
    let here = local(length, kind)?;
    let mut record = bytes.get(..here)?.to_vec();
    let mut next = word(bytes, here);
    while record.len() < length {
        let Some(page) = next.and_then(|number| pages.page(number)) else { break };
        let rest = length.saturating_sub(record.len());
        record.extend(page.get(4..)?.iter().take(rest));
        next = word(page, 0);
    }
    Some(record)
}

/// How much of a record lies in the cell itself.
fn local(length: usize, kind: u8) -> Option<usize> {
    let most = if kind == ROWS { PAGE.checked_sub(35)? } else { (PAGE.checked_sub(12)? * 64 / 255).checked_sub(23)? };
    if length <= most {
        return Some(length);
    }
    let least = (PAGE.checked_sub(12)? * 32 / 255).checked_sub(23)?;
    let wish = least.checked_add(length.checked_sub(least)? % PAGE.checked_sub(4)?)?;
    Some(if wish <= most { wish } else { least })
}

/// The values, and whether all of them are there.
fn values(record: &[u8]) -> Option<(Vec<Value>, bool)> {
    let mut types = record;
    let head = usize::try_from(number(&mut types)?).ok()?;
    let (mut types, mut bytes) = (types.get(..head.checked_sub(record.len().checked_sub(types.len())?)?)?, record.get(head..)?);
    let mut values = Vec::new();
    while !types.is_empty() {
        let Some(value) = value(number(&mut types)?, &mut bytes) else { return Some((values, false)) };
        values.push(value);
    }
    Some((values, true))
}

fn value(kind: i64, bytes: &mut &[u8]) -> Option<Value> {
    let length = match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 => 8,
        12.. => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
        // Fractions, and what no record has.
        _ => return None,
    };
    let (here, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(match kind {
        0 => Value::Null,
        8 => Value::Number(0),
        9 => Value::Number(1),
        1..=6 => Value::Number(signed(here)),
        _ if kind % 2 == 0 => Value::Bytes(here.to_vec()),
        _ => Value::Text(here.to_vec()),
    })
}

/// A number of 1 to 9 bytes: seven bits of each of the first eight, all of the ninth.
fn number(bytes: &mut &[u8]) -> Option<i64> {
    let mut number: u64 = 0;
    for index in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == 8 {
            number = (number << 8) | u64::from(*byte);
            break;
        }
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number.cast_signed())
}

fn signed(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |number, byte| (number << 8) | i64::from(*byte))
}

fn short(bytes: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*bytes.first_chunk()?)))
}
