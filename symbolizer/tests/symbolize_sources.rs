//! Every place where names can come from gives the names and lines that the source has.

mod support;

use hotpoll_symbolizer::symbolize::Source;
use support::{
    Folder, WHOLE_CHAIN, build_chain, build_id, chain_address, frames, options, profile,
    symbolize_one,
};

#[test]
fn debug_info_of_each_level_and_both_manglings() {
    let folder = Folder::new();
    for mangling in ["v0", "legacy"] {
        for (level, expected) in [
            ("2", &WHOLE_CHAIN[..]),
            ("1", &WHOLE_CHAIN),
            // Inlined functions keep their last name only; their file gives the rest.
            (
                "line-tables-only",
                &[
                    "chain::innermost chain.rs:8",
                    "chain::middle chain.rs:14",
                    "chain::deep::outer chain.rs:20",
                ],
            ),
            ("0", &["chain::deep::outer :0"]),
        ] {
            let program = build_chain(
                &folder,
                "chain",
                &[
                    &format!("-Csymbol-mangling-version={mangling}"),
                    "-Zunstable-options",
                    &format!("-Cdebuginfo={level}"),
                ],
            );
            let address = chain_address(&program);
            for map_files in [false, true] {
                let mut profile = profile(&program, build_id(&program), &[address]);
                let options = hotpoll_symbolizer::symbolize::Options {
                    map_files,
                    ..options()
                };
                let module = symbolize_one(&mut profile, &options);
                let case = format!("{mangling} debuginfo={level} map={map_files}: {module:?}");
                assert_eq!(frames(&profile, 0), expected, "{case}");
                assert_eq!(
                    (module.addresses, module.named, module.with_lines),
                    (1, 1, usize::from(level != "0")),
                    "{case}"
                );
                assert!(!module.cached, "{case}");
                assert_eq!(
                    module.source,
                    // std's own debug info is in every program.
                    Source::Dwarf,
                    "{case}"
                );
                let outer = profile.functions.last().expect("a function");
                let prefix = if mangling == "v0" { "_R" } else { "_ZN" };
                assert!(outer.system_name.starts_with(prefix), "{case}: {outer:?}");
                if matches!(level, "1" | "2") {
                    let starts: Vec<u32> = profile
                        .functions
                        .iter()
                        .map(|function| function.start_line)
                        .collect();
                    assert_eq!(starts, [6, 13, 19], "{case}");
                }
            }
        }
    }
}
