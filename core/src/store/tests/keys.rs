//! Key providers: what they wrap opens again, what they retire does not, and nothing tempts them to work for ever.

use super::rig::Rig;
use crate::{
    error::{Actor, Detail, ErrorKind},
    store::{HostKey, KeyFile, KeyProvider, Passphrase, seal::Key},
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

const STORE_KEY: [u8; 32] = [9; 32];
const MAGIC: usize = 24;
const ENTRY: usize = 40;

fn key_file(rig: &Rig) -> PathBuf {
    rig.beside(".key")
}

fn at(path: &Path) -> KeyFile {
    KeyFile::at(path.to_str().unwrap()).unwrap()
}

fn refusal(provider: &dyn KeyProvider, wrapped: &[u8]) -> Detail {
    provider.unwrap(1, wrapped).unwrap_err().cause()
}

/// A file as a host or an older version makes it, and what the older version wrapped with it.
fn single_key(path: &Path, fill: u8) -> Vec<u8> {
    fs::write(path, [fill; 32]).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    HostKey::new(&[fill; 32]).unwrap().wrap(1, &STORE_KEY).unwrap()
}

#[test]
fn each_wrapping_has_a_key_of_its_own_in_the_file() {
    let rig = Rig::new();
    let provider = at(&key_file(&rig));
    assert!(!key_file(&rig).exists(), "made when it is needed");
    let wrapped: Vec<_> = (1..=3).map(|id| provider.wrap(id, &STORE_KEY).unwrap()).collect();
    let content = fs::read(key_file(&rig)).unwrap();
    assert_eq!(content.len(), MAGIC + 3 * ENTRY);
    let entries: HashSet<_> = content[MAGIC..].chunks(ENTRY).map(<[u8]>::to_vec).collect();
    assert_eq!(entries.len(), 3);
    for (id, wrapped) in (1..).zip(&wrapped) {
        assert_eq!((wrapped[0], wrapped.len()), (2, 1 + 8 + 24 + 32 + 16));
        assert!(entries.iter().any(|entry| entry.starts_with(&wrapped[1..9])), "the blob names its key");
        assert_eq!(provider.unwrap(id, wrapped).unwrap(), STORE_KEY);
        assert_eq!(provider.unwrap(id + 1, wrapped).unwrap_err().cause(), Detail::StoreWrongKey, "bound to its number");
    }
}

/// Case S-07, for what the provider does for it.
#[test]
fn s_07_a_retired_key_opens_nothing_and_leaves_no_trace() {
    let rig = Rig::new();
    let provider = at(&key_file(&rig));
    let [old, new] = [1, 1].map(|id| provider.wrap(id, &STORE_KEY).unwrap());
    let own = fs::read(key_file(&rig)).unwrap()[MAGIC + 8..MAGIC + ENTRY].to_vec();
    provider.retire(&old).unwrap();
    assert_eq!((refusal(&provider, &old), provider.unwrap(1, &new).unwrap()), (Detail::StoreWrongKey, STORE_KEY.to_vec()));
    assert_eq!(refusal(&at(&key_file(&rig)), &old), Detail::StoreWrongKey);
    provider.retire(&old).unwrap();
    for entry in fs::read_dir(rig.folder.path()).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        assert!(!content.windows(32).any(|bytes| bytes == own), "the key is nowhere in the folder");
    }
    assert_eq!(provider.unwrap(1, &new).unwrap(), STORE_KEY, "retiring twice harms nobody else");
    for foreign in [&[][..], &[1], &[2, 0], &[3; 100], &[4; 100], &new[..8]] {
        provider.retire(foreign).unwrap();
    }
    assert_eq!(provider.unwrap(1, &new).unwrap(), STORE_KEY);
}

#[test]
fn a_file_with_a_single_key_opens_what_it_wrapped_and_is_converted_once() {
    let rig = Rig::new();
    let path = key_file(&rig);
    let old = single_key(&path, 5);
    let provider = at(&path);
    assert_eq!(provider.unwrap(1, &old).unwrap(), STORE_KEY);
    assert_eq!(fs::read(&path).unwrap(), [5; 32], "reading changes nothing");
    let new = provider.wrap(1, &STORE_KEY).unwrap();
    assert_eq!((new[0], fs::read(&path).unwrap().len()), (2, MAGIC + 2 * ENTRY));
    for provider in [provider, at(&path)] {
        assert_eq!(provider.unwrap(1, &old).unwrap(), STORE_KEY, "still, after the change of form");
        assert_eq!(provider.unwrap(1, &new).unwrap(), STORE_KEY);
    }
    let other = HostKey::new(&[6; 32]).unwrap().wrap(1, &STORE_KEY).unwrap();
    at(&path).retire(&other).unwrap();
    assert_eq!(at(&path).unwrap(1, &old).unwrap(), STORE_KEY, "what another key wrapped retires nothing");
    at(&path).retire(&old).unwrap();
    assert_eq!(refusal(&at(&path), &old), Detail::StoreWrongKey);
    assert_eq!(at(&path).unwrap(1, &new).unwrap(), STORE_KEY);
}

