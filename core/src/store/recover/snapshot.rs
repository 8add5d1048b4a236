//! The files of a store as they lay there at one moment, in memory, and the pages that they are when the log is played into the file.
//!
//! ```text
//! log      header 32 bytes | frames
//! header   0x377F0682 or 0x377F0683 | version | page size | number | salt 8 | checksum 8
//! frame    page number 4 | pages of the file if this ends a transaction, or 0: 4 | salt 8 | checksum 8 | the page
//! ```
//!
//! Numbers are big endian. The checksum runs from the header through all frames, over words whose order the last bit of the first
//! number tells. What follows the first frame that does not fit, or the last one that ends a transaction, does not count.

use crate::{
    error::{Detail, Result},
    store::{
        in_use::Alone,
        place::{self, Place},
    },
};
use std::collections::BTreeMap;

pub(super) const PAGE: usize = 4096;
/// No store that this library writes comes near it.
pub(super) const LIMIT: u64 = 1024 * 1024 * 1024;
/// How often a store that is being written meanwhile is read.
const TRIES: u32 = 5;
const FRAME_HEAD: usize = 24;

/// The bytes of a store's files.
pub(super) struct Snapshot {
    pub(super) file: Vec<u8>,
    pub(super) log: Vec<u8>,
}

impl Snapshot {
    /// Reads the files while nobody writes them, or tells that somebody does. `None` if there is no file.
    pub(super) fn take(place: &Place) -> Result<Option<Self>> {
        for _ in 0..TRIES {
            let before = (place.peek("")?, place.peek("-wal")?);
            let Some(file) = read(place, "")? else { return Ok(None) };
            let taken = Self { log: read(place, "-wal")?.unwrap_or_default(), file };
            if before == (place.peek("")?, place.peek("-wal")?) {
                return Ok(Some(taken));
            }
        }
        Err(Detail::StoreBusy.into())
    }

    /// Whether the files still are what they were, for who has them alone.
    pub(super) fn still_holds(&self, place: &Place, file: &Alone) -> Result<bool> {
        Ok(file.read(LIMIT)? == self.file && read(place, "-wal")?.unwrap_or_default() == self.log)
    }

    /// The pages of the store: the file with every finished transaction of the log in it.
    pub(super) fn pages(&self) -> Pages {
        let mut pages = Pages(self.file.clone());
        Log { rest: &self.log }.play_into(&mut pages);
        pages
    }

    /// Everything that may be a page of an earlier state: the file as it is, and all that lies in the log.
    pub(super) fn older_pages(&self) -> [Pages; 2] {
        let frames = self.log.get(32..).unwrap_or_default().chunks_exact(FRAME_HEAD.saturating_add(PAGE));
        let logged = frames.flat_map(|frame| frame.get(FRAME_HEAD..).unwrap_or_default()).copied().collect();
        [Pages(self.file.clone()), Pages(logged)]
    }
}

/// A database without a log, whole or not.
pub(super) struct Pages(Vec<u8>);

impl Pages {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Pages count from 1.
    pub(super) fn page(&self, number: u32) -> Option<&[u8]> {
        let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(PAGE)?;
        self.0.get(start..start.checked_add(PAGE)?)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        1..=u32::try_from(self.0.len() / PAGE).unwrap_or(u32::MAX)
    }

    /// The same for a reader that knows of no log: the first page no longer says that there is one.
    pub(super) fn without_log(mut self) -> Vec<u8> {
        if self.0.starts_with(b"SQLite format 3\0")
            && let Some(versions) = self.0.get_mut(18..20)
        {
            versions.fill(1);
        }
        self.0
    }

    fn put(&mut self, number: u32, page: &[u8]) {
        let Some(start) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)?.checked_mul(PAGE)) else { return };
        let Some(end) = start.checked_add(PAGE) else { return };
        if let Some(place) = self.0.get_mut(start..end) {
            place.copy_from_slice(page);
        }
    }

    fn resize(&mut self, pages: usize) {
        self.0.resize(pages.saturating_mul(PAGE), 0);
    }
}

/// A big-endian number of 4 bytes.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

struct Log<'a> {
    rest: &'a [u8],
}

impl<'a> Log<'a> {
    /// As `SQLite` reads it: the newest state of each page counts, and the last transaction says how many pages there are. A store never
    /// grows by more pages than were written, so a log that says more is believed that far.
    fn play_into(mut self, pages: &mut Pages) {
        let Some((salt, mut sum)) = self.head() else { return };
        let (mut begun, mut newest, mut length) = (Vec::new(), BTreeMap::new(), None);
        while let Some((number, size, page)) = self.frame(salt, &mut sum) {
            begun.push((number, page));
            if size > 0 {
                newest.extend(begun.drain(..));
                length = Some(usize::try_from(size).unwrap_or(usize::MAX));
            }
        }
        let Some(length) = length else { return };
        let most = pages.0.len().div_ceil(PAGE).saturating_add(newest.len());
        pages.resize(length.min(most));
        for (number, page) in newest {
            pages.put(number, page);
        }
    }

    fn head(&mut self) -> Option<(&'a [u8], Sum)> {
        let (head, rest) = self.rest.split_at_checked(32)?;
        self.rest = rest;
        let is_big_endian = match word(head, 0)? {
            0x377F_0682 => false,
            0x377F_0683 => true,
            _ => return None,
        };
        let mut sum = Sum { is_big_endian, of: (0, 0) };
        sum.add(head.get(..24)?);
        let fits = word(head, 8)? == 4096 && sum.is(head.get(24..)?);
        fits.then_some((head.get(16..24)?, sum))
    }

    fn frame(&mut self, salt: &[u8], sum: &mut Sum) -> Option<(u32, u32, &'a [u8])> {
        let (head, rest) = self.rest.split_at_checked(FRAME_HEAD)?;
        let (page, rest) = rest.split_at_checked(PAGE)?;
        self.rest = rest;
        sum.add(head.get(..8)?);
        sum.add(page);
        let fits = head.get(8..16)? == salt && sum.is(head.get(16..)?);
        Some((word(head, 0)?, word(head, 4)?, page)).filter(|_| fits)
    }
}

/// The running checksum of a log.
#[derive(Clone, Copy)]
struct Sum {
    is_big_endian: bool,
    of: (u32, u32),
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.as_chunks::<8>().0 {
            let (Some(first), Some(second)) = (pair.first_chunk(), pair.last_chunk()) else { return };
            let first = self.of.0.wrapping_add(self.number(*first)).wrapping_add(self.of.1);
            let second = self.of.1.wrapping_add(self.number(*second)).wrapping_add(first);
            self.of = (first, second);
        }
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn is(&self, stored: &[u8]) -> bool {
        word(stored, 0) == Some(self.of.0) && word(stored, 4) == Some(self.of.1)
    }
}

fn read(place: &Place, suffix: &str) -> Result<Option<Vec<u8>>> {
    if place.peek(suffix)?.is_none() {
        return Ok(None);
    }
    let file = place::open_to_read(&place.beside(suffix))?;
    place::read_all(&file, LIMIT).map(Some)
}
