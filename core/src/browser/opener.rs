//! Opens the system browser by calling a program with the address as one argument; no shell is involved.

use crate::error::{Detail, Error, Result};
use std::{
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};
use url::Url;

/// Opens an address in the person's browser. The library brings one for desktops; a host replaces it where it knows better.
pub trait BrowserOpener: Send + Sync {
    /// Opens `url`, an `http` or `https` address, and returns without waiting for the person.
    ///
    /// # Errors
    /// An opener that cannot open anything returns [`Error::browser_unavailable`](crate::Error::browser_unavailable). Any error ends a `connect` without an observer; with
    /// one the sign-in goes on, because the host can show the address (`ConnectEventKind::BrowserUnavailable`).
    fn open(&self, url: &str) -> Result<()>;
}

/// The desktop's own way: `xdg-open` and its like on Linux, `open` on macOS, the URL handler on Windows.
#[derive(Debug, Default)]
pub(crate) struct SystemBrowser;

impl BrowserOpener for SystemBrowser {
    fn open(&self, url: &str) -> Result<()> {
        open_with(PROGRAMS, url)
    }
}

/// Programs to try in this order, each with what stands before the address. The environment names none.
#[cfg(target_os = "macos")]
const PROGRAMS: &[&[&str]] = &[&["/usr/bin/open"]];
#[cfg(windows)]
const PROGRAMS: &[&[&str]] = &[&["rundll32.exe", "url.dll,FileProtocolHandler"]];
#[cfg(not(any(target_os = "macos", windows)))]
const PROGRAMS: &[&[&str]] = &[&["xdg-open"], &["gio", "open"], &["wslview"]];

/// A program that fails within this time has opened nothing; one that still runs then is taken to have.
const QUICK_FAILURE: Duration = Duration::from_secs(1);

fn open_with(programs: &[&[&str]], url: &str) -> Result<()> {
    if !is_web_address(url) {
        return Err(Detail::InvalidArgument.about("url"));
    }
    for program in programs {
        if start(program, url).is_some_and(succeeds) {
            return Ok(());
        }
    }
    Err(Error::from(Detail::BrowserUnavailable).with_url(url.to_owned()))
}

/// Any other scheme could start a program. A quote would end the argument on Windows, where programs split their own command line.
fn is_web_address(url: &str) -> bool {
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !(cfg!(windows) && url.contains('"'));
    plain && Url::parse(url).is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https"))
}

/// The program keeps out of the host's terminal: no standard streams, and a process group of its own, so that Ctrl-C in the host
/// does not close the browser.
fn start(program: &[&str], url: &str) -> Option<Child> {
    let (name, arguments) = program.split_first()?;
    let mut command = Command::new(name);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().ok()
}

/// Waits for a quick failure. The thread ends with the program, which is collected there and leaves no zombie.
fn succeeds(mut child: Child) -> bool {
    let (ended, end) = mpsc::channel();
    let reaper = thread::Builder::new().name("intail-browser".to_owned()).stack_size(64 * 1024).spawn(move || {
        // Where the host ignores SIGCHLD there is no status to be had; the program ran.
        let succeeded = child.wait().as_ref().map_or(true, ExitStatus::success);
        // Nobody listens once the second is over.
        let _ = ended.send(succeeded);
    });
    reaper.is_err() || end.recv_timeout(QUICK_FAILURE).unwrap_or(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
        time::Instant,
    };

    /// A program that writes down its arguments, one a line, and then does what `then` says.
    fn program(folder: &Path, name: &str, then: &str) -> (String, PathBuf) {
        let (path, record) = (folder.join(name), folder.join(format!("{name}.arguments")));
        fs::write(&path, format!("#!/bin/sh\nprintf '%s\\n' \"$#\" \"$@\" > '{}'\n{then}\n", record.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        (path.to_str().unwrap().to_owned(), record)
    }

    const ADDRESS: &str = "https://login.example/a?x=\"'$(touch${IFS}owned)`id`%20%41;&y=*|~>b";

    #[test]
    fn o_22_the_address_is_one_argument_and_no_shell_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (name, record) = program(folder.path(), "browser", "");
        open_with(&[&[&name, "open"]], ADDRESS).unwrap();
        assert_eq!(fs::read_to_string(record).unwrap(), format!("2\nopen\n{ADDRESS}\n"));
        assert!(!Path::new("owned").exists());
    }

    #[test]
    fn o_22_the_next_program_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let (failing, tried) = program(folder.path(), "failing", "exit 3");
        let (working, record) = program(folder.path(), "working", "");
        open_with(&[&["/nowhere/browser"], &[&failing], &[&working]], ADDRESS).unwrap();
        assert!(tried.exists() && record.exists());
    }

    #[test]
    fn o_22_no_browser_gives_the_address_to_show() {
        let folder = tempfile::tempdir().unwrap();
        let (failing, _) = program(folder.path(), "failing", "exit 3");
        for programs in [&[][..], &[&["/nowhere/browser"][..]], &[&[failing.as_str()][..]], &[&[][..]]] {
            let error = open_with(programs, ADDRESS).unwrap_err();
            assert_eq!((error.cause(), error.url()), (Detail::BrowserUnavailable, Some(ADDRESS)));
            assert!(!error.to_string().contains("login.example") && !format!("{error:?}").contains("login.example"));
        }
    }

    #[test]
    fn o_22_a_hanging_program_does_not_hold_the_caller() {
        let folder = tempfile::tempdir().unwrap();
        let (hanging, record) = program(folder.path(), "hanging", "exec sleep 6");
        let (next, not_tried) = program(folder.path(), "next", "");
        let started = Instant::now();
        open_with(&[&[&hanging], &[&next]], ADDRESS).unwrap();
        assert!(started.elapsed() >= QUICK_FAILURE && started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        assert!(record.exists() && !not_tried.exists());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn o_22_the_host_hears_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let look = "for n in 0 1 2; do seen=\"$seen $(readlink /proc/$$/fd/$n)\"; done; echo \"$seen\" > \"$0.streams\"";
        let (noisy, _) = program(folder.path(), "noisy", &format!("{look}\necho noise; echo noise >&2"));
        open_with(&[&[&noisy]], ADDRESS).unwrap();
        let streams = fs::read_to_string(format!("{noisy}.streams")).unwrap();
        assert_eq!(streams, " /dev/null /dev/null /dev/null\n");
    }

    #[test]
    fn o_21_only_web_addresses_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (name, record) = program(folder.path(), "browser", "");
        for url in [
            "",
            "--help",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "ms-settings:",
            "/usr/bin/env",
            "https://",
            "https://host/a b",
            "https://host/\n",
            "https://host/\0",
            "https://h\u{f6}st/",
            " https://host/",
        ] {
            let error = open_with(&[&[&name]], url).unwrap_err();
            assert_eq!((error.cause(), error.what()), (Detail::InvalidArgument, Some("url")), "{url:?}");
        }
        assert!(!record.exists());
    }
}
