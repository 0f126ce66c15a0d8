//! Small scenes with a known answer, each asked while it runs: what a lock's holder does, since when it is held and how that is known, waits that give up by themselves, and
//! what waits for a part of itself or for a sender that only its memory shows.

use crate::process::{Live, READY, runtime};
use crate::terminal::Top;
use futures::stream::{FuturesUnordered, StreamExt};
use hotpoll::sync::Mutex;
use hotpoll::tokio::sync::{Mutex as AsyncMutex, oneshot};
use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(60);
/// Under the lock: of each hundred so much in `serde_json::to_vec`, the rest in what is done with it.
const TO_VEC: u32 = 62;
/// A hundredth of a turn, and how much longer another turn's is, so that turns are not in step with samples.
const HUNDREDTH: Duration = Duration::from_micros(400);
const LONGER: Duration = Duration::from_micros(37);

/// Becomes the process of a scene.
pub fn be(scene: &str) {
    match scene {
        "save" => be_saving(),
        "held" => be_holding(),
        "timed" => be_timed(),
        "parts" => be_in_parts(),
        "waited" => be_waited_for(),
        "sender" => be_without_an_answer(),
        _ => panic!("no scene {scene}"),
    }
}

/// Tasks that want the lock.
const LOADS: u64 = 10;

/// A task saves a cache under its lock, again and again, while others want it.
fn be_saving() {
    let runtime = runtime(2);
    let _entered = runtime.enter();
    let cache = Arc::new(AsyncMutex::new((0..1_000).collect::<Vec<u64>>()).named("cache"));
    let saved = Arc::clone(&cache);
    hotpoll::spawn_named("save", async move {
        for turn in 0.. {
            let hundredth = HUNDREDTH + LONGER * (turn % 7);
            let cache = saved.lock().await;
            turn_to_text(&cache, hundredth * TO_VEC);
            check(&cache, hundredth * (100 - TO_VEC));
            drop(cache);
            tokio::task::yield_now().await;
        }
    });
    // So many that some wait already whenever `save` has its turn: all of what it does is done while others wait.
    for _ in 0..LOADS {
        let cache = Arc::clone(&cache);
        hotpoll::spawn_named("load", async move {
            loop {
                let first = cache.lock().await.first().copied();
                std::hint::black_box(first);
                tokio::task::yield_now().await;
            }
        });
    }
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[inline(never)]
fn turn_to_text(cache: &[u64], time: Duration) {
    let begun = on_a_processor();
    while on_a_processor() - begun < time {
        for _ in 0..4 {
            std::hint::black_box(serde_json::to_vec(cache).unwrap());
        }
    }
}

#[inline(never)]
fn check(cache: &[u64], time: Duration) {
    let begun = on_a_processor();
    while on_a_processor() - begun < time {
        for _ in 0..40 {
            std::hint::black_box(cache.iter().fold(0u64, |sum, one| sum.wrapping_add(*one)));
        }
    }
}

/// How long the calling thread has run. By the wall each part would have as much of a busy processor as the other, however long it is.
fn on_a_processor() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .unwrap()
        .into()
}

