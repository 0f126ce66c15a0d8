//! Compares what a command writes with the file that was read and found right. `UPDATE_GOLDEN=1` writes the files anew; read the diff.

use std::path::PathBuf;

/// Checks `actual` against `golden/NAME` in the folder of the export.
pub fn check(name: &str, actual: &str) {
    check_in("export", name, actual);
}

/// Checks `actual` against `golden/NAME` in a command's folder.
pub fn check_in(folder: &str, name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(folder)
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    if expected != actual {
        let line = expected
            .lines()
            .zip(actual.lines())
            .take_while(|(expected, actual)| expected == actual)
            .count();
        panic!(
            "{name} differs from line {}: UPDATE_GOLDEN=1 and read the diff\nexpected: {:?}\nactual:   {:?}",
            line + 1,
            expected.lines().nth(line),
            actual.lines().nth(line),
        );
    }
}
