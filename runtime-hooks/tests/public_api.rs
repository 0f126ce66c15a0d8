//! Every public method of the types that are told of: parking_lot's, tokio's and std's, each is here, or named with a reason where they are documented.
//!
//! parking_lot's and tokio's are read in the sources that the build itself uses. std's come as no source; they are listed below.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

type Methods = BTreeMap<String, BTreeSet<String>>;

/// The folder of the package that this build uses.
fn package(name: &str, version: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut paths = text.split("\"manifest_path\":\"").skip(1);
    let folder = format!("/{name}-{version}");
    let path = paths.find_map(|rest| {
        let path = rest.split('\"').next()?.strip_suffix("/Cargo.toml")?;
        let found = path.rsplit_once('/')?.1;
        let exact = path.contains(&folder) && found.strip_prefix(name)?.starts_with('-');
        exact.then(|| PathBuf::from(path))
    });
    path.unwrap_or_else(|| panic!("{name} {version} is among the packages"))
}

/// The source files in a folder and below.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|one| one == "rs") {
            all.push(path);
        }
    }
    all
}

/// Public methods of inherent implementations, by type. Enough of Rust for sources that rustfmt has formatted.
fn methods(source: &str) -> Methods {
    let mut all = Methods::new();
    let (mut depth, mut head) = (0usize, String::new());
    let mut open: Option<(String, usize)> = None;
    for line in source.lines() {
        let code = line.split("//").next().unwrap_or_default();
        let trimmed = code.trim_start();
        if open.is_none() {
            let begins = trimmed.starts_with("impl<") || trimmed.starts_with("impl ");
            if begins || !head.is_empty() {
                head += trimmed;
                head.push(' ');
            }
            if let Some((before, _)) = head.clone().split_once('{') {
                open = of_type(before).map(|name| (name, depth));
                head.clear();
            } else if head.contains(';') {
                head.clear();
            }
        } else if let (Some((name, _)), Some(method)) = (&open, public_method(trimmed)) {
            all.entry(name.clone()).or_default().insert(method);
        }
        depth += code.matches('{').count();
        depth -= code.matches('}').count().min(depth);
        if open.as_ref().is_some_and(|(_, outside)| depth <= *outside) {
            open = None;
        }
    }
    all
}

