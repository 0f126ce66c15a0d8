//! `hotpoll top` through a real pseudo-terminal, on a real process: this test run once more.

mod terminal;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use terminal::Top;

/// Tells this test, run once more, that it is to be the process.
const ROLE: &str = "HOTPOLL_TEST_ROLE";

/// Not a test, unless it is asked to be the process: a thread that burns the processor, and tasks that wait.
#[test]
fn be_the_process() {
    if std::env::var(ROLE).is_err() {
        return;
    }
    let _guard = hotpoll::start_if_asked().unwrap();
    let burner = std::thread::Builder::new().name("burner".to_owned());
    let _burner = burner.spawn(|| {
        // Orphans of a failed test end, too.
        let end = Instant::now() + Duration::from_secs(300);
        let mut sum = 0;
        while Instant::now() < end {
            sum = burn_the_processor(sum);
        }
        std::process::exit(0);
    });
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time();
    let runtime = hotpoll::runtime(&mut builder).build().unwrap();
    for _ in 0..20 {
        let waits = async {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        runtime.spawn(hotpoll::Track::tracked(waits, "waiter"));
    }
    println!("started");
    std::thread::sleep(Duration::from_secs(300));
}

/// What the screens must name.
#[inline(never)]
fn burn_the_processor(mut sum: u64) -> u64 {
    for i in 0..1_000_000u64 {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i));
    }
    sum
}

/// A live process, killed with the test.
struct Live(Child);

impl Live {
    fn start() -> Self {
        Self::start_as(&std::env::current_exe().unwrap())
    }

    /// The same under another name.
    fn start_as(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["be_the_process", "--exact", "--nocapture"])
            .env(ROLE, "process")
            .env("HOTPOLL", "on")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // With one processor the harness has written the test's name before it.
        while !lines.next().unwrap().unwrap().ends_with("started") {}
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn threads_tasks_flame_and_the_way_out() {
    let live = Live::start();
    let mut top = Top::start(&[&live.pid(), "--interval", "200ms"], &[]);
    top.shows("burner");
    assert!(top.screen.lock().unwrap().screen().alternate_screen());
    top.shows("burn_the_processor");
    top.shows("Enter open");
    // The filter, as it is typed.
    top.types("/burn").until("one thread", |text| {
        text.contains("(1)") && !text.contains("tokio-rt")
    });
    top.types("\r").shows("1/1");
    // Down into it, to its flame graph, and back.
    top.types("\r").shows("Hottest functions");
    top.types("f").shows("CPU time of thread burner");
    top.types("1").shows("Hottest functions");
    top.types("\x1b").shows("where it is");
    top.types("\x1b").shows("tokio-rt");
    // A kind, a task, its await stack.
    top.types("2").shows("waiter");
    top.types("\r").shows("waiting");
    top.types("\r").shows("Suspended in");
    top.shows("tokio::time::sleep::Sleep");
    top.types("5").shows("all CPU time");
    top.types("?").shows("Keys");
    top.types("?").shows("all CPU time");
    top.types("q");
    assert!(top.ends_and_gives_back().success());
}

#[test]
fn another_size() {
    let live = Live::start();
    let mut top = Top::start(&[&live.pid(), "--interval", "200ms"], &[]);
    top.shows("burner");
    for (columns, lines) in [(60, 15), (120, 40), (20, 4), (80, 24)] {
        top.resize(columns, lines);
        let what = format!("{columns}x{lines}");
        top.until(&what, |text| match columns {
            20 => text.contains("larger terminal") || text.contains("needs a"),
            _ => {
                let last = text.lines().nth(usize::from(lines) - 1).unwrap_or_default();
                last.contains("q quit") && text.lines().count() == usize::from(lines)
            }
        });
    }
    top.types("\x03");
    assert!(top.ends_and_gives_back().success());
}

#[test]
fn drawn_anew() {
    let live = Live::start();
    let mut top = Top::start(&[&live.pid(), "--interval", "200ms"], &[]);
    top.shows("burner");
    // Somebody else writes to the terminal. (Looked at at once: what changes there is drawn over it.)
    {
        let mut screen = top.screen.lock().unwrap();
        screen.process(b"\x1b[10;1Hmail for you");
        assert!(screen.screen().contents().contains("mail for you"));
    }
    top.types("\x0c").until("all of it", |text| {
        text.contains("burner") && !text.contains("mail for you")
    });
    // Without a shell there is nobody to go back to, and it goes on at once.
    top.types("\x1a").types("2").shows("waiter");
    top.types("q");
    assert!(top.ends_and_gives_back().success());
}

#[test]
fn signals_give_the_terminal_back() {
    let live = Live::start();
    for signal in [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
    ] {
        let mut top = Top::start(&[&live.pid()], &[]);
        top.shows("burner");
        kill(Pid::from_raw(top.child.id() as i32), signal).unwrap();
        assert!(top.ends_and_gives_back().success(), "{signal}");
    }
}

#[test]
fn a_stopped_target_holds_no_key_up() {
    let live = Live::start();
    let mut top = Top::start(&[&live.pid(), "--interval", "200ms"], &[]);
    top.shows("burner");
    live.signal(Signal::SIGSTOP);
    top.shows("is stopped: this is its last picture");
    // The picture is there, and the keys work.
    top.types("2").shows("waiter");
    top.types("1").shows("burner");
    live.signal(Signal::SIGCONT);
    top.until("answers again", |text| !text.contains("stopped"));
    top.types("q");
    assert!(top.ends_and_gives_back().success());
}

#[test]
fn the_targets_end_and_the_next_one_of_its_name() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("top");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join(format!("hp-top-{}", std::process::id()));
    let _ = std::fs::remove_file(&program);
    // No copy: while another test starts its child, that has the copy's file open for writing, and then nobody can run it.
    std::fs::hard_link(std::env::current_exe().unwrap(), &program).unwrap();
    let name = program.file_name().unwrap().to_str().unwrap().to_owned();
    let first = Live::start_as(&program);
    let first_pid = first.pid();
    let mut top = Top::start(&[&name, "--interval", "200ms"], &[]);
    top.shows(&format!("{name} {first_pid}"));
    top.shows("burner");
    drop(first);
    let text = top.shows("has ended: this is its last picture");
    assert!(text.contains("burner"), "{text}");
    top.types("2").shows("waiter");
    let second = Live::start_as(&program);
    let header = format!("{name} {}", second.pid());
    top.until("the next one", |text| {
        text.starts_with(&header) && !text.contains("has ended")
    });
    top.types("q");
    assert!(top.ends_and_gives_back().success());
    std::fs::remove_file(&program).unwrap();
}

