//! `docs/errors.md` is written from the tables of this folder; a test keeps it so.

use super::{Detail, ErrorKind, ServiceCode, ServiceCodeClass};
use crate::language::Language;
use std::fmt::Write;

const HEAD: &str = "# Errors

Every call fails with an `Error`. A host switches on its **kind**; the **detail** is a stable name of the exact cause, for logs and
support. `Display` and `Debug` of an error are safe to log: they hold no token, no address of a person and no free text of a server.
`message` and `next_step` speak to the person, in English and German. This page is written from the library's own tables.

Where an administrator's approval is or may be missing, `admin_approval` carries how sure that is (certain: the service said so;
ambiguous: declined, or a request was sent; likely: nothing came back from the browser), the link on which an administrator approves,
the tenant where known, and with `text_to_forward` a message to send. `BrowserUnavailable` carries the address in `url`, a pause that
the service or the library asks for stands in `retry_after`, and support wants `detail`, `service_code` and `request_id`: these are
\"the code\" that the sentences below speak of.

Who acts says whether trying again can help without anybody: *nobody* means that it can.

";

const CODES: &str = "# The service's own codes

`service_code` of an error is what Microsoft calls it; `service_code_meaning` (or `ServiceCode::find`) looks it up in this table. The classes
speak to people in English and German, the rows in English to those who look into a failure. A code explains; what a host does follows
from the kind.

";

fn text() -> String {
    let mut page = HEAD.to_owned();
    for kind in ErrorKind::ALL {
        let _ = write!(
            page,
            "## `{kind:?}` ({})\n\n{}\n\n| detail | who acts | what the person is told | next step |\n| --- | --- | --- | --- |\n",
            kind as u32,
            kind.text(Language::English)
        );
        for detail in Detail::ALL.iter().filter(|detail| detail.kind() == kind) {
            let (message, step) = (detail.message(Language::English), detail.next_step(Language::English));
            let actor = format!("{:?}", detail.who_acts()).to_lowercase();
            let _ = writeln!(page, "| `{}` | {actor} | {message} | {step} |", detail.name());
        }
        page.push('\n');
    }
    page.push_str(CODES);
    for class in ServiceCodeClass::ALL {
        let (text, step) = (class.text(Language::English), class.next_step(Language::English));
        let _ = write!(
            page,
            "### `{class:?}` ({})\n\n{text} {step}\n\n| code | who acts | meaning | what to do |\n| --- | --- | --- | --- |\n",
            class as u32
        );
        for row in ServiceCode::all().into_iter().filter(|row| row.class == class) {
            let actor = format!("{:?}", row.who_acts).to_lowercase();
            let name = row.name.map(|name| format!(" {name}")).unwrap_or_default();
            let _ = writeln!(page, "| `{}`{name} | {actor} | {} | {} |", row.code, row.meaning, row.remedy);
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[test]
fn docs_errors_md_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, text()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text(), "docs/errors.md is out of date: run with UPDATE_DOCS=1");
}
