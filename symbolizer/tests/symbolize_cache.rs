//! A second look at the same build is answered from disk, and never hides what could be known now.

mod support;

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use hotpoll_symbolizer::symbolize::{ModuleSymbols, Options, Source};
use support::{
    Folder, WHOLE_CHAIN, build_chain, build_id, chain_address, frames, options, profile, run,
    symbol, symbolize_one,
};

/// A built chain program and a cache of its own.
struct Case {
    folder: Folder,
    program: PathBuf,
    build_id: Vec<u8>,
    address: u64,
    options: Options,
}

impl Case {
    fn new(arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let program = build_chain(&folder, "chain", arguments);
        let options = Options {
            cache_dir: Some(folder.path("made/on/demand/cache")),
            ..options()
        };
        Self {
            build_id: build_id(&program),
            address: chain_address(&program),
            folder,
            program,
            options,
        }
    }

    fn cache_dir(&self) -> &Path {
        self.options.cache_dir.as_deref().unwrap()
    }

    fn records(&self) -> Vec<PathBuf> {
        fs::read_dir(self.cache_dir())
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default()
    }

    /// Looks the addresses up; the frames of the first.
    fn look_up(&self, addresses: &[u64]) -> (ModuleSymbols, Vec<String>) {
        let mut profile = profile(&self.program, self.build_id.clone(), addresses);
        let module = symbolize_one(&mut profile, &self.options);
        (module, frames(&profile, 0))
    }

    #[track_caller]
    fn check(&self, cached: bool, expected: &[&str]) -> ModuleSymbols {
        let (module, frames) = self.look_up(&[self.address]);
        assert_eq!(frames, expected, "{module:?}");
        assert_eq!(module.cached, cached, "{module:?}");
        module
    }
}

#[test]
fn second_look_is_answered_from_disk_and_equal() {
    let case = Case::new(&["-g"]);
    let addresses: Vec<u64> = (0..64).map(|step| case.address - 32 + step).collect();
    let mut cold = profile(&case.program, case.build_id.clone(), &addresses);
    let first = symbolize_one(&mut cold, &case.options);
    let mut warm = profile(&case.program, case.build_id.clone(), &addresses);
    let second = symbolize_one(&mut warm, &case.options);
    assert_eq!((first.cached, second.cached), (false, true));
    assert_eq!(cold, warm);
    assert_eq!(
        (first.source, first.named, first.with_lines, first.hint),
        (second.source, second.named, second.with_lines, second.hint)
    );
}

#[test]
fn only_the_owner_can_read_it() {
    let case = Case::new(&["-g"]);
    case.check(false, &WHOLE_CHAIN);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(case.cache_dir()), 0o700);
    assert_eq!(case.records().len(), 1);
    assert_eq!(mode(&case.records()[0]), 0o600);

    // A folder that others can write to could tell us any name.
    fs::set_permissions(case.cache_dir(), fs::Permissions::from_mode(0o777)).unwrap();
    case.check(false, &WHOLE_CHAIN);
}

#[test]
fn new_addresses_are_added_to_the_old() {
    let case = Case::new(&["-g"]);
    let (main, size) = symbol(&case.program, "5chain4main");
    case.check(false, &WHOLE_CHAIN);
    let (module, _) = case.look_up(&[case.address, main, main + size - 1]);
    assert!(!module.cached);
    case.check(true, &WHOLE_CHAIN);
    let (module, frames) = case.look_up(&[main]);
    assert!(module.cached, "{module:?}");
    assert!(frames[0].starts_with("chain::main chain.rs:"), "{frames:?}");
}

#[test]
fn damaged_records_are_ignored_and_rewritten() {
    let case = Case::new(&["-g"]);
    case.check(false, &WHOLE_CHAIN);
    let record = case.records().remove(0);
    let whole = fs::read(&record).unwrap();
    for damage in [
        Vec::new(),
        b"hotpoll symbols\n".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        whole.iter().map(|byte| byte ^ 1).collect(),
        [&whole[..], b"more"].concat(),
    ] {
        fs::write(&record, &damage).unwrap();
        case.check(false, &WHOLE_CHAIN);
        assert_eq!(fs::read(&record).unwrap(), whole);
        case.check(true, &WHOLE_CHAIN);
    }
}

