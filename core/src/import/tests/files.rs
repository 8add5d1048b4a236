//! Paths and files, as a host may give them.

use super::*;

fn refused(source: &ImportSource) -> (&'static str, String) {
    refusal(read(source))
}

#[test]
fn only_an_ordinary_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(at("file"), "{}").unwrap();
    assert!(read(&ImportSource::msal(&at("file"))).is_ok());
    assert_eq!(refused(&ImportSource::msal(&at("nothing"))), ("ImportUnreadable", "missing".to_owned()));
    assert_eq!(refused(&ImportSource::msal(&at(""))), ("ImportUnreadable", "not a file".to_owned()));
    assert_eq!(refused(&ImportSource::msal("")), ("InvalidArgument", "path".to_owned()));
    assert_eq!(refused(&ImportSource::msal("needle\0")), ("InvalidArgument", "path".to_owned()));
    let with_cache = |source: ImportSource| ImportSource { cache_path: Some(at("nothing")), ..source };
    assert_eq!(refused(&with_cache(ImportSource::msal(&at("file")))), ("InvalidArgument", "cache_path".to_owned()));
    fs::write(at("config"), "").unwrap();
    assert_eq!(refused(&with_cache(ImportSource::email_oauth2_proxy(&at("config"), "x"))).0, "ImportUnreadable");
}

/// A pipe without a writer would be waited for, for ever.
#[cfg(unix)]
#[test]
fn pipes_links_and_devices_are_refused_at_once() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(at("file"), "{}").unwrap();
    std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for path in [at("link"), at("pipe"), "/dev/zero".to_owned()] {
        assert_eq!(refused(&ImportSource::msal(&path)), ("ImportUnreadable", "not a file".to_owned()), "{path}");
    }
}

#[test]
fn a_file_of_100_mb_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large").to_string_lossy().into_owned();
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    assert_eq!(refused(&ImportSource::msal(&path)), ("ImportUnreadable", "too large".to_owned()));
}

#[test]
fn ten_thousand_accounts_are_the_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many").to_string_lossy().into_owned();
    let write = |number: usize| {
        let of = |at: usize| token(move |entry| entry["home_account_id"] = json!(format!("{at:08x}{}", &home()[8..])));
        fs::write(&path, cache(&(0..number).map(of).collect::<Vec<_>>(), &[]).to_string()).unwrap();
    };
    write(MOST_ACCOUNTS);
    assert_eq!(read(&ImportSource::msal(&path)).unwrap().candidates.len(), MOST_ACCOUNTS);
    write(MOST_ACCOUNTS + 1);
    assert_eq!(refused(&ImportSource::msal(&path)), ("ImportFormat", "accounts".to_owned()));
}

#[test]
fn one_account_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved").to_string_lossy().into_owned();
    let other = token(|entry| entry["home_account_id"] = json!(format!("{GUEST}.{TENANT}")));
    fs::write(&path, cache(&[token(|_| {}), other, json!(7)], &[account(TENANT, PERSON, "Ädele@contoso.example")]).to_string())
        .unwrap();
    let source = ImportSource { username: Some("äDELE@contoso.example".into()), ..ImportSource::msal(&path) };
    let found = read(&source).unwrap();
    assert_eq!((found.candidates.len(), found.report.refused.len()), (1, 0));
    assert_eq!(reasons(&found), [LeftReason::NotAskedFor; 2]);
}
