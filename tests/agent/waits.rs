//! Roles with tasks that wait, block, and are lost.

use crate::roles::{burn_for, ready, said, wait_for_end};
use hotpoll_hooks::tasks::spawn_named;
use std::io::BufRead;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::time::Duration;

/// Tasks of the kind `order`.
pub const ORDERS: usize = 100;

/// Orders that wait, and wakers that are forgotten.
static POLLED: AtomicUsize = AtomicUsize::new(0);
static FORGOTTEN: AtomicUsize = AtomicUsize::new(0);

/// How long each poll of a hog takes.
const HOGGED: Duration = Duration::from_millis(150);

/// For how long nothing but tasks in `block_in_place` is in a poll.
const IN_PLACE: Duration = Duration::from_millis(1_500);

/// Waits until it is told to go on; then a hundred tasks wait for an order and one for nothing. With `blocked`, both workers are then blocked for good;
/// with `hogged`, they have one long poll after the other; with `handed-on`, both are in `block_in_place`, and later one thread is blocked in another poll.
pub fn waits(argument: &str) {
    let _guard = hotpoll::start().expect("hotpoll starts");
    told_to_go_on();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let (give, _) = tokio::sync::broadcast::channel::<()>(1);
    runtime.block_on(async {
        for _ in 0..ORDERS {
            let mut orders = give.subscribe();
            spawn_named("order", async move {
                POLLED.fetch_add(1, Relaxed);
                next_order(&mut orders).await;
            });
        }
        spawn_named("lost", forgets_its_waker());
        // All of them have been polled once, and nobody has the waker any more.
        while POLLED.load(Relaxed) < ORDERS
            || FORGOTTEN.load(Relaxed) == 0
            || !hotpoll_hooks::tasks::open_polls().is_empty()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    if argument == "blocked" {
        let blocked = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            let blocked = Arc::clone(&blocked);
            let _entered = runtime.enter();
            spawn_named("blocker", async move { block_here(&blocked) });
        }
        blocked.wait();
    }
    if argument == "hogged" {
        for _ in 0..2 {
            let _entered = runtime.enter();
            spawn_named("hog", async {
                loop {
                    std::thread::sleep(HOGGED);
                    tokio::task::yield_now().await;
                }
            });
        }
    }
    if argument == "handed-on" {
        let _entered = runtime.enter();
        for _ in 0..2 {
            spawn_named("in place", async {
                tokio::task::block_in_place(wait_for_end_of_all);
            });
        }
        std::thread::sleep(IN_PLACE);
        spawn_named("blocker", async { wait_for_end_of_all() });
    }
    ready();
    wait_for_end();
    // Workers that are blocked for good do not end.
    std::process::exit(0);
}

/// Never comes back.
fn wait_for_end_of_all() {
    loop {
        std::thread::park();
    }
}

/// One task burns and ends, one waits. Writes its profile to the first path, stops, and writes it to the second one.
pub fn kinds(asked: &str, stopped: &str) {
    let guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        spawn_named("waits", std::future::pending::<()>());
        let spins = spawn_named("spins", async {
            crate::roles::burn_for(Duration::from_millis(300));
        });
        spins.await.expect("it ends well");
    });
    guard.write_pprof(asked).expect("written");
    guard.stop();
    guard.write_pprof(stopped).expect("written");
}

/// Waits for a line, which comes when there are unwind tables: until then stacks have their leaf only.
fn told_to_go_on() {
    ready();
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
}

async fn next_order(orders: &mut tokio::sync::broadcast::Receiver<()>) {
    let _ = orders.recv().await;
}

async fn forgets_its_waker() {
    std::future::poll_fn(|context| {
        let waker = context.waker().clone();
        // Whoever was to wake it forgets it, a little later.
        std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(10));
            drop(waker);
            FORGOTTEN.fetch_add(1, Relaxed);
        });
        Poll::<()>::Pending
    })
    .await;
}

#[inline(never)]
fn block_here(blocked: &Barrier) {
    blocked.wait();
    loop {
        std::thread::park();
    }
}

/// Has a handler for SIGUSR2 before it starts hotpoll.
pub fn handles_usr2() {
    extern "C" fn handler(_: libc::c_int) {}
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR2, handler as *const () as libc::sighandler_t) };
    println!("{}", said(hotpoll::start().map(|_| true)));
}

/// A runtime whose every worker is stuck.
pub fn dead_runtime() {
    let _guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .build()
        .expect("a runtime");
    let stuck = Arc::new(Barrier::new(3));
    for _ in 0..2 {
        let stuck = Arc::clone(&stuck);
        runtime.spawn(async move {
            stuck.wait();
            std::thread::park();
        });
    }
    stuck.wait();
    ready();
    wait_for_end();
    std::process::exit(0);
}

/// Polls of 40 ms: one task computes in them, one sleeps. And one poll that never ends.
pub fn slow_polls() {
    const SLOW: Duration = Duration::from_millis(40);
    let _guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(3)
        .enable_time()
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    told_to_go_on();
    hotpoll::spawn_named("computes", async {
        loop {
            burn_for(SLOW);
            tokio::time::sleep(SLOW).await;
        }
    });
    hotpoll::spawn_named("sleeps", async {
        loop {
            std::thread::sleep(SLOW);
            tokio::time::sleep(SLOW).await;
        }
    });
    hotpoll::spawn_named("stuck", async {
        std::thread::park();
    });
    ready();
    wait_for_end();
    std::process::exit(0);
}

/// So many tasks that wait for one thing; and if so asked, a worker that is blocked for good.
pub fn many_tasks(count: usize, is_dead: bool) {
    let _guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(1)
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    let never = Arc::new(tokio::sync::Notify::new());
    for _ in 0..count {
        let never = Arc::clone(&never);
        hotpoll::spawn_named("waits", async move { never.notified().await });
    }
    // Behind all of them in the only worker's queue.
    runtime.block_on(async { tokio::spawn(async {}).await.expect("it ends well") });
    if is_dead {
        hotpoll::spawn_named("blocker", async { std::thread::park() });
    }
    ready();
    wait_for_end();
    std::process::exit(0);
}

/// Tasks whose every poll is many short ones of futures tracked inside of them: one computes, one sleeps, for ever.
pub fn nested_polls() {
    use hotpoll::Track;
    const SHORT: Duration = Duration::from_millis(1);
    let _guard = hotpoll::start().expect("hotpoll starts");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .build()
        .expect("a runtime");
    let _entered = runtime.enter();
    told_to_go_on();
    hotpoll::spawn_named("computes in parts", async {
        let middle = async {
            loop {
                async { burn_for(SHORT) }.tracked("part").await;
            }
        };
        middle.tracked("computes in the middle").await;
    });
    hotpoll::spawn_named("sleeps in parts", async {
        let middle = async {
            loop {
                async { std::thread::sleep(SHORT) }.tracked("nap").await;
            }
        };
        middle.tracked("sleeps in the middle").await;
    });
    ready();
    wait_for_end();
    std::process::exit(0);
}
