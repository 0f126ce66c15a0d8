//! What the command says of a live process that waits: this test run once more, with tasks that wait, one that nobody will wake and one that
//! blocks its worker.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// Tells this test, run once more, that it is to be the process.
const ROLE: &str = "HOTPOLL_TEST_WAITS";
/// The longest wait for something that comes in a second or two. Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const ORDERS: usize = 50;

/// Not a test, unless it is asked to be the process.
#[test]
fn be_the_process() {
    if std::env::var(ROLE).is_err() {
        return;
    }
    let _guard = hotpoll::start_if_asked().unwrap();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let (orders, _) = broadcast::channel::<()>(1);
    for _ in 0..ORDERS {
        let mut order = orders.subscribe();
        hotpoll::spawn_named("order", async move { next_order(&mut order).await });
    }
    hotpoll::spawn_named("lost", forgets_its_waker());
    // One worker is left for the others.
    let (blocked, is_blocked) = mpsc::channel();
    hotpoll::spawn_named("blocker", async move {
        blocked.send(()).unwrap();
        block_here();
    });
    is_blocked.recv().unwrap();
    println!("started");
    // An orphan of a failed test ends, too.
    std::thread::sleep(Duration::from_secs(300));
    std::process::exit(0);
}

async fn next_order(orders: &mut broadcast::Receiver<()>) {
    let _ = orders.recv().await;
}

async fn forgets_its_waker() {
    std::future::poll_fn(|context| {
        let waker = context.waker().clone();
        // Whoever was to wake it forgets it, a little later.
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(10));
            drop(waker);
        });
        Poll::<()>::Pending
    })
    .await;
}

#[inline(never)]
fn block_here() {
    std::thread::sleep(Duration::from_secs(300));
}

/// A live process, killed with the test.
struct Live(Child);

