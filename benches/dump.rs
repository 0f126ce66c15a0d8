//! How long does a dump of many tasks take, and what does the process pay meanwhile?
//!
//! ```text
//! cargo bench -p hotpoll-cli --bench dump -- [--quick] [--json FILE]      under a minute
//! ```
//! A process of its own holds 10,000, then 100,000 suspended tasks of four kinds, each with the stack of its await. It is asked over its socket as
//! the command asks: the time from the request to the last byte of the answer; then by `hotpoll dump`: the time to the written file, first with no
//! symbols in the cache, then with all of them. So is `hotpoll tasks`, from its start to its end; and then once more with nothing in the cache while the only
//! worker is blocked for good (the promise for 10,000 tasks: a second).
//!
//! Meanwhile the process's one worker does nothing but spawn short tasks and poll one that yields. What it pays is the longest call of
//! `hotpoll::spawn` and the longest gap between two polls, in windows with a dump and in windows of the same length without one; medians over
//! the rounds of each. And how many turns it made, with a dump against without: the socket's thread works on the other core.

#[path = "support/asked.rs"]
mod asked;
#[path = "support/mod.rs"]
mod support;

use asked::Asked;
use hotpoll_profile::{Profile, pprof};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use support::{Arguments, Figures, median};
use tokio::sync::{mpsc, oneshot};

/// The argument that makes this binary the process that is asked.
const HOST: &str = "--host";

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, tasks] = &arguments[..]
        && role == HOST
    {
        be_asked(tasks.parse().expect("a number of tasks"));
        return Ok(());
    }
    let arguments = Arguments::parse();
    let (counts, rounds): (&[usize], usize) = match arguments.quick {
        true => (&[1_000], 3),
        false => (&[10_000, 100_000], 15),
    };
    let mut figures = Figures::default();
    for &count in counts {
        measure(count, rounds, &mut figures)?;
    }
    figures.write(&arguments)
}

