//! A file is used only if it is the one that ran; what cannot be proved is not used, or said.

mod support;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use hotpoll_profile::{Module, ModuleKind, Profile};
use hotpoll_symbolizer::symbolize::{ModuleSymbols, Options, Source, symbolize};
use support::{
    Folder, LOAD_BIAS, WHOLE_CHAIN, build_chain, build_id, chain_address, frames, options, profile,
    symbolize_one,
};

/// The chain program, waiting after it has told its address. Ends when its input is closed.
struct Running {
    child: Child,
    address: u64,
}

impl Running {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .arg("stay")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = u64::from_str_radix(line.trim(), 16).expect("an address");
        Self { child, address }
    }

    /// The profile as the agent would have made it: modules where the process has them.
    fn profile(&self, program: &Path, build_id: Vec<u8>) -> Profile {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.child.id())).unwrap();
        let lines: Vec<&str> = maps
            .lines()
            .filter(|line| line.contains(program.to_str().unwrap()))
            .collect();
        let range = |line: &str| {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap())
        };
        let code = lines.iter().find(|line| line.contains("r-xp")).unwrap();
        let (load_bias, [start, end]) = (range(lines[0])[0], range(code));
        let mut profile = profile(program, build_id, &[self.address]);
        profile.modules[0].start = start;
        profile.modules[0].end = end;
        profile.modules[0].load_bias = load_bias;
        profile.locations[0].address = self.address + load_bias;
        profile
    }

    fn options(&self) -> Options {
        Options {
            pid: Some(self.child.id()),
            ..options()
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Puts another build at the path as `cargo build` does: a new file under the old name.
fn replace(folder: &Folder, program: &Path) {
    let other = build_chain(folder, "other", &["-g", "-Copt-level=1"]);
    fs::rename(other, program).unwrap();
}

fn hint_of(module: &ModuleSymbols) -> &str {
    module.hint.as_deref().unwrap_or_default()
}

#[test]
fn replaced_binary_is_said_and_not_misnamed() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    replace(&folder, &program);
    assert_ne!(build_id(&program), id);
    let mut profile = profile(&program, id, &[address]);
    let module = symbolize_one(&mut profile, &options());
    assert_eq!(module.source, Source::BuildIdMismatch, "{module:?}");
    assert!(hint_of(&module).contains("was replaced"), "{module:?}");
    assert_eq!(frames(&profile, 0), [format!("chain+{address:#x} :0")]);
    assert_eq!((module.named, module.file), (0, None));
}

#[test]
fn replaced_or_deleted_binary_is_read_from_the_live_process() {
    let folder = Folder::new();
    for build_id_argument in ["sha1", "none"] {
        let argument = format!("-Clink-arg=-Wl,--build-id={build_id_argument}");
        let program = build_chain(&folder, "chain", &["-g", &argument]);
        let id = build_id(&program);
        let running = Running::start(&program);

        let mut before = running.profile(&program, id.clone());
        let module = symbolize_one(&mut before, &running.options());
        assert_eq!(frames(&before, 0), WHOLE_CHAIN, "{module:?}");
        assert_eq!(
            module.hint, None,
            "proved by build ID, or by the mapping's inode"
        );

        let mut replaced = running.profile(&program, id.clone());
        replace(&folder, &program);
        let module = symbolize_one(&mut replaced, &running.options());
        assert_eq!(frames(&replaced, 0), WHOLE_CHAIN, "{module:?}");
        assert!(hint_of(&module).contains("was replaced"), "{module:?}");
        assert!(hint_of(&module).contains("running file"), "{module:?}");

        let mut deleted = running.profile(&program, id);
        fs::remove_file(&program).unwrap();
        deleted.modules[0].path.push_str(" (deleted)");
        let module = symbolize_one(&mut deleted, &running.options());
        assert_eq!(frames(&deleted, 0), WHOLE_CHAIN, "{module:?}");
        let file = module.file.expect("a file was read");
        assert!(file.starts_with("/proc"), "{}", file.display());
    }
}

#[test]
fn binary_inside_a_container() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g"]);
    let (id, address) = (build_id(&program), chain_address(&program));
    let inside = folder.path("root/srv/app");
    fs::create_dir_all(&inside).unwrap();
    fs::rename(&program, inside.join("chain")).unwrap();
    let options = Options {
        root: Some(folder.path("root")),
        ..options()
    };
    let mut profile = profile(Path::new("/srv/app/chain"), id, &[address]);
    let module = symbolize_one(&mut profile, &options);
    assert_eq!(frames(&profile, 0), WHOLE_CHAIN, "{module:?}");

    // What lies at that path outside is another program: not a word about it.
    let outside = build_chain(&folder, "outside", &["-g", "-Copt-level=1"]);
    let under_root = folder.path("root").join(outside.strip_prefix("/").unwrap());
    fs::create_dir_all(under_root.parent().unwrap()).unwrap();
    fs::rename(inside.join("chain"), &under_root).unwrap();
    let mut profile = support::profile(&outside, build_id(&under_root), &[address]);
    let module = symbolize_one(&mut profile, &options);
    assert_eq!(frames(&profile, 0), WHOLE_CHAIN, "{module:?}");
    assert_eq!(module.hint, None);

    // And one inside that was replaced is said once.
    replace(&folder, &under_root);
    let mut profile = support::profile(&outside, vec![7; 20], &[address]);
    let module = symbolize_one(&mut profile, &options);
    assert_eq!(module.source, Source::BuildIdMismatch, "{module:?}");
    assert_eq!(
        hint_of(&module).matches("was replaced").count(),
        1,
        "{module:?}"
    );
}