#[test]
fn a_single_key_can_be_retired_without_a_change_of_form_before() {
    let rig = Rig::new();
    let old = single_key(&key_file(&rig), 5);
    at(&key_file(&rig)).retire(&old).unwrap();
    assert_eq!(refusal(&at(&key_file(&rig)), &old), Detail::StoreWrongKey);
}

#[test]
fn what_is_no_key_file_is_refused() {
    let rig = Rig::new();
    let path = key_file(&rig);
    at(&path).wrap(1, &STORE_KEY).unwrap();
    let good = fs::read(&path).unwrap();
    let zero = [&good[..MAGIC + 8], &[0; 32]].concat();
    let long = [&good[..MAGIC], &good[MAGIC..].repeat(1025)].concat();
    for content in [&good[..MAGIC - 1], &good[..=MAGIC], &good[..MAGIC + ENTRY - 1], &zero, &long, b"intail-office365 keys 3\n"] {
        fs::write(&path, content).unwrap();
        let error = KeyFile::at(path.to_str().unwrap()).unwrap_err();
        assert_eq!((error.cause(), error.kind()), (Detail::KeyFileUnsafe, ErrorKind::KeyRejected), "{} bytes", content.len());
        assert_eq!(fs::read(&path).unwrap(), *content, "nothing was changed");
    }
}

#[test]
fn a_key_file_that_is_gone_is_said_to_be_gone() {
    let rig = Rig::new();
    let provider = at(&key_file(&rig));
    let wrapped = provider.wrap(1, &STORE_KEY).unwrap();
    let away = rig.beside(".away");
    fs::rename(key_file(&rig), &away).unwrap();
    for error in [
        provider.unwrap(1, &wrapped).unwrap_err(),
        provider.wrap(1, &STORE_KEY).unwrap_err(),
        provider.retire(&wrapped).unwrap_err(),
    ] {
        assert_eq!((error.cause(), error.kind()), (Detail::KeyFileMissing, ErrorKind::KeyUnavailable));
    }
    assert!(!key_file(&rig).exists(), "no new one was made behind the host's back");
    // Also not by a provider that never saw it: what was wrapped with it needs it.
    assert_eq!(at(&key_file(&rig)).unwrap(1, &wrapped).unwrap_err().cause(), Detail::KeyFileMissing);
    assert!(!key_file(&rig).exists());
    let nowhere = KeyFile::at(rig.beside(".nowhere/key").to_str().unwrap()).unwrap_err();
    assert_eq!((nowhere.cause(), nowhere.what()), (Detail::KeyFileMissing, Some("folder")));
    fs::rename(away, key_file(&rig)).unwrap();
    assert_eq!(provider.unwrap(1, &wrapped).unwrap(), STORE_KEY);
}

#[test]
fn a_key_file_takes_a_thousand_keys_and_then_says_so() {
    let rig = Rig::new();
    let path = key_file(&rig);
    let provider = at(&path);
    let first = provider.wrap(1, &STORE_KEY).unwrap();
    let mut content = fs::read(&path).unwrap();
    for number in 1..1023_u32 {
        content.extend_from_slice(&[number.to_be_bytes().as_slice(), &[1; 36]].concat());
    }
    fs::write(&path, content).unwrap();
    let last = provider.wrap(1, &STORE_KEY).unwrap();
    assert_eq!(provider.wrap(1, &STORE_KEY).unwrap_err().cause(), Detail::KeyFileFull);
    provider.retire(&first).unwrap();
    provider.wrap(1, &STORE_KEY).unwrap();
    assert_eq!(provider.unwrap(1, &last).unwrap(), STORE_KEY);
}

#[cfg(unix)]
mod files {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn modes(rig: &Rig) -> HashSet<u32> {
        let mode = |entry: fs::DirEntry| entry.metadata().unwrap().permissions().mode() & 0o777;
        fs::read_dir(rig.folder.path()).unwrap().map(|entry| mode(entry.unwrap())).collect()
    }