#[test]
fn a_dump_is_looked_at() {
    let file = std::env::temp_dir().join(format!("hotpoll-top-{}.pb.gz", std::process::id()));
    let file = file.to_str().unwrap();
    {
        let live = Live::start();
        // Threads have their names, and tasks wait, when they have run for the first time.
        let mut top = Top::start(&[&live.pid(), "--interval", "200ms"], &[]);
        top.shows("burn_the_processor");
        top.types("2").shows("waiter");
        top.types("\r").shows("waiting");
        let dump = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .args(["dump", &live.pid(), "-o", file])
            .output()
            .unwrap();
        assert!(dump.status.success(), "{dump:?}");
    }
    let mut top = Top::start(&[file], &[]);
    top.shows("burner");
    top.types("2").shows("waiter");
    let text = top.types("\r").shows("waiting");
    assert!(!text.contains("no answer"), "{text}");
    top.types("q");
    assert!(top.ends_and_gives_back().success());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn no_color_is_respected() {
    let live = Live::start();
    let mut top = Top::start(&[&live.pid()], &[("NO_COLOR", "1")]);
    top.shows("burner");
    top.types("5").shows("all CPU time");
    let parser = top.screen.lock().unwrap();
    for (row, column) in (0..24).flat_map(|row| (0..80).map(move |column| (row, column))) {
        let cell = parser.screen().cell(row, column).unwrap();
        let colors = (cell.fgcolor(), cell.bgcolor());
        assert_eq!(colors, (vt100::Color::Default, vt100::Color::Default));
    }
}

#[test]
fn where_nothing_can_be_drawn() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hotpoll"))
            .arg("top")
            .args(arguments)
            .env("TERM", "xterm")
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no terminal") && said.contains("`hotpoll threads`"),
        "{said}"
    );
    let mut top = Top::start(&[], &[("TERM", "dumb")]);
    top.shows("report --watch");
    assert_eq!(top.ends_and_gives_back().code(), Some(2));
    let mut top = Top::start(&["/nonexistent/file"], &[]);
    top.shows("nonexistent");
    assert_eq!(top.ends_and_gives_back().code(), Some(2));
}