#[test]
fn named_binaries() {
    let folder = Folder::new();
    let right = build_chain(&folder, "right", &["-g"]);
    let (id, address) = (build_id(&right), chain_address(&right));
    fs::create_dir(folder.path("wrong")).unwrap();
    let wrong = build_chain(&folder, "wrong/chain", &["-g", "-Copt-level=1"]);
    let gone = Path::new("/nowhere/chain");
    let named = |binaries: &[&PathBuf]| Options {
        binaries: binaries.iter().map(|&path| path.clone()).collect(),
        ..options()
    };

    // By build ID, whatever its name, and whatever else is named.
    let mut by_id = profile(gone, id.clone(), &[address]);
    let module = symbolize_one(&mut by_id, &named(&[&wrong, &right]));
    assert_eq!(frames(&by_id, 0), WHOLE_CHAIN, "{module:?}");

    // Another build of the same name.
    let mut mismatch = profile(gone, id, &[address]);
    let module = symbolize_one(&mut mismatch, &named(&[&wrong]));
    assert_eq!(module.source, Source::BuildIdMismatch);
    assert!(hint_of(&module).contains("is another build"), "{module:?}");
    assert_eq!(module.named, 0);

    // Nothing proves it: its name is taken for it, and that is said.
    fs::create_dir(folder.path("renamed")).unwrap();
    let renamed = folder.path("renamed/chain");
    fs::copy(&right, &renamed).unwrap();
    let mut by_name = profile(gone, Vec::new(), &[address]);
    let module = symbolize_one(&mut by_name, &named(&[&renamed]));
    assert_eq!(frames(&by_name, 0), WHOLE_CHAIN, "{module:?}");
    assert!(hint_of(&module).contains("by its file name"), "{module:?}");

    // Neither name nor build ID.
    let mut unrelated = profile(gone, Vec::new(), &[address]);
    let module = symbolize_one(&mut unrelated, &named(&[&right]));
    assert_eq!(module.source, Source::NotFound, "{module:?}");
}

#[test]
fn file_without_build_id_that_changed_after_the_profile_began() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g", "-Clink-arg=-Wl,--build-id=none"]);
    let address = chain_address(&program);
    let day = Duration::from_secs(86_400);
    let began = UNIX_EPOCH + 20_000 * day;
    for (changed, source) in [
        (began - day, Source::Dwarf),
        (began + day, Source::BuildIdMismatch),
    ] {
        let file = File::options().write(true).open(&program).unwrap();
        file.set_modified(changed).unwrap();
        let mut profile = profile(&program, Vec::new(), &[address]);
        profile.start_unix_ns = began.duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let module = symbolize_one(&mut profile, &options());
        assert_eq!(module.source, source, "{module:?}");
        assert_eq!(module.named, usize::from(source == Source::Dwarf));
        assert!(hint_of(&module).contains("build ID"), "{module:?}");
    }
}

#[test]
fn load_bias_that_nobody_noted_is_found_from_the_mapping() {
    let folder = Folder::new();
    let program = build_chain(&folder, "chain", &["-g"]);
    let running = Running::start(&program);
    let mut profile = running.profile(&program, build_id(&program));
    let maps = fs::read_to_string(format!("/proc/{}/maps", running.child.id())).unwrap();
    let code = maps
        .lines()
        .find(|line| line.contains("r-xp") && line.contains(program.to_str().unwrap()))
        .unwrap();
    profile.modules[0].file_offset =
        u64::from_str_radix(code.split(' ').nth(2).unwrap(), 16).unwrap();
    // As another tool's file is read: perf's addresses in what lld had linked went by the names of functions a page away.
    let guess = profile.modules[0].start - profile.modules[0].file_offset;
    assert_ne!(guess, profile.modules[0].load_bias, "lld's layout");
    for bias in [0, guess] {
        let mut profile = profile.clone();
        profile.modules[0].load_bias = bias;
        let module = symbolize_one(&mut profile, &options());
        assert_eq!(frames(&profile, 0), WHOLE_CHAIN, "{module:?}");
    }
}

