//! Looks for what the sandbox issued and knows, and for what a test planted, in every way in which it could be written (case M-04).

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, Engine as _};
use intail_office365_sandbox::Sandbox;

/// How a secret begins says that it was there.
const BEGINNING: usize = 8;

/// What must not be shown, in all its writings.
pub(crate) struct Needles(Vec<String>);

impl Needles {
    /// Every code and token so far, and everybody's names and addresses.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let mut needles = Self(Vec::new());
        for (_, secret) in sandbox.issued_secrets() {
            needles.add(&secret);
            needles.0.extend(secret.get(..BEGINNING).map(str::to_owned));
        }
        for user in sandbox.control().users() {
            needles.add(&user.user_name);
            needles.0.extend(user.object_ids.into_values());
        }
        needles
    }

    pub(crate) fn add(&mut self, needle: &str) {
        assert!(needle.len() >= BEGINNING, "too short to be told from chance");
        self.0.extend(writings(needle.as_bytes()));
    }

    /// Those that stand in the text.
    pub(crate) fn found_in(&self, text: &str) -> Vec<&str> {
        self.0.iter().map(String::as_str).filter(|needle| text.contains(needle)).collect()
    }
}

/// As it is, in hex, percent-encoded in part or whole, as the numbers of its bytes, and in base64 wherever it begins there.
fn writings(needle: &[u8]) -> Vec<String> {
    let each = |write: fn(u8) -> String| needle.iter().map(|byte| write(*byte)).collect::<String>();
    let in_part = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let mut all = vec![
        String::from_utf8_lossy(needle).into_owned(),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(|byte| format!("%{byte:02X}")),
        each(in_part),
        needle.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
    ];
    for before in 0..3 {
        let shifted = [&vec![0; before][..], needle].concat();
        // Without the characters that the bytes around it have a part in.
        let (first, whole) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [BASE64_STANDARD.encode(&shifted), BASE64_URL_SAFE.encode(&shifted)] {
            all.push(encoded[first..whole].to_owned());
        }
    }
    all.sort();
    all.dedup();
    all
}

#[test]
fn m_04_every_writing_of_a_needle_is_found() {
    let mut needles = Needles(Vec::new());
    needles.add("needle@host.example");
    for text in [
        "of needle@host.example, who",
        "6e6565646c6540686f73742e6578616d706c65",
        "x=needle%40host%2Eexample",
        "[110, 101, 101, 100, 108, 101, 64, 104, 111, 115, 116, 46, 101, 120, 97, 109, 112, 108, 101]",
        &BASE64_STANDARD.encode("needle@host.example"),
        &BASE64_STANDARD.encode("by needle@host.example and others"),
        &BASE64_URL_SAFE.encode("the needle@host.example"),
    ] {
        assert_eq!(needles.found_in(text).len(), 1, "{text}");
    }
    assert_eq!(needles.found_in("needle at host.example"), Vec::<&str>::new());
}
