//! How long tasks were busy, scheduled and idle, against work of which the truth is known.

mod support;

use hotpoll_hooks::tasks;
use hotpoll_profile::{TaskState, Waker};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use support::{sampling, snapshot, until};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

fn workers(count: usize) -> Runtime {
    sampling();
    let mut builder = Builder::new_multi_thread();
    hotpoll_hooks::runtime(&mut builder)
        .worker_threads(count)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn time_is_busy_scheduled_or_idle() {
    const MS: u64 = 1_000_000;
    let runtime = workers(1);
    let _inside = runtime.enter();
    let (wake, woken) = oneshot::channel::<()>();
    let task = tasks::spawn_named("timed", async move {
        std::thread::sleep(Duration::from_millis(40));
        woken.await.unwrap();
    });
    until("waiting", |seen| {
        seen.of("timed")
            .first()
            .is_some_and(|task| task.state == TaskState::Waiting)
    });
    std::thread::sleep(Duration::from_millis(60));
    // The only worker is taken until we say; the wake has to wait for it.
    let (give_back, given_back) = std::sync::mpsc::channel::<()>();
    let blocker = tasks::spawn_named("takes the worker", async move {
        let _ = given_back.recv();
    });
    until("taken", |seen| {
        let blockers = seen.of("takes the worker");
        blockers
            .first()
            .is_some_and(|task| task.state == TaskState::Polling)
    });
    wake.send(()).unwrap();
    let seen = snapshot();
    let task_now = seen.one("timed");
    assert_eq!(task_now.state, TaskState::Scheduled);
    assert_eq!(
        task_now.last_waker,
        Waker::Thread(hotpoll_sampler::current_tid())
    );
    drop(give_back);
    runtime.block_on(async {
        task.await.unwrap();
        blocker.await.unwrap();
    });
    let seen = until("folded", |seen| seen.kind("timed").completed == 1);
    let kind = seen.kind("timed");
    // No upper bounds: the machine may be busy. And by another clock, of which some thousandths are not known.
    assert!(kind.busy_ns >= 40 * MS * 99 / 100);
    assert!(kind.idle_ns >= 60 * MS * 99 / 100);
    assert!(kind.scheduled_ns > 0);
    let long = &kind.long_polls;
    assert!(
        long[0].poll_ns >= 40 * MS * 99 / 100 && long[0].task != 0,
        "{long:?}"
    );
    assert_eq!(kind.longest_poll.as_ref().unwrap().poll_ns, long[0].poll_ns);
}

/// Each total is measured on its own; the work's own clocks say how long each was.
#[test]
fn times_are_those_of_the_works_own_clocks() {
    // A preemption between the work's clock and ours spoils a run, the less the longer its polls and the pauses between them are.
    let runs = [
        ("clocks 1", 1),
        ("clocks 2", 2),
        ("clocks 3", 4),
        ("clocks 4", 8),
        ("clocks 5", 16),
    ];
    let told: Vec<String> = runs
        .iter()
        .map_while(|(name, times)| off_by(name, *times).err())
        .collect();
    assert!(told.len() < runs.len(), "{told:#?}");
}

/// Says which time is more than 5 % off, with polls and pauses so many times as long.
fn off_by(name: &'static str, times: u32) -> Result<(), String> {
    use std::sync::Mutex;
    use std::sync::mpsc;
    use std::task::Waker;
    use std::time::Instant;
    #[derive(Default)]
    struct Truth {
        busy: Duration,
        scheduled: Duration,
        idle: Duration,
        poll_end: Option<Instant>,
        woken: Option<Instant>,
    }
    struct Works {
        left: u32,
        length: Duration,
        truth: Arc<Mutex<Truth>>,
        wakers: mpsc::Sender<Waker>,
    }
    impl Future for Works {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let begun = Instant::now();
            {
                let mut truth = self.truth.lock().unwrap();
                if let (Some(poll_end), Some(woken)) = (truth.poll_end, truth.woken.take()) {
                    truth.idle += woken - poll_end;
                    truth.scheduled += begun - woken;
                }
            }
            if self.left == 0 {
                return Poll::Ready(());
            }
            self.left -= 1;
            std::thread::sleep(self.length);
            self.wakers.send(context.waker().clone()).unwrap();
            let mut truth = self.truth.lock().unwrap();
            let now = Instant::now();
            truth.busy += now - begun;
            truth.poll_end = Some(now);
            Poll::Pending
        }
    }
    let runtime = workers(1);
    let _inside = runtime.enter();
    let truth = Arc::new(Mutex::new(Truth::default()));
    let (wakers, wake) = mpsc::channel();
    let task = tasks::spawn_named(
        name,
        Works {
            left: 20,
            length: Duration::from_millis(3) * times,
            truth: truth.clone(),
            wakers,
        },
    );
    let waking = {
        let truth = truth.clone();
        std::thread::spawn(move || {
            for waker in wake {
                // The wake then finds the only worker taken, more often than not.
                std::thread::sleep(Duration::from_millis(4) * times);
                truth.lock().unwrap().woken = Some(Instant::now());
                waker.wake();
            }
        })
    };
    let stop = Arc::new(AtomicBool::new(false));
    let competes = {
        let stop = stop.clone();
        tokio::spawn(async move {
            while !stop.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(3) * times);
                tokio::task::yield_now().await;
            }
        })
    };
    runtime.block_on(task).unwrap();
    stop.store(true, Relaxed);
    runtime.block_on(competes).unwrap();
    waking.join().unwrap();
    let seen = until("folded", |seen| seen.kind(name).completed == 1);
    let kind = seen.kind(name);
    let truth = truth.lock().unwrap();
    for (what, told, truth) in [
        ("busy", kind.busy_ns, truth.busy),
        ("scheduled", kind.scheduled_ns, truth.scheduled),
        ("idle", kind.idle_ns, truth.idle),
    ] {
        let truth = truth.as_nanos() as f64;
        assert!(truth > 10e6, "{what}: the work did not do what it is for");
        let off = (told as f64 - truth).abs() / truth;
        if off >= 0.05 {
            return Err(format!("{what}: {told} ns told, {truth} ns true"));
        }
    }
    Ok(())
}

/// What a future that is dropped has waited for is time as well: until its next poll, which never came, nobody had counted it.
#[test]
fn aborted_tasks_leave_their_time() {
    const TASKS: usize = 20;
    let runtime = workers(1);
    let _inside = runtime.enter();
    let aborted: Vec<_> = (0..TASKS)
        .map(|_| tasks::spawn_named("waits and is aborted", std::future::pending::<()>()))
        .collect();
    until("all wait", |seen| {
        let of = seen.of("waits and is aborted");
        of.iter().filter(|task| task.polls == 1).count() == TASKS
    });
    std::thread::sleep(Duration::from_millis(20));
    aborted.iter().for_each(|task| task.abort());
    let seen = until("gone", |seen| {
        seen.kind("waits and is aborted").aborted == TASKS as u64
    });
    let kind = seen.kind("waits and is aborted");
    assert!(
        kind.idle_ns >= TASKS as u64 * 20_000_000 * 99 / 100,
        "{kind:#?}"
    );
}
