//! Every place where names can come from gives the names and lines that the source has.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use hotpoll_symbolizer::symbolize::{Options, Source};
use support::{
    Folder, WHOLE_CHAIN, build_chain, build_id, chain_address, frames, options, profile, run,
    symbol, symbolize_one,
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
                let options = Options {
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

/// Options, and what must be said and found for the chain.
fn check(
    case: &str,
    module_path: &Path,
    build_id: &[u8],
    address: u64,
    options: &Options,
    (source, expected): (Source, &[&str]),
) -> Option<String> {
    let mut profile = profile(module_path, build_id.to_vec(), &[address]);
    let module = symbolize_one(&mut profile, options);
    assert_eq!(frames(&profile, 0), expected, "{case}: {module:?}");
    assert_eq!(module.source, source, "{case}: {module:?}");
    module.hint
}

/// What the symbol table knows of the chain.
const OUTER_ONLY: (Source, &[&str]) = (Source::SymbolTable, &["chain::deep::outer :0"]);

#[test]
fn split_debug_info_in_a_package() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g", "-Csplit-debuginfo=packed"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let packed = (Source::Dwp, &WHOLE_CHAIN[..]);
    check("beside", &program, &id, address, &options(), packed);

    let elsewhere = folder.path("elsewhere.dwp");
    fs::rename(folder.path("chain.dwp"), &elsewhere).unwrap();
    let named = Options {
        binaries: vec![program.clone(), elsewhere],
        ..options()
    };
    let gone = Path::new("/nowhere/chain");
    check("named by the user", gone, &id, address, &named, packed);

    // The line table stays in the program: the line is right, and the function it is put to is the one that was not inlined.
    let hint = check(
        "package lost",
        &program,
        &id,
        address,
        &options(),
        (Source::Dwarf, &["chain::deep::outer chain.rs:8"]),
    );
    let hint = hint.expect("a lost package is said");
    assert!(hint.contains("split debug info was not found"), "{hint}");
}

#[test]
fn split_debug_info_in_files() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g", "-Csplit-debuginfo=unpacked"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let unpacked = (Source::Dwo, &WHOLE_CHAIN[..]);
    check("in place", &program, &id, address, &options(), unpacked);

    // Program and parts moved together, as a build folder that is copied.
    fs::create_dir(folder.path("moved")).unwrap();
    for entry in fs::read_dir(folder.root()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_owned();
            fs::rename(&path, folder.path("moved").join(name)).unwrap();
        }
    }
    let moved = folder.path("moved").join("chain");
    check("moved", &moved, &id, address, &options(), unpacked);

    // A part of another build of the same source must not be used.
    let other = Folder::new();
    build_chain(
        &other,
        "chain",
        &[
            "-g",
            "-Csplit-debuginfo=unpacked",
            "-Cmetadata=other",
            "-Copt-level=2",
        ],
    );
    let parts = |folder: &Path| -> Vec<PathBuf> {
        let paths = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|e| e == "dwo"))
            .collect()
    };
    let (right, wrong) = (parts(&folder.path("moved")), parts(other.root()));
    assert_eq!((right.len(), wrong.len()), (1, 1));
    fs::copy(&wrong[0], &right[0]).unwrap();
    let hint = check(
        "part of another build",
        &moved,
        &id,
        address,
        &options(),
        (Source::Dwarf, &["chain::deep::outer chain.rs:8"]),
    );
    assert!(hint.is_some_and(|hint| hint.contains(".dwo")));
}

