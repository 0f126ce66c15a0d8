//! C and C++ code in a Rust service has names too; and no file, however broken, ends the process.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use hotpoll_symbolizer::symbolize::{Options, Source};
use support::{Folder, build_id, chain_address, frames, options, profile, run, symbolize_one};

fn build(folder: &Folder, compiler: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let program = folder.path("program");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(source);
    run(Command::new(compiler)
        .args(["-O2", "-Wl,--build-id"])
        .args(arguments)
        .arg("-o")
        .args([&program, &source]));
    program
}

#[test]
fn c() {
    let folder = Folder::new();
    for debug in ["-g", "-g1", "-gdwarf-4", "-g -gz=zlib", "-g -flto"] {
        let arguments: Vec<&str> = debug.split(' ').collect();
        let program = build(&folder, "cc", "inline.c", &arguments);
        let mut profile = profile(&program, build_id(&program), &[chain_address(&program)]);
        let module = symbolize_one(&mut profile, &options());
        assert_eq!(
            frames(&profile, 0),
            ["inner inline.c:6", "outer_in_c inline.c:11"],
            "{debug}: {module:?}"
        );
    }
}

#[test]
fn c_plus_plus() {
    let folder = Folder::new();
    for (debug, file, lines) in [("-g", "inline.cpp", [9, 18]), ("-g0", "", [0, 0])] {
        let program = build(&folder, "c++", "inline.cpp", &[debug]);
        let mut profile = profile(&program, build_id(&program), &[chain_address(&program)]);
        let module = symbolize_one(&mut profile, &options());
        let outer = profile.locations[0].lines.last().unwrap();
        let system_name = &profile.functions[outer.function as usize].system_name;
        // gcc may append `.isra.0` and the like.
        let is_get = system_name.starts_with("_ZN5store5Table3getEPKc");
        assert!(is_get, "{system_name}: {module:?}");
        let (inner, outer) = if cfg!(feature = "cpp") {
            ("Inner<int>::where", "store::Table::get")
        } else {
            ("_ZN5InnerIiE5whereEi", "_ZN5store5Table3getEPKc")
        };
        let mut expected = vec![
            format!("{inner} {file}:{}", lines[0]),
            format!("{outer} {file}:{}", lines[1]),
        ];
        if debug == "-g0" {
            expected.remove(0);
        }
        assert_eq!(frames(&profile, 0), expected, "{module:?}");
    }
}

/// A xorshift generator: the same damage in every run.
struct Damage(u64);

impl Damage {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

#[test]
fn damaged_files_give_frames_all_the_same() {
    let rounds = match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => 20_000,
        None => 600,
    };
    let folder = Folder::new();
    let program = build(&folder, "cc", "inline.c", &["-g", "-no-pie"]);
    let whole = fs::read(&program).unwrap();
    let address = chain_address(&program);
    let addresses: Vec<u64> = (0..40).map(|step| address - 20 + step).collect();
    let damaged = folder.path("damaged");
    let mut damage = Damage(0x9e37_79b9_7f4a_7c15);
    let mut read = 0;
    for round in 0..rounds {
        let mut bytes = whole.clone();
        for _ in 0..=damage.next(8) {
            let at = match damage.next(3) {
                // Headers of the file, of its sections, and anywhere.
                0 => damage.next(64),
                1 => bytes.len() - 1 - damage.next(64 * 38),
                _ => damage.next(bytes.len()),
            };
            bytes[at] = match damage.next(3) {
                0 => 0,
                1 => 0xff,
                _ => damage.next(256) as u8,
            };
        }
        if damage.next(10) == 0 {
            bytes.truncate(damage.next(whole.len()));
        }
        fs::write(&damaged, &bytes).unwrap();
        let mut profile = profile(&damaged, Vec::new(), &addresses);
        let options = Options {
            map_files: round % 2 == 0,
            ..options()
        };
        let module = symbolize_one(&mut profile, &options);
        assert!(
            profile
                .locations
                .iter()
                .all(|location| !location.lines.is_empty()),
            "round {round}: {module:?}"
        );
        read += usize::from(module.source == Source::Dwarf);
    }
    println!("{read} of {rounds} damaged files had debug info that could be read");
    assert!(
        read > rounds / 10,
        "the damage must not all be in the first header: {read}"
    );
}