    #[test]
    fn s_14_the_key_file_and_what_lies_beside_it_are_private() {
        let rig = Rig::new();
        let provider = at(&key_file(&rig));
        provider.wrap(1, &STORE_KEY).unwrap();
        assert_eq!(modes(&rig), HashSet::from([0o600]));
    }

    /// Who still has the old file open finds no key there that was retired.
    #[test]
    fn a_retired_key_is_wiped_from_the_file_that_was_replaced() {
        use std::io::{Read, Seek};

        let rig = Rig::new();
        let provider = at(&key_file(&rig));
        let wrapped = provider.wrap(1, &STORE_KEY).unwrap();
        let (mut old, mut content) = (fs::File::open(key_file(&rig)).unwrap(), Vec::new());
        old.read_to_end(&mut content).unwrap();
        assert_eq!((content.len(), content.iter().all(|byte| *byte == 0)), (MAGIC + ENTRY, false), "the key is there");
        provider.retire(&wrapped).unwrap();
        old.rewind().unwrap();
        content.clear();
        old.read_to_end(&mut content).unwrap();
        assert_eq!(content, [0; MAGIC + ENTRY]);
    }

    #[test]
    fn s_16_links_at_the_key_file_and_beside_it_are_refused() {
        let rig = Rig::new();
        let path = key_file(&rig);
        let provider = at(&path);
        let wrapped = provider.wrap(1, &STORE_KEY).unwrap();
        let target = rig.beside(".target");

        fs::hard_link(&path, &target).unwrap();
        assert_eq!(refusal(&provider, &wrapped), Detail::KeyFileUnsafe, "a second name");
        fs::remove_file(&path).unwrap();
        symlink(&target, &path).unwrap();
        assert_eq!(refusal(&provider, &wrapped), Detail::KeyFileUnsafe, "a link");
        assert_eq!(provider.wrap(1, &STORE_KEY).unwrap_err().cause(), Detail::KeyFileUnsafe);
        fs::remove_file(&path).unwrap();
        fs::rename(&target, &path).unwrap();

        // A draft that somebody planted is removed, not written through.
        fs::write(&target, "mine").unwrap();
        symlink(&target, rig.beside(".key.new")).unwrap();
        provider.wrap(1, &STORE_KEY).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"mine");

        fs::remove_file(rig.beside(".key.lock")).unwrap();
        symlink(&target, rig.beside(".key.lock")).unwrap();
        let error = provider.wrap(1, &STORE_KEY).unwrap_err();
        assert_eq!((error.kind(), error.what()), (ErrorKind::StorageUnavailable, Some("key file")), "a link in place of the lock");
        assert_eq!(provider.unwrap(1, &wrapped).unwrap(), STORE_KEY);
    }

    #[test]
    fn a_change_waits_for_another_one_and_not_for_ever() {
        let rig = Rig::new();
        let provider = at(&key_file(&rig));
        provider.wrap(1, &STORE_KEY).unwrap();
        let held = fs::File::open(rig.beside(".key.lock")).unwrap();
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let start = Instant::now();
        let error = provider.wrap(1, &STORE_KEY).unwrap_err();
        assert_eq!((error.cause(), error.what()), (Detail::StoreBusy, Some("key file")));
        assert!(start.elapsed() >= Duration::from_secs(5));
        drop(held);
        provider.wrap(1, &STORE_KEY).unwrap();
    }

    #[test]
    fn a_key_file_that_cannot_be_written_still_opens() {
        let rig = Rig::new();
        let folder = rig.beside(".keys");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("office365.key");
        let wrapped = single_key(&path, 5);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(at(&path).unwrap(1, &wrapped).unwrap(), STORE_KEY);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "reading needs no lock");
    }
}

#[test]
fn a_passphrase_opens_what_it_wrapped_and_is_derived_once() {
    let own = Passphrase::new("correct horse battery").unwrap();
    let wrapped = own.wrap(1, &STORE_KEY).unwrap();
    assert_eq!(wrapped[..13], [3, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1], "64 MiB, 3 passes, 1 lane");
    assert_ne!(own.wrap(1, &STORE_KEY).unwrap()[13..29], wrapped[13..29], "a salt for each");
    let again = Passphrase::new("correct horse battery").unwrap();
    assert_eq!(again.unwrap(1, &wrapped).unwrap(), STORE_KEY);
    let start = Instant::now();
    for _ in 0..1000 {
        assert_eq!(again.unwrap(1, &wrapped).unwrap(), STORE_KEY);
    }
    assert!(start.elapsed() < Duration::from_secs(20), "the derived key is kept: a thousand derivations take a minute and more");
    let wrong = Passphrase::new("correct horse batterx").unwrap().unwrap(1, &wrapped).unwrap_err();
    assert_eq!((wrong.cause(), wrong.kind(), wrong.who_acts()), (Detail::PassphraseWrong, ErrorKind::KeyRejected, Actor::User));
    assert_eq!(refusal(&again, &HostKey::new(&[5; 32]).unwrap().wrap(1, &STORE_KEY).unwrap()), Detail::StoreWrongKey);
    assert_eq!(format!("{again:?}"), "Passphrase([redacted])");
}