fn measure(tasks: usize, rounds: usize, figures: &mut Figures) -> std::io::Result<()> {
    let mut host = Host(Asked::start(&[HOST, &tasks.to_string()])?);
    let mut push = |what: &str, values: &mut [f64], unit| {
        figures.push(format!("{what}_{tasks}_tasks"), median(values), unit);
    };
    // The first answer finds nothing in any cache; it also shows that everything is in it.
    let first = host.0.ask(0)?;
    let profile =
        pprof::decode(&first.bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    check(&profile, tasks);
    push("answer_first", &mut [ms(first.took)], "ms");
    push("answer_size", &mut [first.bytes.len() as f64 / 1e6], "MB");

    let [
        mut answer,
        mut spawn,
        mut spawn_bare,
        mut gap,
        mut gap_bare,
        mut pace,
        mut cpu,
    ] = [const { Vec::new() }; 7];
    for _ in 0..rounds {
        host.forget();
        let (cpu_before, begun) = (host.own_cpu_ns()?, Instant::now());
        let answered = host.0.ask(0)?;
        let window = begun.elapsed();
        let with = host.paid()?;
        cpu.push((host.own_cpu_ns()? - cpu_before) as f64 / 1e6);
        answer.push(ms(answered.took));
        host.forget();
        let begun = Instant::now();
        std::thread::sleep(window);
        let without = host.paid()?;
        // Sleeping takes a little longer than asked for.
        let lengths = begun.elapsed().as_secs_f64() / window.as_secs_f64();
        spawn.push(with.spawn_ns as f64 / 1e3);
        spawn_bare.push(without.spawn_ns as f64 / 1e3);
        gap.push(with.gap_ns as f64 / 1e3);
        gap_bare.push(without.gap_ns as f64 / 1e3);
        pace.push(100.0 * (with.turns as f64 * lengths / without.turns.max(1) as f64 - 1.0));
    }
    push("answer", &mut answer, "ms");
    push("answer_cpu", &mut cpu, "ms");
    push("longest_spawn_during", &mut spawn, "us");
    push("longest_spawn_without", &mut spawn_bare, "us");
    push("longest_gap_of_polls_during", &mut gap, "us");
    push("longest_gap_of_polls_without", &mut gap_bare, "us");
    push("turns_more_during", &mut pace, "%");

    let (first, size) = host.dump()?;
    push("file_first", &mut [first], "ms");
    push("file_size", &mut [size as f64 / 1e6], "MB");
    let mut warm = Vec::new();
    for _ in 0..rounds {
        warm.push(host.dump()?.0);
    }
    push("file", &mut warm, "ms");
    let mut command = |what: &str, cache: &str| -> std::io::Result<()> {
        push(what, &mut [host.list_tasks(cache)?], "ms");
        Ok(())
    };
    command("command_first", "cache of tasks")?;
    command("command", "cache of tasks")?;
    host.0.tell("block");
    assert_eq!(host.0.line()?, "blocked");
    let mut push = |what: &str, ms: f64| figures.push(format!("{what}_{tasks}_tasks"), ms, "ms");
    push("command_first_blocked", host.list_tasks("another cache")?);
    Ok(())
}

/// Every task is there, with the stack of its await.
fn check(profile: &Profile, tasks: usize) {
    let snapshot = profile.snapshot.as_ref().expect("a snapshot was asked for");
    assert!(snapshot.tasks.tracked >= tasks as u64);
    let waiting = |place: usize| {
        let name = KINDS[place];
        let mut kinds = snapshot.tasks.kinds.iter();
        let kind = kinds.find(|kind| kind.name == name).expect("the kind");
        let of_kind = snapshot.tasks.tasks.iter();
        let of_kind = of_kind.filter(|task| task.kind == kind.id);
        of_kind.filter(|task| !task.waits.is_empty()).count()
    };
    let waiting: usize = (0..KINDS.len()).map(waiting).sum();
    // Two of the hundred thousand that are listed one by one may be those that run.
    assert!(waiting + 4 >= tasks, "{waiting} of {tasks} have a stack");
}

/// What the process has paid since it was told to forget.
struct Paid {
    spawn_ns: u64,
    gap_ns: u64,
    turns: u64,
}

/// The process that is asked.
struct Host(Asked);

impl Host {
    /// What was paid until now does not count.
    fn forget(&mut self) {
        self.0.tell("forget");
        assert_eq!(self.0.line().expect("a line"), "forgotten");
    }

    fn paid(&mut self) -> std::io::Result<Paid> {
        self.0.tell("say");
        let line = self.0.line()?;
        let numbers: Vec<u64> = line.split(' ').flat_map(str::parse).collect();
        let [spawn_ns, gap_ns, turns] = numbers[..] else {
            panic!("not what was paid: {line:?}");
        };
        Ok(Paid {
            spawn_ns,
            gap_ns,
            turns,
        })
    }

    /// CPU time of hotpoll's own threads.
    fn own_cpu_ns(&self) -> std::io::Result<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.pid()))?;
        let clock = |path: PathBuf| -> Option<u64> {
            let name = fs::read_to_string(path.join("comm")).ok()?;
            name.strip_prefix("hotpoll-")?;
            let times = fs::read_to_string(path.join("schedstat")).ok()?;
            times.split(' ').next()?.parse().ok()
        };
        Ok(tasks.flatten().filter_map(|task| clock(task.path())).sum())
    }

    /// Has the command list the tasks, with this folder for its cache; milliseconds.
    fn list_tasks(&self, cache: &str) -> std::io::Result<f64> {
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(["tasks", &self.0.pid().to_string(), "--suspended"])
            .env("XDG_CACHE_HOME", self.0.folder().join(cache))
            .output()?;
        let took = begun.elapsed();
        // A stack that is the tasks' own.
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("::answered"),
            "{output:?}"
        );
        Ok(ms(took))
    }

    /// Has the command write a dump; milliseconds, and the file's bytes.
    fn dump(&self) -> std::io::Result<(f64, u64)> {
        let file = self.0.folder().join("dump.pb.gz");
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(["dump", &self.0.pid().to_string(), "-o"])
            .arg(&file)
            .env("XDG_CACHE_HOME", self.0.folder().join("cache"))
            .output()?;
        let took = begun.elapsed();
        assert!(output.status.success(), "{output:?}");
        let bytes = fs::metadata(&file)?.len();
        fs::remove_file(&file)?;
        Ok((took.as_secs_f64() * 1e3, bytes))
    }
}