#[test]
fn separate_debug_files() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let debug = folder.path("chain.debug");
    run(Command::new("objcopy")
        .arg("--only-keep-debug")
        .args([&program, &debug]));
    run(Command::new("strip").arg(&program));
    let stripped = [format!("chain+{address:#x} :0")];
    let stripped = (Source::Stripped, &[&*stripped[0]][..]);
    let hint = check("nothing left", &program, &id, address, &options(), stripped);
    assert!(hint.is_some_and(|hint| hint.contains("line-tables-only")));

    run(Command::new("objcopy")
        .arg(format!("--add-gnu-debuglink={}", debug.display()))
        .arg(&program));
    let linked = (Source::DebugLink, &WHOLE_CHAIN[..]);
    check("link, beside", &program, &id, address, &options(), linked);

    let hidden = folder.path(".debug");
    fs::create_dir(&hidden).unwrap();
    fs::rename(&debug, hidden.join("chain.debug")).unwrap();
    check(
        "link, in .debug",
        &program,
        &id,
        address,
        &options(),
        linked,
    );

    let global = folder.path("global");
    let under = global.join(folder.root().strip_prefix("/").unwrap());
    fs::create_dir_all(&under).unwrap();
    fs::rename(hidden.join("chain.debug"), under.join("chain.debug")).unwrap();
    let in_global = Options {
        debug_dirs: vec![global.clone()],
        ..options()
    };
    check("link, global", &program, &id, address, &in_global, linked);

    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let by_id = global.join(".build-id").join(&hex[..2]);
    fs::create_dir_all(&by_id).unwrap();
    let by_id = by_id.join(format!("{}.debug", &hex[2..]));
    fs::rename(under.join("chain.debug"), &by_id).unwrap();
    let found = (Source::BuildIdFile, &WHOLE_CHAIN[..]);
    check("build ID folder", &program, &id, address, &in_global, found);

    // Without the program the debug file is enough; so it is when the user names it.
    fs::remove_file(&program).unwrap();
    let whole = (Source::Dwarf, &WHOLE_CHAIN[..]);
    check("program gone", &program, &id, address, &in_global, whole);
    let named = Options {
        binaries: vec![by_id.clone()],
        ..options()
    };
    check("named debug file", &program, &id, address, &named, whole);

    // A debug file of another build under the right name.
    let other = build_chain(&folder, "chain", &["-g", "-Copt-level=1"]);
    fs::copy(&other, &by_id).unwrap();
    fs::remove_file(&other).unwrap();
    let missing = [format!("chain+{address:#x} :0")];
    let missing = (Source::NotFound, &[&*missing[0]][..]);
    check(
        "wrong debug file",
        &program,
        &id,
        address,
        &in_global,
        missing,
    );
}

#[test]
fn debug_link_without_build_ids_is_proved_by_its_checksum() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g", "-Clink-arg=-Wl,--build-id=none"]);
    assert_eq!(build_id(&program), []);
    let address = chain_address(&program);
    let debug = folder.path("chain.debug");
    run(Command::new("objcopy")
        .arg("--only-keep-debug")
        .args([&program, &debug]));
    run(Command::new("strip").arg("--strip-debug").arg(&program));
    run(Command::new("objcopy")
        .arg(format!("--add-gnu-debuglink={}", debug.display()))
        .arg(&program));
    let linked = (Source::DebugLink, &WHOLE_CHAIN[..]);
    check("right", &program, &[], address, &options(), linked);

    let mut changed = fs::read(&debug).unwrap();
    changed.push(0);
    fs::write(&debug, changed).unwrap();
    let symbols = OUTER_ONLY;
    check("changed", &program, &[], address, &options(), symbols);
}

#[test]
fn compressed_debug_info() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    for format in ["zlib", "zlib-gnu", "zstd"] {
        let compressed = folder.path(format);
        run(Command::new("objcopy")
            .arg(format!("--compress-debug-sections={format}"))
            .args([&program, &compressed]));
        let whole = (Source::Dwarf, &WHOLE_CHAIN[..]);
        check(format, &compressed, &id, address, &options(), whole);
    }
}

#[test]
fn link_time_optimisation() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g", "-Clto=fat"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let whole = (Source::Dwarf, &WHOLE_CHAIN[..]);
    check("fat", &program, &id, address, &options(), whole);
}