#[test]
fn debug_file_that_comes_later_is_seen() {
    let case = Case::new(&["-g"]);
    let debug = case.folder.path("chain.debug");
    let kept = case.folder.path("kept");
    run(Command::new("objcopy")
        .arg("--only-keep-debug")
        .args([&case.program, &kept]));
    run(Command::new("strip").arg(&case.program));
    fs::copy(&kept, &debug).unwrap();
    run(Command::new("objcopy")
        .arg(format!("--add-gnu-debuglink={}", debug.display()))
        .arg(&case.program));
    fs::remove_file(&debug).unwrap();

    let nothing = format!("chain+{:#x} :0", case.address);
    case.check(false, &[&nothing]);
    let module = case.check(true, &[&nothing]);
    assert_eq!(module.source, Source::Stripped);
    fs::rename(&kept, &debug).unwrap();
    case.check(false, &WHOLE_CHAIN);
    let module = case.check(true, &WHOLE_CHAIN);
    assert_eq!(module.source, Source::DebugLink);

    // Once known, names outlive the files they came from: the build ID says it is the same build.
    fs::remove_file(&debug).unwrap();
    case.check(true, &WHOLE_CHAIN);
    fs::remove_file(&case.program).unwrap();
    let module = case.check(true, &WHOLE_CHAIN);
    assert_eq!(module.source, Source::DebugLink);
}

#[test]
fn split_file_that_comes_later_is_seen() {
    let case = Case::new(&["-g", "-Csplit-debuginfo=unpacked"]);
    let part = fs::read_dir(case.folder.root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "dwo"))
        .expect("a .dwo file");
    let away = case.folder.path("away");
    fs::rename(&part, &away).unwrap();
    let without = ["chain::deep::outer chain.rs:8"];
    case.check(false, &without);
    let module = case.check(true, &without);
    assert!(module.hint.unwrap().contains("split debug info"));
    fs::rename(&away, &part).unwrap();
    case.check(false, &WHOLE_CHAIN);
    assert_eq!(case.check(true, &WHOLE_CHAIN).hint, None);
}

#[test]
fn package_that_comes_later_is_seen() {
    let case = Case::new(&["-g", "-Csplit-debuginfo=packed"]);
    let (package, away) = (case.folder.path("chain.dwp"), case.folder.path("away"));
    fs::rename(&package, &away).unwrap();
    case.check(false, &["chain::deep::outer chain.rs:8"]);
    fs::rename(&away, &package).unwrap();
    case.check(false, &WHOLE_CHAIN);
    case.check(true, &WHOLE_CHAIN);
}

#[test]
fn file_without_build_id_is_known_until_it_changes() {
    let none = "-Clink-arg=-Wl,--build-id=none";
    let mut case = Case::new(&["-g", none]);
    case.check(false, &WHOLE_CHAIN);
    case.check(true, &WHOLE_CHAIN);
    build_chain(&case.folder, "chain", &["-Cdebuginfo=0", none]);
    let (module, _) = case.look_up(&[case.address]);
    assert!(!module.cached, "answers of another build");
    case.address = chain_address(&case.program);
    case.check(false, &["chain::deep::outer :0"]);
}

#[test]
fn place_that_cannot_be_written_is_no_error() {
    let mut case = Case::new(&["-g"]);
    // A file where the folder should be stops root as well as users.
    let file = case.folder.path("file");
    File::create(&file).unwrap();
    for place in [
        file.clone(),
        file.join("below"),
        PathBuf::from("/proc/none"),
    ] {
        case.options.cache_dir = Some(place);
        case.check(false, &WHOLE_CHAIN);
        case.check(false, &WHOLE_CHAIN);
    }
}

#[test]
fn half_written_files_of_dead_processes_go() {
    let case = Case::new(&["-g"]);
    case.check(false, &WHOLE_CHAIN);
    let hours = Duration::from_secs(2 * 3600);
    let (old, young) = (".writing-1-0", ".writing-2-0");
    for (name, age) in [(old, hours), (young, Duration::ZERO)] {
        let file = File::create(case.cache_dir().join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    let (main, _) = symbol(&case.program, "5chain4main");
    case.look_up(&[main]);
    assert!(!case.cache_dir().join(old).exists());
    assert!(case.cache_dir().join(young).exists());
}

#[test]
fn many_at_once_do_no_harm() {
    let case = Case::new(&["-g"]);
    let (main, size) = symbol(&case.program, "5chain4main");
    std::thread::scope(|scope| {
        for step in 0..8 {
            let case = &case;
            scope.spawn(move || {
                for round in 0..8 {
                    let other = main + (step * 8 + round) % size;
                    let (_, frames) = case.look_up(&[case.address, other]);
                    assert_eq!(frames, WHOLE_CHAIN);
                }
            });
        }
    });
    let (module, frames) = case.look_up(&[case.address]);
    assert!(module.cached);
    assert_eq!(frames, WHOLE_CHAIN);
    assert_eq!(case.records().len(), 1, "nothing half written is left");
}