#[test]
fn a_wait_for_an_async_lock_is_told_by_what_its_holder_did() {
    let started = Instant::now();
    let live = Live::start("scene save");
    let pid = live.pid();
    // `share` is the part of the time that the lock was held for while others waited.
    let under = |lock: &Value, function: &str| -> f64 {
        let holds = lock["holds"].as_array().into_iter().flatten();
        let of_save = holds.filter(|hold| hold["who"].to_string().contains("save"));
        let parts = of_save.flat_map(|hold| hold["parts"].as_array().into_iter().flatten());
        let of = parts.filter(|part| {
            let mut frames = part["folded"].as_array().into_iter().flatten();
            frames.any(|frame| frame["name"].to_string().contains(function))
        });
        of.filter_map(|part| part["share"].as_f64()).sum()
    };
    // Each answer is of more samples. On a crowded machine two seconds of them take their time.
    let cache = until_within(4 * PATIENCE, || {
        let answer = live.ask(&["report", "--by", "lock", &pid]);
        let mut locks = answer["locks"].as_array().into_iter().flatten();
        let cache = locks.find(|lock| lock["title"] == "cache").cloned();
        let is_as_known = |lock: &Value| {
            let (to_vec, checked) = (under(lock, "serde_json::ser::to_vec"), under(lock, "check"));
            lock["held_ns"].as_u64() > Some(2_000_000_000)
                && (to_vec - 0.62).abs() < 0.06
                && (checked - 0.38).abs() < 0.06
        };
        cache.filter(is_as_known).ok_or(answer)
    });
    assert!(cache["waits"][0]["who"].to_string().contains("load") || cache["waits"][0].is_null());
    let load = &cache["by_kind"][0];
    assert_eq!(load["title"], "load", "{cache:#}");
    // All of them want what one holds; and none has lived for longer than this test. How much of its life that is, is the machine's: who is ready to run
    // and gets no processor does not wait for the lock.
    let is_share = |kind: &Value| {
        let lives = (LOADS * started.elapsed().as_nanos() as u64) as f64;
        let share = kind["share"].as_f64().unwrap();
        let least = kind["wait_ns"].as_u64().unwrap() as f64 / lives;
        share >= 0.99 * least && share <= 1.01
    };
    assert!(is_share(load), "{cache:#}");
    assert!(load["wait_ns"].as_u64() > cache["held_ns"].as_u64());
    // `locks` says the same of the kinds.
    let locks = live.ask(&["locks", &pid]);
    let lock = &locks["resources"][0];
    assert_eq!(lock["by_kind"][0]["title"], "load", "{lock:#}");
    assert!(is_share(&lock["by_kind"][0]), "{lock:#}");
    // What a tick is in nanoseconds is known better and better.
    let before = load["wait_ns"].as_u64().unwrap() / 100 * 99;
    assert!(lock["by_kind"][0]["wait_ns"].as_u64() >= Some(before));
}

/// Tells the scene of this process that it goes on.
fn goes_on(pid: &str) -> PathBuf {
    std::env::temp_dir().join(format!("hotpoll-scene-{pid}"))
}

