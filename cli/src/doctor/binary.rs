//! What a binary says about how it was built.

use super::Finding;
use crate::report::collect::hex;
use crate::text::number::bytes;
use object::{Object, ObjectSection};
use std::path::Path;

/// What the executable's sections tell. A file that cannot be read has nothing to tell.
pub fn findings(path: &Path, name: &str) -> Vec<Finding> {
    let Ok(file) = std::fs::read(path) else {
        return Vec::new();
    };
    match object::File::parse(&*file) {
        Ok(file) => of_sections(&file, name),
        Err(_) => Vec::new(),
    }
}

fn of_sections(file: &object::File, name: &str) -> Vec<Finding> {
    const TOPIC: &str = "build";
    let size = |section: &str| {
        file.section_by_name(section)
            .map_or(0, |found| found.size())
    };
    let (info, lines) = (size(".debug_info"), size(".debug_line"));
    let debug = if lines > 0 {
        let sizes = format!("{} and {} of lines", bytes(info), bytes(lines));
        Finding::good(TOPIC, format!("{name}: debug info in the file ({sizes})"))
    } else if size(".gnu_debuglink") > 0 {
        Finding::good(TOPIC, format!("{name}: debug info in a separate file"))
    } else if size(".symtab") > 0 {
        Finding::change(
            TOPIC,
            format!("{name}: a symbol table alone, so no lines and no inlined functions"),
            "debug = \"line-tables-only\" in the Cargo profile; it costs nothing at run time",
        )
    } else {
        Finding::change(
            TOPIC,
            format!("{name}: stripped"),
            "no `strip` in the Cargo profile and debug = \"line-tables-only\"; or keep the unstripped binary for --binary",
        )
    };
    let build_id = match file.build_id() {
        Ok(Some(id)) => Finding::good(TOPIC, format!("build ID {}", hex(id))),
        _ => Finding::note(
            TOPIC,
            "no build ID: nobody can tell whether a file is the one that ran",
            "RUSTFLAGS=\"-C link-arg=-Wl,--build-id\"",
        ),
    };
    let frame_pointers = Finding::good(
        TOPIC,
        "frame pointers: cannot be seen in a binary, and are not needed",
    );
    vec![debug, build_id, frame_pointers]
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn this_test_has_debug_info() {
        let findings = findings(Path::new("/proc/self/exe"), "this");
        assert_eq!(findings[0].verdict, Verdict::Good, "{findings:?}");
        assert!(findings[0].what.contains("debug info in the file"));
    }

    #[test]
    fn no_file_and_no_binary() {
        assert!(findings(Path::new("/no/such"), "x").is_empty());
        assert!(findings(Path::new("/proc/self/status"), "x").is_empty());
    }
}