#[test]
fn vdso_by_build_id() {
    let folder = Folder::new();
    let image = own_vdso(&folder);
    let (id, (address, _)) = (build_id(&image), support::symbol(&image, "clock_gettime"));
    let vdso = |build_id: Vec<u8>| {
        let mut profile = profile(Path::new("[vdso]"), build_id, &[address]);
        profile.modules[0].kind = ModuleKind::Vdso;
        profile
    };
    let mut ours = vdso(id.clone());
    let module = symbolize_one(&mut ours, &options());
    assert_eq!(module.source, Source::Vdso, "{module:?}");
    let name = &frames(&ours, 0)[0];
    assert!(name.contains("clock_gettime"), "{name}");

    let mut another_kernels = vdso(id.iter().map(|byte| !byte).collect());
    let module = symbolize_one(&mut another_kernels, &options());
    assert_eq!(module.source, Source::NotFound, "{module:?}");
    assert_eq!(
        frames(&another_kernels, 0),
        [format!("[vdso]+{address:#x} :0")]
    );
}

/// Our own vDSO as a file, by gdb's way: out of our own memory.
fn own_vdso(folder: &Folder) -> PathBuf {
    use std::os::unix::fs::FileExt;

    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.ends_with("[vdso]")).unwrap();
    let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
    let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
    let mut image = vec![0; (end - start) as usize];
    let memory = File::open("/proc/self/mem").unwrap();
    memory.read_exact_at(&mut image, start).unwrap();
    let path = folder.path("vdso.so");
    fs::write(&path, image).unwrap();
    path
}

#[test]
fn addresses_outside_and_modules_without_files_have_frames_too() {
    let mut profile = profile(Path::new("/nowhere/lib.so"), vec![1, 2, 3], &[0x10, 0x20]);
    profile.locations[1].module = None;
    let summary = symbolize(&mut profile, &options());
    assert_eq!(frames(&profile, 0), ["lib.so+0x10 :0"]);
    assert_eq!(frames(&profile, 1), [format!("{:#x} :0", LOAD_BIAS + 0x20)]);
    assert_eq!(summary.outside_modules, 1);
    assert_eq!(summary.modules[0].source, Source::NotFound);
    assert!(hint_of(&summary.modules[0]).contains("--binary"));
}

#[test]
fn names_are_kept_until_a_named_binary_knows_better() {
    let folder = Folder::new();
    let whole = build_chain(&folder, "whole", &["-g"]);
    let (id, address) = (build_id(&whole), chain_address(&whole));
    let poor = folder.path("chain");
    support::run(Command::new("strip").arg("-o").args([&poor, &whole]));

    // Nothing but a placeholder: it is looked up again as soon as there is something.
    let mut profile = profile(&poor, id, &[address]);
    symbolize(&mut profile, &options());
    assert_eq!(frames(&profile, 0), [format!("chain+{address:#x} :0")]);
    support::run(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .args([&poor, &whole]),
    );
    symbolize(&mut profile, &options());
    assert_eq!(frames(&profile, 0), ["chain::deep::outer :0"]);
    assert_eq!(profile.functions.len(), 1, "the placeholder is gone");

    // A name stays, though debug info is there now.
    fs::copy(&whole, &poor).unwrap();
    let summary = symbolize(&mut profile, &options());
    assert_eq!(frames(&profile, 0), ["chain::deep::outer :0"]);
    assert_eq!(summary.modules.len(), 0);

    // But the user may ask for the module again, and loses nothing by a binary that knows less.
    let ask = |binary: &Path| Options {
        binaries: vec![binary.to_path_buf()],
        ..options()
    };
    symbolize(&mut profile, &ask(&whole));
    assert_eq!(frames(&profile, 0), WHOLE_CHAIN);
    profile.modules[0].path = "/nowhere/chain".into();
    let stripped = folder.path("stripped");
    for level in ["--strip-debug", "--strip-all"] {
        let mut strip = Command::new("strip");
        support::run(strip.args([level, "-o"]).args([&stripped, &whole]));
        symbolize(&mut profile, &ask(&stripped));
        assert_eq!(frames(&profile, 0), WHOLE_CHAIN);
    }
}

#[test]
fn damaged_indexes_of_a_profile_are_survived() {
    let mut profile = profile(Path::new("/nowhere/a"), vec![], &[1, 2]);
    profile.locations[0].module = Some(7);
    profile.locations[1].lines = vec![hotpoll_profile::Line {
        function: 9,
        line: 1,
    }];
    profile.modules.push(Module::default());
    symbolize(&mut profile, &options());
    assert_eq!(frames(&profile, 1), ["a+0x2 :0"]);
}
