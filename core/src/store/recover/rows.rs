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

/// No two rows share a page that they go on in, so all of them together are no longer than the file. What is more than several times
/// that is not of our making.
const TIMES: usize = 4;

fn cells(pages: &Pages, kinds: &[u8]) -> Vec<Row> {
    let mut found = Vec::new();
    let mut budget = pages.bytes().len().saturating_mul(TIMES);
    for number in pages.numbers() {
        let Some(page) = pages.page(number) else { continue };
        // The first page begins with a head of its own.
        let head = page.get(if number == 1 { 100 } else { 0 }..).unwrap_or_default();
        let Some(kind) = head.first().copied().filter(|kind| kinds.contains(kind)) else { continue };
        let count = head.get(3..).and_then(short).unwrap_or(0);
        let places = head.get(if kind == INDEX_NODE { 12 } else { 8 }..).unwrap_or_default();
        let places = places.as_chunks::<2>().0.iter().take(count);
        found.extend(places.filter_map(|place| cell(pages, page, kind, short(place)?, &mut budget)));
    }
    found
}

fn cell(pages: &Pages, page: &[u8], kind: u8, start: usize, budget: &mut usize) -> Option<Row> {
    let mut bytes = page.get(start..)?;
    if kind == INDEX_NODE {
        bytes = bytes.get(4..)?;
    }
    let length = usize::try_from(number(&mut bytes)?).ok()?;
    let id = if kind == ROWS { number(&mut bytes)? } else { 0 };
    let record = record(pages, bytes, length, kind, *budget)?;
    *budget = budget.checked_sub(record.len())?;
    let values = values(&record)?;
    Some(Row { id, is_whole: record.len() == length && values.1, values: values.0 })
}

/// The record, or as much of it as is there.
fn record(pages: &Pages, bytes: &[u8], length: usize, kind: u8, most: usize) -> Option<Vec<u8>> {
    let here = local(length, kind)?;
    let mut record = bytes.get(..here)?.to_vec();
    let mut next = word(bytes, here);
    while record.len() < length.min(most) {
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

/// No table of ours has as many columns. A value can take no room in its record, and takes some in memory.
const MOST_VALUES: usize = 16;

/// The values, and whether all of them are there; `None` for what is no row of ours.
fn values(record: &[u8]) -> Option<(Vec<Value>, bool)> {
    let mut types = record;
    let head = usize::try_from(number(&mut types)?).ok()?;
    let (mut types, mut bytes) = (types.get(..head.checked_sub(record.len().checked_sub(types.len())?)?)?, record.get(head..)?);
    let mut values = Vec::new();
    while !types.is_empty() {
        let Some(value) = value(number(&mut types)?, &mut bytes) else { return Some((values, false)) };
        if values.len() >= MOST_VALUES {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::recover::snapshot::Snapshot;

    fn pages(bytes: Vec<u8>) -> Pages {
        Snapshot { file: bytes, log: Vec::new() }.pages()
    }

    /// Pages as `SQLite` writes them, with values of every kind and size.
    #[test]
    fn rows_and_entries_are_read_as_sqlite_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA page_size = 4096; CREATE TABLE t (n, i INTEGER, s TEXT UNIQUE, b BLOB)").unwrap();
        let numbers =
            [0, 1, -1, 127, -128, 128, 32767, -32768, 8_388_607, -8_388_608, 2_147_483_648, 1 << 46, -(1 << 46), i64::MAX];
        let sizes = [0, 1, 57, 58, 488, 489, 4000, 4023, 4024, 4061, 4062, 5000, 8149, 8192, 100_000];
        let row = |index: usize| {
            let (number, size) = (numbers[index % numbers.len()], sizes[index % sizes.len()]);
            (number, format!("text {index}"), vec![u8::try_from(index % 251).unwrap(); size])
        };
        for index in 0..300 {
            connection.execute("INSERT INTO t VALUES (NULL, ?1, ?2, ?3)", row(index)).unwrap();
        }
        drop(connection);
        let pages = pages(std::fs::read(path).unwrap());
        let mut found: Vec<Row> = rows(&pages).into_iter().filter(|row| row.values.len() == 4).collect();
        found.sort_by_key(|row| row.id);
        assert_eq!(found.len(), 300);
        for (index, found) in found.iter().enumerate() {
            let (number, text, bytes) = row(index);
            let expected = [Value::Null, Value::Number(number), Value::Text(text.into_bytes()), Value::Bytes(bytes)];
            assert!(found.is_whole && found.values == expected, "{index}");
        }
        let indexed = entries(&pages).iter().filter(|entry| matches!(entry.values.first(), Some(Value::Text(_)))).count();
        assert_eq!(indexed, 300);
    }

    /// Case S-03: hostile pages end, in bounded memory.
    #[test]
    fn s_03_noise_and_circles_end() {
        let mut noise = 1_u32;
        let mut random = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        };
        for kind in [ROWS, INDEX_LEAF, INDEX_NODE] {
            let mut bytes: Vec<u8> = (0..40 * PAGE).map(|_| random()).collect();
            bytes.chunks_mut(PAGE).for_each(|page| page[0] = kind);
            let found = cells(&pages(bytes), &[kind]);
            assert!(found.iter().map(|row| row.values.len()).sum::<usize>() < 40 * PAGE * TIMES);
        }
        // Every cell of every page claims a record without end that goes on in a page which leads to itself.
        let mut page = vec![ROWS, 0, 0, 0x07, 0, 0, 0, 0];
        page.extend([0x0f, 0x00].repeat(0x700));
        page.resize(PAGE, 0);
        page[0xf00..0xf09].copy_from_slice(&[0x8f, 0xff, 0xff, 0xff, 0x7f, 1, 2, 0, 12]);
        let mut circle = vec![0, 0, 0, 2];
        circle.resize(PAGE, 0);
        let bytes = [vec![0; PAGE], circle, page].concat();
        let found = rows(&pages(bytes));
        assert!(found.len() < 0x700, "{}", found.len());
    }
}
