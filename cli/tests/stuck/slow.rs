//! What is slow, and not stuck: requests that somebody works on, a semaphore that a timer refills, a reader whom an upgrade waits for. And two tasks that fill
//! each other's channel, which looks like that and is a circle.

use crate::process::{Live, READY, runtime};
use hotpoll::sync::{RwLock, RwLockUpgradableReadGuard};
use hotpoll::tokio::sync::{Semaphore, mpsc, oneshot};
use serde_json::Value;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
/// Fast answers, before slow ones.
const FAST: u64 = 20;
const LONG: Duration = Duration::from_secs(300);

/// Becomes the process.
pub fn be(what: &str) {
    let runtime = runtime(2);
    match what {
        "requests" => runtime.block_on(requests()),
        "refilled" => runtime.block_on(refilled()),
        "full" => runtime.block_on(full()),
        "upgrade" => upgrade(),
        _ => panic!("no {what}"),
    }
}

fn ready() {
    println!("{READY}");
    std::thread::sleep(LONG);
}

/// Answered at once, but for the last three: a task sleeps over one, a closure on a blocking thread over another, and a third one computes.
async fn requests() {
    let (questions, mut queue) = mpsc::unbounded_channel::<(u64, oneshot::Sender<u64>)>();
    hotpoll::spawn_named("server", async move {
        while let Some((number, answer)) = queue.recv().await {
            if number < FAST {
                let _ = answer.send(number);
                continue;
            }
            match number - FAST {
                0 => drop(hotpoll::spawn_named("handler", async move {
                    hotpoll::tokio::time::sleep(LONG).await;
                    answer.send(number)
                })),
                1 => drop(hotpoll::spawn_blocking_named("sleeper", move || {
                    std::thread::sleep(LONG);
                    answer.send(number)
                })),
                _ => drop(hotpoll::spawn_blocking_named("cruncher", move || {
                    let began = Instant::now();
                    while began.elapsed() < LONG {
                        std::hint::spin_loop();
                    }
                    answer.send(number)
                })),
            }
        }
    });
    let ask = |number| {
        let (answer, answered) = oneshot::channel();
        questions.send((number, answer)).unwrap();
        answered
    };
    for number in 0..FAST {
        hotpoll::spawn_named("asker", ask(number))
            .await
            .unwrap()
            .unwrap();
    }
    for number in FAST..FAST + 3 {
        hotpoll::spawn_named("patient", ask(number));
    }
    ready();
}

/// Four tasks take what a timer adds, two each second.
async fn refilled() {
    let permits = Arc::new(Semaphore::new(2).named("rate"));
    for _ in 0..4 {
        let permits = Arc::clone(&permits);
        hotpoll::spawn_named("limited", async move {
            loop {
                permits.acquire().await.unwrap().forget();
            }
        });
    }
    hotpoll::spawn_named("timer", async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            permits.add_permits(2);
        }
    });
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    ready();
}

/// Each sends to the other before it receives.
async fn full() {
    let (to_right, mut from_left) = mpsc::channel::<u8>(1);
    let (to_left, mut from_right) = mpsc::channel::<u8>(1);
    hotpoll::spawn_named("left", async move {
        for _ in 0..2 {
            to_right.send(1).await.unwrap();
        }
        from_right.recv().await
    });
    hotpoll::spawn_named("right", async move {
        for _ in 0..2 {
            to_left.send(1).await.unwrap();
        }
        from_left.recv().await
    });
    ready();
}

/// One reads for long, another one upgrades meanwhile.
fn upgrade() {
    let lock = Arc::new(RwLock::new(0).named("prices"));
    let both = Arc::new(Barrier::new(2));
    let (of_reader, of_both) = (Arc::clone(&lock), Arc::clone(&both));
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let reader = named("reader").spawn(move || {
        let _held = of_reader.read();
        of_both.wait();
        std::thread::sleep(LONG);
    });
    let upgrader = named("upgrader").spawn(move || {
        let held = lock.upgradable_read();
        both.wait();
        drop(RwLockUpgradableReadGuard::upgrade(held));
    });
    reader.and(upgrader).unwrap();
    ready();
}

