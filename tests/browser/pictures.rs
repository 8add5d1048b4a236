//! The pictures in docs/images, taken anew with `UPDATE_PICTURES=1 make test ARGS='-p intail-office365-browser-tests pictures'`.
//! They are not compared pixel by pixel, as fonts differ between systems; that they are there and have their size is.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{chromium::Tab, click_path::result_page, office::World};

/// Takes a picture of the tab for the documentation.
fn keep(tab: &Tab, name: &str, selector: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images").join(name);
    let update = std::env::var_os("UPDATE_PICTURES").is_some();
    let taken = tab.picture(selector, 40, update.then_some(path.as_path()));
    let kept = size(&path);
    assert_eq!(kept.0, taken.0, "{name} is not as wide as it would be now");
    assert!(kept.1.abs_diff(taken.1) <= taken.1 / 5, "{name} shows another page: {kept:?}, now {taken:?}; UPDATE_PICTURES=1");
}

fn size(path: &PathBuf) -> (u64, u64) {
    let png = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}; UPDATE_PICTURES=1", path.display()));
    let number = |at: usize| u64::from(u32::from_be_bytes(png[at..at + 4].try_into().unwrap()));
    (number(16), number(20))
}

fn sharp() -> Tab {
    Tab::with(&json!({ "viewport": { "width": 760, "height": 1700 }, "deviceScaleFactor": 2 }))
}

#[test]
fn pictures_of_the_consent_and_of_the_confirmation() {
    let (world, tab) = (World::new(), sharp());
    let sign_in = world.connect("bianca@fabrikam.example");
    sign_in.sign_in(&tab);
    tab.wait_for_page("consent");
    keep(&tab, "consent.png", "footer");
    tab.click("button[value=accept]");
    result_page(&tab);
    keep(&tab, "connected.png", "main");
    sign_in.success();
}

#[test]
fn pictures_of_a_missing_approval() {
    let (world, tab) = (World::new(), sharp());
    let sign_in = world.connect("adele@contoso.example");
    sign_in.sign_in(&tab);
    tab.wait_for_page("need-admin-approval");
    keep(&tab, "need-admin-approval.png", "footer");
    tab.click("button[value=back]");
    result_page(&tab);
    keep(&tab, "result-failed.png", "main");
    sign_in.failure();
}

#[test]
fn picture_of_a_dark_phone() {
    let phone = json!({ "viewport": { "width": 390, "height": 1200 }, "deviceScaleFactor": 2, "colorScheme": "dark" });
    let (world, tab) = (World::new(), Tab::with(&phone));
    let sign_in = world.connect("bianca@fabrikam.example");
    sign_in.sign_in(&tab);
    tab.click("button[value=accept]");
    result_page(&tab);
    keep(&tab, "connected-dark-phone.png", "main");
    sign_in.success();
}