#[test]
fn symbol_table_only() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g", "-Cstrip=debuginfo"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let hint = check("", &program, &id, address, &options(), OUTER_ONLY);
    assert!(hint.is_some_and(|hint| hint.contains("line-tables-only")));
}

/// With line tables alone a closure that was inlined has lost its path; it is its function's all the same, and not its module's.
#[test]
fn closures_with_line_tables_alone() {
    let folder = Folder::new();
    let source = folder.path("shop.rs");
    fs::write(
        &source,
        "use std::hint::black_box;\n\
         #[inline(never)]\n\
         fn total(prices: &[u64]) -> u64 {\n\
             prices.iter().map(|price| {\n\
                 black_box(price * 31)\n\
             }).sum()\n\
         }\n\
         fn main() { println!(\"{}\", total(&black_box([1, 2, 3]))); }\n",
    )
    .unwrap();
    let program = folder.path("shop");
    run(Command::new("rustc")
        .args(["-O", "-Cdebuginfo=line-tables-only", "--edition=2024", "-o"])
        .args([&program, &source]));
    let (start, size) = symbol(&program, "shop5total");
    let addresses: Vec<u64> = (start..start + size).collect();
    let mut profile = profile(&program, build_id(&program), &addresses);
    symbolize_one(&mut profile, &options());
    let of_line_5: Vec<_> = (0..addresses.len())
        .map(|index| frames(&profile, index))
        .filter(|frames| frames.iter().any(|frame| frame.ends_with("shop.rs:5")))
        .collect();
    assert!(!of_line_5.is_empty());
    for frames in of_line_5 {
        let closure = frames.iter().find(|frame| frame.ends_with("shop.rs:5"));
        let closure = closure.expect("it was found by this line");
        assert_eq!(closure, "shop::total::{closure} shop.rs:5", "{frames:#?}");
        assert!(
            frames[frames.len() - 1].starts_with("shop::total "),
            "{frames:#?}"
        );
    }
}

/// As distributions do it: the file is stripped, and the names of local functions that the dynamic table lacks are put into a file inside it.
#[test]
fn names_in_a_file_inside_the_file() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let (malloc_caller, _) = symbol(&program, "rust_begin_unwind");
    let names = folder.path("names");
    run(Command::new("objcopy")
        .args(["-S", "--remove-section=.comment", "--keep-symbols"])
        .arg({
            // Not all of them, so that it shows which table an answer came from.
            let keep = folder.path("keep");
            let table = run(Command::new("nm").args(["--format=posix"]).arg(&program));
            let kept = table.lines().filter_map(|line| line.split(' ').next());
            let kept: Vec<_> = kept.filter(|name| name.contains("outer")).collect();
            fs::write(&keep, kept.join("\n")).unwrap();
            keep
        })
        .args([&program, &names]));
    run(Command::new("xz").arg(&names));
    run(Command::new("strip").arg(&program));
    let mini = folder.path("mini");
    run(Command::new("objcopy")
        .arg(format!(
            "--add-section=.gnu_debugdata={}",
            folder.path("names.xz").display()
        ))
        .args([&program, &mini]));
    check("names inside", &mini, &id, address, &options(), OUTER_ONLY);
    let unknown = [format!("mini+{malloc_caller:#x} :0")];
    let unknown = (Source::SymbolTable, &[&*unknown[0]][..]);
    check(
        "not among them",
        &mini,
        &id,
        malloc_caller,
        &options(),
        unknown,
    );

    // Half of it: no names, and no harm.
    let half = fs::read(folder.path("names.xz")).unwrap();
    fs::write(folder.path("half.xz"), &half[..half.len() / 2]).unwrap();
    let damaged = folder.path("damaged");
    run(Command::new("objcopy")
        .arg(format!(
            "--add-section=.gnu_debugdata={}",
            folder.path("half.xz").display()
        ))
        .args([&program, &damaged]));
    let nothing = [format!("damaged+{address:#x} :0")];
    let nothing = (Source::Stripped, &[&*nothing[0]][..]);
    check("damaged", &damaged, &id, address, &options(), nothing);
}