impl Live {
    /// Once its tasks have been polled, with stacks.
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["be_the_process", "--exact", "--nocapture"])
            .env(ROLE, "waits")
            .env("HOTPOLL", "on")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // With one processor the harness has written the test's name before it.
        while !lines.next().unwrap().unwrap().ends_with("started") {}
        let live = Self(child);
        let began = Instant::now();
        while !live.json(&["tasks", "--refresh"]).is_settled() {
            assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        }
        live
    }

    fn json(&self, arguments: &[&str]) -> Data {
        Data::of(&run(&[
            arguments,
            &[&self.0.id().to_string(), "--format", "json"],
        ]
        .concat()))
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = run(&[arguments, &[&self.0.id().to_string()]].concat());
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the command writes as JSON.
struct Data(Value);

impl Data {
    fn of(output: &Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        Self(json["data"].clone())
    }

    fn rows(&self, table: &str) -> &[Value] {
        self.0[table].as_array().unwrap()
    }

    fn tasks<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Value> {
        let tasks = self.rows("tasks").iter();
        tasks.filter(move |task| task["kind"] == kind)
    }

    fn is_settled(&self) -> bool {
        let waits = |task: &Value| !task["waits"].as_array().unwrap().is_empty();
        self.tasks("order").filter(|task| waits(task)).count() == ORDERS
            && self
                .tasks("blocker")
                .all(|task| task["problem"] == "long poll")
            && self
                .tasks("lost")
                .all(|task| task["problem"] == "lost waker")
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hotpoll"))
        .args(arguments)
        .env("COLUMNS", "80")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn ends_with(name: &Value, end: &str) -> bool {
    name.as_str().is_some_and(|name| name.contains(end))
}

#[track_caller]
fn check_tasks(data: &Data) {
    assert_eq!(data.0["tracked"], ORDERS + 2, "{:#}", data.0);
    // What is wrong first.
    let first: Vec<&Value> = data.rows("tasks")[..2]
        .iter()
        .map(|task| &task["kind"])
        .collect();
    assert_eq!(first, ["lost", "blocker"]);
    for order in data.tasks("order") {
        let folded = &order["waits"][0]["folded"];
        assert!(ends_with(&folded[1]["name"], "next_order"), "{folded:#}");
        assert!(ends_with(&folded[0]["name"], "broadcast::Re"), "{folded:#}");
    }
    assert_eq!(data.rows("suspended").len(), 2);
    let orders = &data.rows("suspended")[1];
    assert_eq!(
        (&orders["kind"], &orders["tasks"]),
        (&"order".into(), &ORDERS.into())
    );
}

#[track_caller]
fn check_threads(data: &Data) {
    let stuck = &data.rows("threads")[0];
    assert_eq!(stuck["stuck"], "blocked in a long poll", "{:#}", data.0);
    assert_eq!(stuck["state"], "sleep");
    assert_eq!(stuck["polls"]["kind"], "blocker");
    assert_eq!(data.rows("stuck").len(), 1);
}

#[test]
fn tasks_and_threads_of_a_process_and_of_its_dump() {
    let live = Live::start();
    check_tasks(&live.json(&["tasks", "--suspended"]));
    // The blocked thread was looked at, too.
    let began = Instant::now();
    while live.json(&["threads"]).rows("threads")[0]["state"] != "sleep" {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    check_threads(&live.json(&["threads"]));
    let text = live.text(&["tasks"]);
    assert!(text.contains("lost waker: 1 task"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let text = live.text(&["threads", "--stacks"]);
    assert!(
        text.contains("worth a look: 1 blocked in a long poll"),
        "{text}"
    );
    assert_eq!(
        live.json(&["tasks", "--kind", "order"]).0["selected"],
        ORDERS
    );

    let dump: PathBuf = std::env::temp_dir().join(format!("hotpoll-{}.pb.gz", std::process::id()));
    let path = dump.to_str().unwrap();
    let output = run(&["dump", &live.0.id().to_string(), "-o", path]);
    assert!(output.status.success());
    drop(live);
    let of_dump =
        |arguments: &[&str]| Data::of(&run(&[arguments, &[path, "--format", "json"]].concat()));
    check_tasks(&of_dump(&["tasks", "--suspended"]));
    check_threads(&of_dump(&["threads"]));
    assert!(of_dump(&["report", "--wall"]).0["wall"]["looks"].as_u64() > Some(0));
    let refused = run(&["tasks", path, "--refresh"]);
    assert_eq!(refused.status.code(), Some(2));
    std::fs::remove_file(&dump).unwrap();
}

/// The process writes the file itself: without what tasks were doing in it, the report was of "kind 3".
#[test]
fn task_kinds_of_a_processs_own_file() {
    let file = std::env::temp_dir().join(format!("hotpoll-out-{}.pb.gz", std::process::id()));
    let path = file.to_str().unwrap();
    let live = Live::start_with(&[("HOTPOLL_OUT", path)]);
    let began = Instant::now();
    let tasks = loop {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
        let tasks = run(&["tasks", path, "--suspended", "--format", "json"]);
        // Not there yet, or not all of them wait.
        if tasks.status.success() && Data::of(&tasks).is_settled() {
            break Data::of(&tasks);
        }
    };
    check_tasks(&tasks);
    let report = Data::of(&run(&["report", "--by", "task", path, "--format", "json"]));
    let kinds = report.rows("kinds").iter();
    let kinds: Vec<&str> = kinds.map(|kind| kind["title"].as_str().unwrap()).collect();
    drop(live);
    for name in ["order", "lost", "blocker"] {
        assert!(kinds.contains(&name), "{kinds:?}");
    }
    assert!(!kinds.iter().any(|kind| kind.starts_with("kind ")));
    check_tasks(&Data::of(&run(&[
        "tasks",
        path,
        "--suspended",
        "--format",
        "json",
    ])));
    std::fs::remove_file(&file).unwrap();
}

/// On a crowded machine a short window says little: it is doubled, a few times.
#[test]
fn time_blocked_in_a_poll_is_the_time_of_the_window() {
    let live = Live::start();
    let told: Vec<String> = ["2s", "4s", "8s", "16s"]
        .iter()
        .map_while(|window| off_in(&live, window).err())
        .collect();
    assert!(told.len() < 4, "{told:#?}");
}

/// Says what is more than 5 % off.
fn off_in(live: &Live, window: &str) -> Result<(), String> {
    let data = live.json(&["report", "--by", "task", "--wall", "--for", window]);
    let window = data.0["window"]["duration_ns"].as_u64().unwrap() as f64;
    let kind = |name: &str| {
        let mut kinds = data.rows("kinds").iter();
        kinds.find(|kind| kind["title"] == name).unwrap()
    };
    let part = |value: &Value| value.as_u64().unwrap() as f64 / window;
    let blocked = part(&kind("blocker")["blocked_in_poll_ns"]);
    assert_eq!(data.0["kinds_since_start"], false);
    // The wrappers know of the time between two countings.
    let counted = data.0["kinds_window_ns"].as_u64().unwrap() as f64;
    let suspended = kind("order")["suspended_ns"].as_u64().unwrap() as f64;
    let suspended = suspended / counted / ORDERS as f64;
    // The whole life of each worker is accounted for.
    let wall = &data.0["wall"];
    let lived = wall["lived_ns"].as_u64().unwrap() as f64;
    let asleep: u64 = (wall["blocked"].as_array().unwrap().iter())
        .map(|state| state["wall_ns"].as_u64().unwrap())
        .sum();
    let accounted =
        asleep + wall["on_cpu_ns"].as_u64().unwrap() + wall["runnable_ns"].as_u64().unwrap();
    let accounted = accounted as f64 / lived;
    let all = [blocked, suspended, accounted];
    match all.iter().all(|part| (0.95..1.05).contains(part)) {
        true => Ok(()),
        false => Err(format!(
            "{window}: blocked {blocked}, suspended {suspended}, all {accounted}"
        )),
    }
}