/// A thread holds a lock that nobody wants, and later somebody does.
fn be_holding() {
    let lock = Arc::new(Mutex::new(()).named("held"));
    // Taken so often that it is known.
    (0..64).for_each(|_| drop(lock.lock()));
    let held = Arc::clone(&lock);
    let holder = std::thread::Builder::new().name("holder".to_owned());
    holder
        .spawn(move || {
            let _held = held.lock();
            std::thread::sleep(FOR_EVER);
        })
        .unwrap();
    std::thread::spawn(move || {
        let told = goes_on(&std::process::id().to_string());
        while !told.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(lock.lock());
    });
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[test]
fn what_is_held_since_a_look_is_told_as_sampled_everywhere() {
    let of = |answer: &Value| {
        let mut locks = answer["resources"].as_array().into_iter().flatten();
        locks.find(|lock| lock["name"] == "held").cloned()
    };
    // Nobody has asked before: the agent's own looks, twice a second, have found it. On a busy machine they come late; who has asked is found by that, and so
    // it begins anew.
    let mut patience = Duration::from_secs(1);
    let (live, holder) = until(|| {
        let live = Live::start("scene held");
        patience *= 2;
        std::thread::sleep(patience);
        let asked = UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let answer = live.ask(&["locks", &live.pid()]);
        let found_before_us = |holder: &Value| {
            let since_ns = holder["since_ns"].as_u64()?;
            Some(answer["taken_unix_ns"].as_u64()? - since_ns < asked)
        };
        let holder = of(&answer).map(|lock| lock["holders"][0].clone());
        let holder = holder.filter(|holder| found_before_us(holder) == Some(true));
        holder.map(|holder| (live, holder)).ok_or(answer)
    });
    let pid = live.pid();
    assert_eq!(holder["since"], "sampled", "{holder:#}");
    assert!(holder["who"].to_string().contains("holder"), "{holder:#}");
    // Then somebody waits; what a look found is longer than that.
    std::fs::write(goes_on(&pid), "").unwrap();
    let waited = until(|| {
        let answer = live.ask(&["locks", &pid]);
        let waited = of(&answer).filter(|lock| !lock["waiters"][0].is_null());
        waited.ok_or(answer)
    });
    std::fs::remove_file(goes_on(&pid)).unwrap();
    assert_eq!(waited["holders"][0]["since"], "sampled", "{waited:#}");
    let since = |one: &Value| one["since_ns"].as_u64().unwrap();
    assert!(since(&waited["holders"][0]) > since(&waited["waiters"][0]));
    assert!(live.text(&["locks", &pid]).contains("sampled) by thread"));
    let [problem] = &live.stuck("1ms")[..] else {
        panic!("one waits");
    };
    assert_eq!(problem["owner"]["since"], "sampled", "{problem:#}");
    let stuck = live.text(&["stuck", "--older-than", "1ms", &pid]);
    assert!(
        stuck.contains("(sampled: since a look found it)"),
        "{stuck}"
    );
    let graph = live.text(&["graph", &pid]);
    assert!(graph.contains(", sampled)"), "{graph}");
    let dot = live.text(&["graph", &pid, "--format", "dot"]);
    assert!(dot.contains(", sampled)"), "{dot}");
}

/// Two threads, each with a lock that the other one wants, for a time.
fn be_timed() {
    let locks = Arc::new([Mutex::new(()).named("one"), Mutex::new(()).named("other")]);
    let both = Arc::new(std::sync::Barrier::new(2));
    for first in 0..2 {
        let (locks, both) = (Arc::clone(&locks), Arc::clone(&both));
        std::thread::spawn(move || {
            let _held = locks[first].lock();
            both.wait();
            drop(locks[1 - first].try_lock_for(FOR_EVER));
        });
    }
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[test]
fn a_wait_that_gives_up_says_when_and_is_no_certain_deadlock() {
    let live = Live::start("scene timed");
    let pid = live.pid();
    let problems = until(|| {
        let problems = live.stuck("1ms");
        let found = problems
            .iter()
            .any(|one| one["kind"] == "possible deadlock");
        assert!(
            problems.iter().all(|one| one["kind"] != "deadlock"),
            "{problems:#?}"
        );
        if found { Ok(problems) } else { Err(problems) }
    });
    let told = Value::from(problems).to_string();
    assert!(told.contains("gives up by itself in "), "{told}");
    let locks = live.ask(&["locks", &pid]);
    let ends = &locks["resources"][0]["waiters"][0]["ends_in_ns"];
    let most = FOR_EVER.as_nanos() as u64;
    assert!((1..most).contains(&ends.as_u64().unwrap()), "{locks:#}");
    let text = live.text(&["locks", &pid]);
    assert!(text.contains("gives up in "), "{text}");
    // And so does `top`, in the same words.
    let said = text.lines().find(|line| line.contains("gives up in "));
    let words = |line: &str| line.rsplit(" at ").next().map(str::to_owned);
    let place = said.and_then(words).unwrap();
    let place = place.split(',').next().unwrap();
    let mut top = Top::start(&[&pid, "--interval", "200ms"], &[]);
    top.types("3").shows("mutex one");
    top.types("\r").until("a wait with an end", |text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words
            .join(" ")
            .contains(&format!("at {place}, gives up in "))
    });
    top.types("q");
    assert!(top.ends_and_gives_back().success());
}

/// A task holds a lock and awaits a set, one of whose futures wants that lock; another one the same with a task that it has spawned.
fn be_in_parts() {
    let runtime = runtime(2);
    let _entered = runtime.enter();
    let lock = Arc::new(AsyncMutex::new(()).named("of the set"));
    hotpoll::spawn_named("sets", async move {
        let _held = lock.lock().await;
        let mut children: FuturesUnordered<_> = (0..2).map(|_| lock.lock()).collect();
        while children.next().await.is_some() {}
    });
    let lock = Arc::new(AsyncMutex::new(()).named("of the child"));
    hotpoll::spawn_named("parent", async move {
        let _held = lock.lock().await;
        let wanted = Arc::clone(&lock);
        let child = hotpoll::spawn_named("child", async move { drop(wanted.lock().await) });
        let _ = child.await;
    });
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[test]
fn a_task_waits_for_what_its_parts_wait_for() {
    let live = Live::start("scene parts");
    let of = |what: &'static str| {
        move |problem: &&Value| {
            let kind = problem["kind"].as_str().unwrap();
            kind.contains("deadlock") && problem["cycle"].to_string().contains(what)
        }
    };
    let problems = until(|| {
        let problems = live.stuck("500ms");
        let all = ["of the set", "of the child"];
        match all
            .iter()
            .all(|what| problems.iter().any(|one| of(what)(&one)))
        {
            true => Ok(problems),
            false => Err(problems),
        }
    });
    let set = problems.iter().find(of("of the set")).unwrap();
    assert_eq!(set["kind"], "possible deadlock", "{set:#}");
    let child = problems.iter().find(of("of the child")).unwrap();
    let cycle = child["cycle"].to_string();
    assert!(
        cycle.contains("(parent)") && cycle.contains("(child)"),
        "{child:#}"
    );
    assert_eq!(problems.len(), 2, "{problems:#?}");
}

/// Three that wait for ever for what one task holds: their waits have not ended, and count.
fn be_waited_for() {
    let runtime = runtime(2);
    let _entered = runtime.enter();
    let lock = Arc::new(AsyncMutex::new(()).named("kept"));
    let held = Arc::clone(&lock);
    let (tell, told) = std::sync::mpsc::channel();
    hotpoll::spawn_named("keeper", async move {
        let _held = held.lock().await;
        tell.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    told.recv().unwrap();
    for _ in 0..3 {
        let lock = Arc::clone(&lock);
        hotpoll::spawn_named("victim", async move { drop(lock.lock().await) });
    }
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[test]
fn waits_that_have_not_ended_count() {
    let live = Live::start("scene waited");
    let pid = live.pid();
    let kept = until(|| {
        let answer = live.ask(&["report", "--by", "lock", &pid]);
        let mut locks = answer["locks"].as_array().into_iter().flatten();
        let kept = locks.find(|lock| lock["title"] == "kept").cloned();
        // All three, each by a count of its own.
        let long = |lock: &Value| {
            lock["suspended_ns"].as_u64() > Some(3_000_000_000)
                && lock["total_wait_ns"].as_u64() > Some(3_000_000_000)
                && lock["by_kind"][0]["waits"] == 3
        };
        kept.filter(long).ok_or(answer)
    });
    assert_eq!(kept["by_kind"][0]["title"], "victim", "{kept:#}");
    let file = std::env::temp_dir().join(format!("hotpoll-open-waits-{}.pb.gz", pid));
    let to = file.to_str().unwrap();
    live.text(&[
        "export",
        &pid,
        "--contention",
        "--format",
        "pprof",
        "-o",
        to,
    ]);
    assert!(file.metadata().unwrap().len() > 0);
    std::fs::remove_file(&file).unwrap();
}

/// A task asks with a lock in its hand, and who is to answer wants that lock first.
fn be_without_an_answer() {
    let runtime = runtime(2);
    let _entered = runtime.enter();
    let lock = Arc::new(AsyncMutex::new(()).named("ledger"));
    let (sender, receiver) = oneshot::channel::<u64>();
    let sender = sender.named("answer");
    let (ask, asked) = tokio::sync::oneshot::channel();
    let wanted = Arc::clone(&lock);
    hotpoll::spawn_named("answerer", async move {
        let _ = asked.await;
        let _held = wanted.lock().await;
        let _ = sender.send(1);
    });
    hotpoll::spawn_named("asker", async move {
        let _held = lock.lock().await;
        let _ = ask.send(());
        let _ = receiver.await;
    });
    println!("{READY}");
    std::thread::sleep(FOR_EVER);
}

#[test]
fn a_sender_is_found_in_the_task_that_has_it() {
    let live = Live::start("scene sender");
    let problems = until(|| {
        let problems = live.stuck("500ms");
        let found = problems
            .iter()
            .any(|one| one["kind"] == "possible deadlock");
        if found { Ok(problems) } else { Err(problems) }
    });
    let [problem] = &problems[..] else {
        panic!("one circle: {problems:#?}");
    };
    let cycle = problem["cycle"].to_string();
    for words in [
        "(asker)",
        "(answerer)",
        "mutex ledger",
        "oneshot channel answer",
    ] {
        assert!(cycle.contains(words), "{words}: {problem:#}");
    }
}

/// Asks until there is an answer.
fn until<T, E: std::fmt::Debug>(ask: impl FnMut() -> Result<T, E>) -> T {
    until_within(PATIENCE, ask)
}

fn until_within<T, E: std::fmt::Debug>(
    patience: Duration,
    mut ask: impl FnMut() -> Result<T, E>,
) -> T {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) => assert!(began.elapsed() < patience, "the last answer: {last:#?}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