/// The shortest time that shows a runtime blocked: a poll that takes long.
const BLOCKED_FOR: Duration = Duration::from_millis(100);

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The kinds of suspended tasks, by name.
const KINDS: [&str; 4] = ["sleeps", "receives", "answered", "deep"];

static BLOCK: AtomicBool = AtomicBool::new(false);
static READY: AtomicU64 = AtomicU64::new(0);
static FORGET: AtomicBool = AtomicBool::new(false);
static SPAWN_NS: AtomicU64 = AtomicU64::new(0);
static GAP_NS: AtomicU64 = AtomicU64::new(0);
static TURNS: AtomicU64 = AtomicU64::new(0);

/// Holds so many tasks, works, and says what it paid.
fn be_asked(tasks: usize) {
    let guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let entered = runtime.enter();
    for number in 0..tasks {
        let name = KINDS[number % KINDS.len()];
        drop(match name {
            "sleeps" => hotpoll::spawn_named(name, sleeps()),
            "receives" => hotpoll::spawn_named(name, receives()),
            "answered" => hotpoll::spawn_named(name, answered()),
            _ => hotpoll::spawn_named(name, deep(6)),
        });
    }
    while READY.load(Relaxed) < tasks as u64 {
        std::thread::sleep(Duration::from_millis(10));
    }
    hotpoll::spawn_named("spawner", spawner());
    hotpoll::spawn_named("yields", yields());
    // A first slice, and looks that have found everything.
    std::thread::sleep(Duration::from_secs(2));
    println!("ready");
    for line in std::io::stdin().lines() {
        match line.expect("text").as_str() {
            "forget" => {
                // Gone when a poll after this has seen it.
                FORGET.store(true, Relaxed);
                while FORGET.load(Relaxed) {
                    std::thread::yield_now();
                }
                println!("forgotten");
            }
            "block" => {
                BLOCK.store(true, Relaxed);
                std::thread::sleep(BLOCKED_FOR);
                println!("blocked");
            }
            _ => {
                let [spawn_ns, gap_ns, turns] =
                    [&SPAWN_NS, &GAP_NS, &TURNS].map(|paid| paid.load(Relaxed));
                println!("{spawn_ns} {gap_ns} {turns}");
            }
        }
    }
    drop((entered, guard));
    std::process::exit(0);
}

async fn spawner() {
    loop {
        let begun = Instant::now();
        let short = hotpoll::spawn_named("short", async {});
        SPAWN_NS.fetch_max(begun.elapsed().as_nanos() as u64, Relaxed);
        let _ = short.await;
    }
}

async fn yields() {
    let mut last = Instant::now();
    loop {
        tokio::task::yield_now().await;
        while BLOCK.load(Relaxed) {
            std::thread::park();
        }
        let now = Instant::now();
        GAP_NS.fetch_max((now - last).as_nanos() as u64, Relaxed);
        TURNS.fetch_add(1, Relaxed);
        last = now;
        if FORGET.load(Relaxed) {
            for paid in [&SPAWN_NS, &GAP_NS, &TURNS] {
                paid.store(0, Relaxed);
            }
            FORGET.store(false, Relaxed);
        }
    }
}

async fn sleeps() {
    READY.fetch_add(1, Relaxed);
    tokio::time::sleep(Duration::from_secs(1_000_000)).await;
}

async fn receives() {
    let (_sender, mut receiver) = mpsc::channel::<u64>(1);
    READY.fetch_add(1, Relaxed);
    receiver.recv().await;
}

async fn answered() {
    let (_sender, receiver) = oneshot::channel::<u64>();
    READY.fetch_add(1, Relaxed);
    let _ = receiver.await;
}

/// Below some awaits of its own.
fn deep(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        match depth {
            0 => answered().await,
            _ => deep(depth - 1).await,
        }
    })
}