/// `impl<R: Raw, T> Mutex<R, T> where …` is of `Mutex`; of a trait it is nothing.
fn of_type(head: &str) -> Option<String> {
    let head = head.split(" where").next()?.strip_prefix("impl")?;
    if head.contains(" for ") {
        return None;
    }
    let mut open = 0;
    let mut rest = head;
    if head.starts_with('<') {
        let end = head.char_indices().find(|&(_, c)| {
            open += i32::from(c == '<') - i32::from(c == '>');
            open == 0
        })?;
        rest = &head[end.0 + 1..];
    }
    let name: String = (rest.trim_start().chars())
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

fn public_method(line: &str) -> Option<String> {
    let mut rest = line.strip_prefix("pub ")?;
    while let Some(more) = ["const ", "async ", "unsafe "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
    {
        rest = more;
    }
    let name = rest.strip_prefix("fn ")?;
    Some(
        name.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect(),
    )
}

fn of_files(files: &[PathBuf]) -> Methods {
    let mut all = Methods::new();
    for file in files {
        for (name, found) in methods(&std::fs::read_to_string(file).unwrap()) {
            all.entry(name).or_default().extend(found);
        }
    }
    all
}

/// Names that our own source defines anywhere below a path: methods come from macros, too, where the type is not written beside them.
fn ours(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/sync")
        .join(path);
    let paths = if path.is_dir() {
        files(&path)
    } else {
        vec![path]
    };
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

fn has(source: &str, method: &str) -> bool {
    source.contains(&format!("fn {method}(")) || source.contains(&format!("fn {method}<"))
        // As arguments of a macro.
        || source.contains(&format!("        {method}(")) || source.contains(&format!("        {method},"))
        || source.contains(&format!(", {method}:"))
}

/// Whether a document says of a method that it is not here: `Type::method`, or `method` of that `Type`.
fn is_named(documents: &str, of: &str, method: &str) -> bool {
    documents
        .lines()
        .filter(|line| line.starts_with("//!"))
        .any(|line| {
            line.contains(&format!("`{of}::{method}`"))
                || line.contains(&format!("`{method}`")) && line.contains(&format!("`{of}`"))
        })
}

#[track_caller]
fn check(theirs: &Methods, of: &str, path: &str, documents: &str) {
    let source = ours(path);
    let documents = ours(documents);
    let methods = theirs.get(of).unwrap_or_else(|| panic!("{of} has methods"));
    assert!(!methods.is_empty());
    let missing: Vec<&String> = (methods.iter())
        .filter(|method| !has(&source, method) && !is_named(&documents, of, method))
        .collect();
    assert!(
        missing.is_empty(),
        "{of} in {path}: neither there nor named: {missing:?}"
    );
}

#[test]
fn parking_lots_methods() {
    let lock_api = of_files(&files(&package("lock_api", "0.5").join("src")));
    // Guards are lock_api's own types, and so have all of its methods.
    for (of, path) in [
        ("Mutex", "mutex.rs"),
        ("ReentrantMutex", "remutex.rs"),
        ("RwLock", "rwlock.rs"),
        ("Condvar", "condvar.rs"),
        ("WaitTimeoutResult", "condvar.rs"),
    ] {
        check(&lock_api, of, path, "mod.rs");
    }
    let parking_lot = of_files(&files(&package("parking_lot", "0.13").join("src")));
    check(&parking_lot, "Once", "once.rs", "mod.rs");
    // And its names.
    let names = ours("mod.rs");
    let library =
        std::fs::read_to_string(package("parking_lot", "0.13").join("src/lib.rs")).unwrap();
    let exported: Vec<&str> = (library.split("pub use").skip(1))
        .filter_map(|rest| rest.split_once(';'))
        .flat_map(|(list, _)| list.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .filter(|name| name.starts_with(char::is_uppercase) || name.starts_with("const_"))
        .collect();
    assert!(exported.len() > 30, "{exported:?}");
    // The raw locks that they are made of are of no use with ours.
    let raw = |name: &str| name.starts_with("Raw");
    let missing: Vec<&&str> = (exported.iter())
        .filter(|name| !raw(name) && !names.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn tokios_methods() {
    let tokio = package("tokio", "1.").join("src");
    let all = of_files(&files(&tokio.join("sync")));
    for (of, path) in [
        ("Mutex", "mutex.rs"),
        ("MutexGuard", "mutex_guards.rs"),
        ("MappedMutexGuard", "mutex_guards.rs"),
        ("OwnedMutexGuard", "mutex_guards.rs"),
        ("OwnedMappedMutexGuard", "mutex_guards.rs"),
        ("RwLock", "rwlock.rs"),
        ("RwLockReadGuard", "read_guards.rs"),
        ("OwnedRwLockReadGuard", "read_guards.rs"),
        ("RwLockWriteGuard", "write_guards.rs"),
        ("RwLockMappedWriteGuard", "write_guards.rs"),
        ("OwnedRwLockWriteGuard", "write_guards.rs"),
        ("OwnedRwLockMappedWriteGuard", "write_guards.rs"),
        ("Semaphore", "semaphore.rs"),
        ("SemaphorePermit", "permits.rs"),
        ("OwnedSemaphorePermit", "permits.rs"),
        ("Notify", "notify.rs"),
        ("Notified", "notify.rs"),
        ("OwnedNotified", "notify.rs"),
        ("OnceCell", "once_cell.rs"),
        ("Barrier", "barrier.rs"),
    ] {
        check(&all, of, &format!("tokio/{path}"), "tokio/mod.rs");
    }
    // Types of one name in several modules.
    let of_module = |module: &str| of_files(&files_of(&tokio.join("sync").join(module)));
    for (module, path, types) in [
        (
            "mpsc",
            "tokio/mpsc",
            &[
                "Sender",
                "Receiver",
                "UnboundedSender",
                "UnboundedReceiver",
                "WeakSender",
                "WeakUnboundedSender",
                "Permit",
                "OwnedPermit",
            ][..],
        ),
        ("oneshot.rs", "tokio/oneshot.rs", &["Sender", "Receiver"]),
        ("watch.rs", "tokio/watch.rs", &["Sender", "Receiver"]),
        (
            "broadcast.rs",
            "tokio/broadcast.rs",
            &["Sender", "Receiver", "WeakSender"],
        ),
    ] {
        for of in types {
            check(&of_module(module), of, path, "tokio/mod.rs");
        }
    }
    let time = of_files(&files(&tokio.join("time")));
    for of in ["Sleep", "Interval", "Timeout"] {
        check(&time, of, "tokio/time.rs", "tokio/mod.rs");
    }
}

/// Sets of tasks have tokio's methods through `Deref`, but for those that take the set itself, and those that spawn: these must be ours, or they track
/// nothing and nobody is told.
#[test]
fn tokios_sets_of_tasks() {
    let tokio = package("tokio", "1.").join("src/task");
    for (of, path) in [("JoinSet", "join_set.rs"), ("LocalSet", "local.rs")] {
        let theirs = std::fs::read_to_string(tokio.join(path)).unwrap();
        // Lines of documentation have examples in them.
        let theirs: Vec<&str> = (theirs.lines())
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let ours = match of {
            "JoinSet" => include_str!("../src/tasks/join_set.rs"),
            _ => include_str!("../src/tasks/local_set.rs"),
        };
        let methods = methods(&theirs.join("\n")).remove(of).unwrap();
        assert!(methods.len() > 4, "{methods:?}");
        for method in methods {
            let begin = (theirs.iter())
                .position(|line| {
                    let name = public_method(line.trim_start());
                    line.starts_with("    ") && name.as_ref() == Some(&method)
                })
                .unwrap();
            let unstable = theirs[begin.saturating_sub(3)..begin].join(" ");
            let head: String = theirs[begin..].iter().take(6).copied().collect();
            let head = head.split('{').next().unwrap();
            let by_reference = head.contains("&self") || head.contains("&mut self");
            let by_deref = by_reference && !method.starts_with("spawn");
            assert!(
                by_deref || unstable.contains("tokio_unstable") || has(ours, &method),
                "{of}::{method} is neither ours nor reached through Deref: {head}"
            );
        }
        for line in &theirs {
            let Some(name) = (line.strip_prefix("impl")).and_then(|rest| rest.split_once(" for "))
            else {
                continue;
            };
            let is_of_it = name.1.trim_start().starts_with(of);
            let head = name.0.rsplit("::").next().unwrap();
            let head = head.rsplit(' ').next().unwrap().split('<').next().unwrap();
            assert!(
                !is_of_it || head == "Drop" || ours.contains(head),
                "{of} is {head} in tokio"
            );
        }
    }
}

fn files_of(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        files(path)
    } else {
        vec![path.to_owned()]
    }
}

/// Stable as of Rust 1.95.
const STANDARD: &[(&str, &str, &str)] = &[
    (
        "Mutex",
        "mutex.rs",
        "new lock try_lock is_poisoned clear_poison into_inner get_mut",
    ),
    (
        "RwLock",
        "rwlock.rs",
        "new read try_read write try_write is_poisoned clear_poison into_inner get_mut",
    ),
    ("RwLockWriteGuard", "rwlock.rs", "downgrade"),
    (
        "Condvar",
        "condvar.rs",
        "new wait wait_while wait_timeout wait_timeout_ms wait_timeout_while notify_one notify_all",
    ),
    ("WaitTimeoutResult", "condvar.rs", "timed_out"),
    (
        "Once",
        "once.rs",
        "new call_once call_once_force is_completed wait wait_force",
    ),
    (
        "OnceLock",
        "once_lock.rs",
        "new get get_mut set get_or_init into_inner take wait",
    ),
    (
        "LazyLock",
        "lazy_lock.rs",
        "new force force_mut get get_mut",
    ),
    ("Barrier", "barrier.rs", "new wait"),
    (
        "mpsc",
        "mpsc.rs",
        "channel sync_channel send try_send recv try_recv recv_timeout iter try_iter",
    ),
];

#[test]
fn stds_methods() {
    for (of, path, names) in STANDARD {
        let methods = names.split(' ').map(str::to_owned).collect();
        check(
            &Methods::from([((*of).to_owned(), methods)]),
            of,
            &format!("standard/{path}"),
            "standard/mod.rs",
        );
    }
}

#[test]
fn what_is_missing_is_found() {
    let theirs = methods(
        "impl<T> Mutex<T> {\n    pub const unsafe fn steal(&self) {\n    }\n}\nimpl<T> Lock for Mutex<T> {\n    pub fn no(&self) {}\n}\n",
    );
    assert_eq!(
        theirs,
        Methods::from([("Mutex".to_owned(), BTreeSet::from(["steal".to_owned()]))])
    );
    assert!(
        std::panic::catch_unwind(|| check(
            &theirs,
            "Mutex",
            "standard/mutex.rs",
            "standard/mod.rs"
        ))
        .is_err()
    );
}