/// Asks until something is as known.
#[track_caller]
fn until(live: &Live, older_than: &str, known: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let answer = live.answer(older_than);
        if known(&answer) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{answer:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn list<'v>(answer: &'v Value, name: &str) -> &'v [Value] {
    answer[name].as_array().unwrap()
}

fn says(problem: &Value, words: &str) -> bool {
    let mut evidence = list(problem, "evidence").iter();
    evidence.any(|line| line.as_str().unwrap().contains(words))
}

/// A sender that somebody works with was called lost. A tenth of the patience: they wait ten times as long as a lost one would be told of.
#[test]
fn slow_answers_are_not_lost() {
    let live = Live::start("slow requests");
    let answer = until(&live, "10ms", |answer| {
        let mut waits = list(answer, "waits").iter().chain(list(answer, "problems"));
        let is_old = |one: &Value| {
            one["headline"].as_str().unwrap().contains("(patient)")
                && one["age_ns"].as_u64().unwrap() > 1_500_000_000
        };
        let waits = waits.by_ref().filter(|one| is_old(one));
        waits.count() >= 3
    });
    for problem in list(&answer, "problems") {
        assert_ne!(problem["kind"], "lost sender", "{problem:#}");
    }
    let waits = list(&answer, "waits").iter();
    let patient = waits.filter(|one| one["headline"].as_str().unwrap().contains("(patient)"));
    for one in patient.clone() {
        assert_eq!(one["kind"], "benign idling");
        assert!(!one["site"].as_str().unwrap().is_empty(), "{one:#}");
    }
    let mut owners = patient.filter_map(|one| one["owner"]["who"].as_str());
    assert!(owners.any(|who| who.ends_with("(handler)")), "{answer:#}");
}

/// It moves: two got permits within the last second, or nearly.
#[test]
fn a_semaphore_that_is_refilled_is_not_starved() {
    let live = Live::start("slow refilled");
    let mut longest_ns = 0;
    for _ in 0..10 {
        let answer = live.answer("300ms");
        for problem in list(&answer, "problems") {
            assert_ne!(problem["kind"], "starved semaphore", "{problem:#}");
        }
        let waits = list(&answer, "waits").iter();
        let limited = waits.filter(|one| one["headline"].as_str().unwrap().contains("(limited)"));
        let ages = limited.map(|one| one["age_ns"].as_u64().unwrap());
        longest_ns = ages.fold(longest_ns, u64::max);
        std::thread::sleep(Duration::from_millis(70));
    }
    // Some waited for longer than was asked for, all the same.
    assert!(longest_ns > 300_000_000, "{longest_ns}");
}

#[test]
fn two_who_fill_each_others_channel_are_a_circle() {
    let live = Live::start("slow full");
    let answer = until(&live, "300ms", |answer| {
        let mut problems = list(answer, "problems").iter();
        problems.any(|one| one["kind"] == "possible deadlock")
    });
    let [problem] = list(&answer, "problems") else {
        panic!("one circle: {answer:#}");
    };
    assert_eq!(problem["confidence"], "possible");
    for who in ["left", "right"] {
        let mut links = list(problem, "cycle").iter();
        assert!(
            links.any(|link| link["who"].as_str().unwrap().ends_with(&format!("({who})"))),
            "{problem:#}"
        );
    }
    assert!(says(problem, "its receiver was found in the memory of"));
}

/// No deadlock while somebody merely reads, at any age; in time, the reader is who holds it.
#[test]
fn an_upgrade_waits_for_the_reader() {
    let live = Live::start("slow upgrade");
    let answer = until(&live, "300ms", |answer| {
        for problem in list(answer, "problems") {
            assert_eq!(problem["kind"], "held for long", "{problem:#}");
        }
        !list(answer, "problems").is_empty()
    });
    let problem = &list(&answer, "problems")[0];
    let who = problem["owner"]["who"].as_str().unwrap();
    assert!(who.ends_with("(reader)"), "{problem:#}");
    let victim = problem["victims"][0]["who"].as_str().unwrap();
    assert!(victim.ends_with("(upgrader)"), "{problem:#}");
}
