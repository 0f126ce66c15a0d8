//! Programs built for the tests with the machine's own tools, and profiles that hold addresses in them.

// Each test file uses its part.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use hotpoll_profile::{Location, Module, Profile};
use hotpoll_symbolizer::symbolize::{ModuleSymbols, Options, symbolize};
use object::{Object, ObjectSymbol};

/// Where the fixtures pretend to be loaded.
pub const LOAD_BIAS: u64 = 0x5555_5555_4000;

pub const CHAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/chain.rs");

/// A folder of the test's own, removed when the test has passed.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("symbolize-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the target folder can be written");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Runs a tool; what it says is shown when it fails.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("tools speak UTF-8")
}

/// Builds the chain program in the folder.
pub fn build_chain(folder: &Folder, name: &str, arguments: &[&str]) -> PathBuf {
    let program = folder.path(name);
    run(Command::new("rustc")
        .args(["--crate-name", "chain", "--edition", "2024", "-O"])
        .args(arguments)
        .arg("-o")
        .arg(&program)
        .arg(CHAIN)
        // Legacy mangling is an unstable option now.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(folder.root()));
    program
}

/// The address inside the innermost function, as the running program tells it.
pub fn chain_address(program: &Path) -> u64 {
    let output = run(&mut Command::new(program));
    u64::from_str_radix(output.trim(), 16).expect("the program prints an address")
}

pub fn build_id(program: &Path) -> Vec<u8> {
    let bytes = fs::read(program).expect("the program is there");
    let file = object::File::parse(&*bytes).expect("it is an object file");
    file.build_id()
        .expect("its notes are whole")
        .unwrap_or_default()
        .to_vec()
}

/// The address and size of a function whose symbol contains the text.
pub fn symbol(program: &Path, part: &str) -> (u64, u64) {
    let bytes = fs::read(program).expect("the program is there");
    let file = object::File::parse(&*bytes).expect("it is an object file");
    let symbol = file
        .symbols()
        .chain(file.dynamic_symbols())
        .find(|symbol| {
            symbol.is_definition() && symbol.name().is_ok_and(|name| name.contains(part))
        })
        .unwrap_or_else(|| panic!("{} has no {part}", program.display()));
    (symbol.address(), symbol.size())
}

/// A profile with addresses (as the object file has them) in one module.
pub fn profile(path: &Path, build_id: Vec<u8>, addresses: &[u64]) -> Profile {
    Profile {
        modules: vec![Module {
            path: path.to_str().expect("test paths are UTF-8").into(),
            build_id,
            start: LOAD_BIAS,
            end: LOAD_BIAS + (1 << 30),
            load_bias: LOAD_BIAS,
            ..Module::default()
        }],
        locations: addresses
            .iter()
            .map(|address| Location {
                address: address + LOAD_BIAS,
                module: Some(0),
                lines: Vec::new(),
            })
            .collect(),
        ..Profile::default()
    }
}

/// Options that look nowhere but where the test says.
pub fn options() -> Options {
    Options {
        debug_dirs: Vec::new(),
        ..Options::default()
    }
}

/// Symbolizes, and returns what is said about the only module.
pub fn symbolize_one(profile: &mut Profile, options: &Options) -> ModuleSymbols {
    let summary = symbolize(profile, options);
    assert_eq!(summary.modules.len(), 1, "{summary:?}");
    summary.modules[0].clone()
}

/// The frames of a location: `name file:line`, innermost first, the file without folders.
pub fn frames(profile: &Profile, location: usize) -> Vec<String> {
    profile.locations[location]
        .lines
        .iter()
        .map(|line| {
            let function = &profile.functions[line.function as usize];
            let file = function.file.rsplit('/').next().unwrap_or_default();
            format!("{} {file}:{}", function.name, line.line)
        })
        .collect()
}

/// What the chain's address must give where debug info is whole.
pub const WHOLE_CHAIN: [&str; 3] = [
    "chain::deep::innermost chain.rs:8",
    "chain::deep::middle chain.rs:14",
    "chain::deep::outer chain.rs:20",
];
