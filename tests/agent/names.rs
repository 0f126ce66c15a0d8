//! Names made in the process itself: the feature `symbolize`. Without it these cases see that there are none, and that nothing else is different.

use crate::Test;
use crate::host::{Folder, profile_at};
use crate::roles::burn_for;
use std::process::Command;
use std::time::Duration;

pub const TESTS: &[Test] = &[
    ("names::of_a_tokio_service", of_a_tokio_service),
    ("names::of_a_stripped_program", of_a_stripped_program),
    (
        "names::asked_for_on_a_worker_while_it_runs",
        asked_for_on_a_worker_while_it_runs,
    ),
    ("names::memory_is_given_back", memory_is_given_back),
    (
        "names::of_a_program_replaced_on_disk",
        of_a_program_replaced_on_disk,
    ),
];

const NAMED: bool = cfg!(feature = "symbolize");

/// What the roles burn in.
#[inline(never)]
fn compute_invoices() {
    burn_for(Duration::from_millis(400));
}

/// A runtime that hotpoll knows; a task that burns, and the report: from a worker, as a service's own endpoint for it does, and from main.
pub fn service(written: &str) {
    let guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let report = runtime.block_on(async {
        let work = hotpoll_hooks::tasks::spawn_named("invoices", async { compute_invoices() });
        work.await.expect("it ends well");
        let guard = std::sync::Arc::new(guard);
        let asked = std::sync::Arc::clone(&guard);
        let endpoint = async move { asked.report().to_string() };
        let report = hotpoll_hooks::tasks::spawn_named("endpoint", endpoint).await;
        if !written.is_empty() {
            guard.write_pprof(written).expect("written");
        }
        report.expect("it ends well")
    });
    println!("{report}");
}

#[track_caller]
fn check(report: &str) {
    assert!(report.contains("samples  function"), "{report}");
    assert_eq!(
        report.contains("agent::names::compute_invoices"),
        NAMED,
        "{report}"
    );
}

fn of_a_tokio_service() {
    let folder = Folder::new();
    let path = folder.path("service.pb.gz");
    let role = format!("named-service {}", path.to_str().expect("UTF-8"));
    check(&folder.run(&role, &[]));
    // The file has the names, too, and where they are from.
    let profile = profile_at(&path);
    let has = |name: &str| {
        let mut functions = profile.functions.iter();
        functions.any(|function| function.name.contains(name))
    };
    assert_eq!(has("compute_invoices"), NAMED);
    let lines = profile
        .locations
        .iter()
        .flat_map(|location| &location.lines);
    assert_eq!(lines.clone().any(|line| line.line != 0), NAMED);
}

/// Asking takes long the first time. The program goes on, and the answer of everybody who asks at once is whole.
pub fn asked_by_many() {
    let guard = hotpoll::start().expect("hotpoll starts");
    compute_invoices();
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| guard.report().to_string()))
            .collect();
        for asked in asking {
            println!("{}\n--", asked.join().expect("an answer"));
        }
    });
}

fn asked_for_on_a_worker_while_it_runs() {
    let printed = Folder::new().run("asked-by-many", &[]);
    let reports: Vec<&str> = printed.split_terminator("\n--\n").collect();
    assert_eq!(reports.len(), 4, "{printed}");
    reports.into_iter().for_each(check);
}

/// Memory in use by the allocator, and mappings, before the first report and after each.
pub fn memory() {
    let guard = hotpoll::start().expect("hotpoll starts");
    compute_invoices();
    // What every first answer makes, whether it has names or not, and the unwind tables, which may take a while.
    crate::host::wait_until("unwind tables", || {
        guard.profile().process.unwind_table_bytes > 0
    });
    for _ in 0..4 {
        let before = (in_use(), mappings());
        let report = guard.report().to_string();
        assert_eq!(report.contains("agent::names::memory"), NAMED, "{report}");
        drop(report);
        let after = (in_use(), mappings());
        println!(
            "{} {}",
            after.0 as i64 - before.0 as i64,
            after.1 as i64 - before.1 as i64
        );
    }
}

fn in_use() -> usize {
    // SAFETY: no preconditions.
    let all = unsafe { libc::mallinfo2() };
    all.uordblks + all.hblkhd
}

/// Mappings of files: what symbols are read from is mapped.
fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("a list");
    maps.lines().filter(|line| line.contains('/')).count()
}

fn memory_is_given_back() {
    /// Slices that were closed meanwhile, what threads of ours have for themselves.
    const MOST_KEPT: i64 = 512 << 10;
    let printed = Folder::new().run("named-memory", &[]);
    let rows: Vec<(i64, i64)> = printed
        .lines()
        .map(|line| {
            let (bytes, mappings) = line.split_once(' ').expect("two numbers");
            (bytes.parse().unwrap(), mappings.parse().unwrap())
        })
        .collect();
    assert_eq!(rows.len(), 4);
    assert!(
        rows.iter()
            .all(|(bytes, mappings)| *bytes < MOST_KEPT && *mappings <= 0),
        "{printed}"
    );
}

/// This binary without its symbols.
fn stripped(folder: &Folder) -> Option<std::path::PathBuf> {
    let program = folder.path("stripped");
    let done = Command::new("strip")
        .arg("-o")
        .arg(&program)
        .arg(std::env::current_exe().expect("this binary"))
        .status();
    match done {
        Ok(status) if status.success() => Some(program),
        _ if std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_some() => panic!("strip: {done:?}"),
        _ => {
            println!("strip is not installed: not checked");
            None
        }
    }
}

/// Where there are no names the report says where the time went all the same: by the program's name and an offset, as for `addr2line`.
fn of_a_stripped_program() {
    let folder = Folder::new();
    let Some(program) = stripped(&folder) else {
        return;
    };
    let printed = folder.run_program(&program, "named-service");
    assert!(printed.contains("samples  function"), "{printed}");
    assert!(!printed.contains("compute_invoices"), "{printed}");
    assert!(printed.contains("stripped+0x"), "{printed}");
}

/// The program that runs is not the one that lies where it was: its names are its own, by way of /proc.
fn of_a_program_replaced_on_disk() {
    let folder = Folder::new();
    let program = folder.path("replaced");
    std::fs::copy(std::env::current_exe().expect("this binary"), &program).expect("a copy");
    check(&folder.run_program(&program, "named-replaced"));
}

/// Removes its own program, as an update does.
pub fn replaced() {
    let program = std::env::current_exe().expect("this binary");
    std::fs::remove_file(&program).expect("removed");
    std::fs::write(&program, "another program").expect("written");
    service("");
}