/// The stubs of calls into libraries have the names that binutils gives them, however the program was linked.
#[test]
fn stubs_of_calls_into_libraries() {
    let folder = Folder::new();
    let source = folder.path("calls.c");
    fs::write(
        &source,
        "#include <stdio.h>\n#include <stdlib.h>\n#include <math.h>\n\
         int main(int n, char **v) { void *p = malloc(n); printf(\"%p %f\\n\", p, pow(n, 0.3)); free(p); return atoi(v[0]); }\n",
    )
    .unwrap();
    for flags in [
        ["-Wl,-z,lazy", "-fcf-protection=none"],
        ["-Wl,-z,lazy", "-fcf-protection=full"],
        ["-Wl,-z,now", "-fcf-protection=full"],
        ["-Wl,-z,now", "-fcf-protection=none"],
    ] {
        let program = folder.path("calls");
        run(Command::new("cc")
            .args(flags)
            .args(["-O1", "-o"])
            .args([&program, &source])
            .arg("-lm"));
        let listing = run(Command::new("objdump")
            .args([
                "-d",
                "--section=.plt",
                "--section=.plt.sec",
                "--section=.plt.got",
            ])
            .arg(&program));
        let mut addresses = Vec::new();
        let mut expected = Vec::new();
        for line in listing.lines() {
            if let Some((address, name)) = line
                .strip_suffix("@plt>:")
                .and_then(|line| line.split_once(" <"))
                && !name.starts_with('*')
            {
                addresses.push(u64::from_str_radix(address, 16).unwrap() + 1);
                expected.push(format!("{name}@plt"));
            }
        }
        assert!(addresses.len() >= 5, "{flags:?}: {listing}");
        run(Command::new("strip").arg(&program));
        let mut profile = profile(&program, build_id(&program), &addresses);
        symbolize_one(&mut profile, &options());
        let found: Vec<_> = (0..addresses.len())
            .map(|index| {
                let line = &profile.locations[index].lines[0];
                let function = &profile.functions[line.function as usize];
                // In reports the stub counts as the function.
                assert_eq!(function.system_name, format!("{}@plt", function.name));
                function.system_name.clone()
            })
            .collect();
        assert_eq!(found, expected, "{flags:?}");
        println!("{flags:?}: {} stubs", found.len());
    }
}

/// dwz moves what two files share into a third, which both name.
#[test]
fn debug_info_shared_by_two_files() {
    let folder = Folder::new();
    if Command::new("dwz").arg("--version").output().is_err() {
        assert!(
            std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
            "dwz is not installed"
        );
        println!("skipped: dwz is not installed");
        return;
    }
    let one = build_chain(&folder, "one", &["-g", "-Cmetadata=one"]);
    let other = build_chain(&folder, "other", &["-g", "-Cmetadata=other"]);
    let (id, address) = (build_id(&one), chain_address(&one));
    let shared = folder.path("shared.dwz");
    run(Command::new("dwz")
        .arg("-m")
        .arg(&shared)
        .arg("-M")
        .arg(&shared)
        .args([&one, &other]));
    let whole = (Source::Dwarf, &WHOLE_CHAIN[..]);
    check("shared", &one, &id, address, &options(), whole);

    // Without it names are lost, and that is said; nothing is made up.
    fs::remove_file(&shared).unwrap();
    let mut profile = profile(&one, id, &[address]);
    let module = symbolize_one(&mut profile, &options());
    let hint = module.hint.expect("a lost file is said");
    assert!(hint.contains("shared.dwz"), "{hint}");
    let found = frames(&profile, 0);
    let outer = found.last().expect("a frame");
    assert!(outer.starts_with("chain::deep::outer "), "{found:?}");
}
