//! For the tests of this module: kept shapes, chance that repeats, and tables of the service's properties.

use serde::Serialize;
use std::path::Path;

/// Compares the public shape of a record with the one that is kept; `UPDATE_SNAPSHOTS=1` writes it anew.
pub(super) fn snapshot(name: &str, record: &impl Serialize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/graph/testdata/shapes").join(format!("{name}.json"));
    let shape = serde_json::to_string_pretty(record).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &shape).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shape, kept, "{name} changed; if that is meant, run the test with UPDATE_SNAPSHOTS=1");
}

/// Numbers below a limit, the same ones for the same seed (a linear congruential generator).
pub(super) fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |limit| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % limit
    }
}

/// Rows of a table of properties: a name, and the cells of the columns that are asked for.
pub(super) fn table<'a>(text: &'a str, columns: &[&str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let places: Vec<usize> = columns.iter().map(|column| header.iter().position(|name| name == column).unwrap()).collect();
    let row = |line: &'a str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0], places.iter().map(|place| cells[*place]).collect())
    };
    lines.map(row).collect()
}