/// The vector of RFC 9106 section 5.3 has a secret and associated data, which are not used here; this one was made with the
/// reference program: `echo -n "correct horse battery" | argon2 saltsaltsaltsalt -id -t 3 -m 16 -p 1 -l 32 -r`.
#[test]
fn a_passphrase_is_derived_as_by_the_reference_program() {
    let expected = "c207f4b273a40c6daff4e4e09549029df281e1acf9e5817a89284d6a7a345309";
    let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&expected[2 * at..2 * at + 2], 16).unwrap()).collect();
    let header = [&[3][..], &[0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1], b"saltsaltsaltsalt"].concat();
    let derived: Key = Zeroizing::new(bytes.try_into().unwrap());
    let label = [b"intail-office365 wrapped store key".as_slice(), &[0, 0, 0, 1], &header[1..]].concat();
    let wrapped = crate::store::seal::seal_bytes(&derived, &header, &label, &STORE_KEY).unwrap();
    assert_eq!(Passphrase::new("correct horse battery").unwrap().unwrap(1, &wrapped).unwrap(), STORE_KEY);
}

#[test]
fn s_31_an_unsuitable_passphrase_is_refused_and_names_its_person() {
    assert_eq!(Passphrase::new("").unwrap_err().cause(), Detail::StoreKeyMissing);
    let megabyte = "x".repeat(1 << 20);
    for (phrase, what) in [
        ("short", "length"),
        ("elevenchars", "length"),
        (&megabyte, "length"),
        (&"ü".repeat(513), "length"),
        ("twelve chars\0and NUL", "NUL"),
    ] {
        let error = Passphrase::new(phrase).unwrap_err();
        assert_eq!((error.cause(), error.who_acts(), error.what()), (Detail::PassphraseUnsuitable, Actor::User, Some(what)));
        assert!(!format!("{error} {error:?}").contains("elevenchars"));
    }
    for phrase in ["twelve chars", "zwölf Zeichen", &"x".repeat(1024), "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑"] {
        Passphrase::new(phrase).unwrap();
    }
}

#[test]
fn s_31_parameters_from_a_tampered_file_cost_nothing() {
    let provider = Passphrase::new("correct horse battery").unwrap();
    let wrapped = provider.wrap(1, &STORE_KEY).unwrap();
    let with = |at: usize, number: u32| {
        let mut changed = wrapped.clone();
        changed[at..at + 4].copy_from_slice(&number.to_be_bytes());
        changed
    };
    let (memory, passes, lanes) = (1, 5, 9);
    let start = Instant::now();
    for (at, number) in [
        (memory, 0),
        (memory, 8 * 1024 - 1),
        (memory, 256 * 1024 + 1),
        (memory, 1 << 31),
        (memory, u32::MAX),
        (passes, 0),
        (passes, 11),
        (passes, 1 << 31),
        (lanes, 0),
        (lanes, 5),
        (lanes, u32::MAX),
    ] {
        let error = provider.unwrap(1, &with(at, number)).unwrap_err();
        assert_eq!((error.cause(), error.what()), (Detail::StoreCorrupt, Some("key derivation")), "{at}: {number}");
    }
    for length in 1..29 {
        assert_eq!(refusal(&provider, &wrapped[..length]), Detail::StoreCorrupt, "cut to {length}");
    }
    assert!(start.elapsed() < Duration::from_secs(1), "nothing was derived");
    // Within the bounds it is derived, with other numbers, and does not open: nobody can make it cheaper.
    for changed in [with(passes, 1), with(memory, 8 * 1024), with(memory, 256 * 1024), with(lanes, 4)] {
        assert_eq!(refusal(&provider, &changed), Detail::PassphraseWrong);
    }
    assert_eq!(refusal(&provider, &wrapped[..wrapped.len() - 1]), Detail::PassphraseWrong, "cut at its end");
    assert_eq!(refusal(&provider, &[]), Detail::StoreWrongKey);
}
