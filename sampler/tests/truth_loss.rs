//! Is nothing lost while the promise holds, and everything that is lost counted?
//!
//! The promise: 64 rings take 1,000 records a second each, and the drain stalls for 200 ms. What a ring knows of that is 200 records between two
//! drains, so that is what it gets here, at once, from expiries that threads make themselves: a timer's signal, but exactly as many as we say.

mod truth;

use hotpoll_profile::{Engine, Loss, Truncation, thread::Accounts};
use hotpoll_sampler::testing::Injector;
use hotpoll_sampler::{EngineSetting, Settings};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;
use truth::common::{Harness, at_hz, burn_until};
use truth::random::Random;
use truth::work::{Plan, observe};
use truth::{alone, ensure, patiently};

/// A stall of 200 ms at 1,000 records a second.
const RECORDS_A_STALL: usize = 200;
/// Frames of which not one is the last record's.
const CHANGED_FRAMES: usize = 30;
/// Turns that make so many, two frames each; the rest are those that send the signal.
const TURNS: u32 = 14;

/// Goes left or right, as the bits say: two functions, because two calls of one were merged into one.
#[inline(never)]
fn descend(turns: u32, path: u64, injector: &Injector, overrun: u32) -> u64 {
    if turns == 0 {
        injector.fire(overrun).expect("a signal to itself");
        return black_box(path);
    }
    let way = if path & 1 == 0 { left } else { right };
    black_box(way(turns - 1, path >> 1, injector, overrun)) + u64::from(turns)
}

#[inline(never)]
fn left(turns: u32, path: u64, injector: &Injector, overrun: u32) -> u64 {
    black_box(descend(turns, path, injector, overrun)) + 1
}

#[inline(never)]
fn right(turns: u32, path: u64, injector: &Injector, overrun: u32) -> u64 {
    black_box(descend(turns, path, injector, overrun)) + 2
}

/// Threads that wait for orders: how many expiries to make.
struct Firing {
    harness: Harness,
    gates: Arc<[Barrier; 2]>,
    orders: Arc<Mutex<Orders>>,
    threads: Vec<std::thread::JoinHandle<()>>,
    tids: Vec<u32>,
}

#[derive(Default)]
struct Orders {
    injectors: BTreeMap<u32, Injector>,
    /// Of each thread; 0 ends it.
    expiries: usize,
    /// Up to this many overruns with each.
    most_overruns: u64,
    /// Made so far: signals, and signals + overruns.
    signals: u64,
    fired: u64,
}

impl Firing {
    fn start(threads: usize) -> Self {
        let gates: Arc<[Barrier; 2]> = Arc::new(std::array::from_fn(|_| Barrier::new(threads + 1)));
        let orders = Arc::new(Mutex::new(Orders::default()));
        let tids = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..threads as u64)
            .map(|seed| {
                let (gates, orders, tids) =
                    (Arc::clone(&gates), Arc::clone(&orders), Arc::clone(&tids));
                std::thread::spawn(move || {
                    let tid = hotpoll_sampler::current_tid();
                    tids.lock().unwrap().push(tid);
                    gates[1].wait();
                    let mut random = Random::new(seed);
                    while serve(&gates, &orders, tid, &mut random) {}
                })
            })
            .collect();
        gates[1].wait();
        let mut settings = Settings::default();
        // No budget, so no timer: only what we make ourselves.
        settings.limit_share = 0.0;
        let harness = Harness::start(settings);
        for (key, info) in harness.sampler.threads() {
            if let Some(injector) = Injector::of(&harness.sampler, key) {
                orders.lock().unwrap().injectors.insert(info.tid, injector);
            }
        }
        let tids = tids.lock().unwrap().clone();
        Self {
            harness,
            gates,
            orders,
            threads,
            tids,
        }
    }

    /// Has every thread make so many expiries, and waits until they are made.
    fn fire(&mut self, expiries: usize, most_overruns: u64) {
        {
            let mut orders = self.orders.lock().unwrap();
            orders.expiries = expiries;
            orders.most_overruns = most_overruns;
        }
        self.gates[0].wait();
        self.gates[1].wait();
    }

    /// Drains and closes the slice; then every account of every thread must be exact. Returns their sum.
    fn account(&mut self) -> Accounts {
        self.harness.drain();
        self.harness.close_slice();
        let mut all = Accounts::default();
        let (mut records, mut expiries) = (0, 0);
        for tid in &self.tids {
            let (key, _) = self
                .harness
                .info
                .iter()
                .find(|(_, info)| info.tid == *tid)
                .expect("found");
            let accounts = self.harness.accounts[key];
            let seen = &self.harness.seen[key];
            assert_eq!(
                accounts.fired,
                accounts.recorded + accounts.overrun + accounts.lost.total(),
                "{accounts:?}"
            );
            assert_eq!(accounts.recorded, seen.records, "{accounts:?}");
            assert_eq!(
                accounts.recorded + accounts.overrun,
                seen.expiries,
                "{accounts:?}"
            );
            assert_eq!(
                accounts.sampled_ns,
                seen.expiries * Settings::DEFAULT_INTERVAL_NS
            );
            assert_eq!(
                accounts.lost.total(),
                accounts.lost.get(Loss::RingFull),
                "{accounts:?}"
            );
            assert_eq!(
                accounts.truncated.get(Truncation::Complete),
                accounts.recorded,
                "{accounts:?}"
            );
            all.add(&accounts);
            records += seen.records;
            expiries += seen.expiries;
        }
        let orders = self.orders.lock().unwrap();
        assert_eq!(all.fired, orders.fired, "every expiry is counted: {all:?}");
        assert_eq!(all.recorded, records);
        assert_eq!(all.recorded + all.overrun, expiries);
        all
    }

    /// The fewest frames, from the leaf, that no two records one after the other had in common.
    fn changed_frames(&self) -> usize {
        let threads = self.tids.iter().map(|tid| {
            let mut found = self.harness.info.iter();
            let (key, _) = found.find(|(_, info)| info.tid == *tid).expect("found");
            &self.harness.seen[key].callchains
        });
        let pairs = threads.flat_map(|callchains| callchains.windows(2));
        let changed = pairs.map(|pair| {
            let (one, other) = (pair[0].0.iter().rev(), pair[1].0.iter().rev());
            let shared = one.zip(other).take_while(|(one, other)| one == other);
            pair[1].0.len() - shared.count()
        });
        changed.min().expect("records")
    }

    fn end(mut self) {
        self.orders.lock().unwrap().expiries = 0;
        self.gates[0].wait();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        self.harness.sampler.stop();
    }
}

/// One order; whether there may be another.
fn serve(gates: &[Barrier; 2], orders: &Mutex<Orders>, tid: u32, random: &mut Random) -> bool {
    gates[0].wait();
    let (injector, expiries, most_overruns) = {
        let orders = orders.lock().unwrap();
        if orders.expiries == 0 {
            return false;
        }
        (
            orders.injectors[&tid],
            orders.expiries,
            orders.most_overruns,
        )
    };
    let mut fired = 0;
    for number in 0..expiries {
        let overrun = random.below(most_overruns + 1) as u32;
        // The outermost turn is always the other one, so that no frame behind it is the last record's.
        let path = random.next() & !1 | number as u64 & 1;
        descend(TURNS, path, &injector, overrun);
        fired += 1 + u64::from(overrun);
    }
    {
        let mut orders = orders.lock().unwrap();
        orders.signals += expiries as u64;
        orders.fired += fired;
    }
    gates[1].wait();
    true
}

#[test]
fn a_stall_of_200_ms_at_1000_records_a_second_loses_nothing_in_64_rings() {
    let _alone = alone();
    let mut firing = Firing::start(64);
    firing.harness.keep_callchains = true;
    for _ in 0..4 {
        firing.fire(RECORDS_A_STALL, 3);
        let all = firing.account();
        assert_eq!(all.lost.total(), 0, "{all:?}");
        assert_eq!(all.recorded, firing.orders.lock().unwrap().signals);
    }
    let changed = firing.changed_frames();
    println!("{changed} frames changed from record to record");
    assert!(changed >= CHANGED_FRAMES, "{changed} frames");
    firing.end();
}

#[test]
fn a_stall_of_seconds_loses_and_every_loss_is_counted() {
    let _alone = alone();
    let mut firing = Firing::start(4);
    firing.harness.keep_callchains = true;
    firing.fire(15 * RECORDS_A_STALL, 3);
    let all = firing.account();
    assert!(all.lost.total() > 0, "{all:?}");
    let kept = all.recorded / 4;
    println!("a ring keeps {kept} records of {CHANGED_FRAMES} changed frames and more");
    // The next records stand on the last that was kept, not on the lost ones: their callchains are whole.
    firing.fire(10, 3);
    let after = firing.account();
    assert_eq!(after.recorded, all.recorded + 4 * 10);
    assert_eq!(after.lost, all.lost);
    let depths: Vec<usize> = firing
        .harness
        .seen
        .values()
        .flat_map(|seen| {
            seen.callchains
                .iter()
                .map(|(callchain, ..)| callchain.len())
        })
        .collect();
    assert!(
        depths.iter().all(|depth| *depth == depths[0]),
        "one depth for all: {depths:?}"
    );
    firing.end();
}

/// The same from real timers: two busy threads at 10,000 Hz and a drain that sleeps. Their clocks know how often the timers fired.
#[test]
fn real_expiries_lost_in_a_stall_are_counted() {
    let _alone = alone();
    patiently(Duration::from_millis(400), |stall| {
        let mut settings = at_hz(10_000);
        settings.engine = EngineSetting::Auto;
        let observed = observe(
            Plan {
                stall,
                ..Plan::new(settings, 2, Duration::from_millis(200))
            },
            |_| {},
            |_, stop| burn_until(stop),
        );
        for truth in &observed.truths {
            let accounts = observed.accounts(truth);
            let engine = observed.harness.info[&observed.key(truth)].engine;
            ensure!(
                accounts.fired == accounts.recorded + accounts.overrun + accounts.lost.total(),
                "{accounts:?}"
            );
            if engine == Engine::Perf {
                ensure!(
                    accounts.lost.get(Loss::RingFull) > 0,
                    "nothing lost: {accounts:?}"
                );
            }
            let fired_ns = accounts.sampled_ns + accounts.lost.total() * observed.interval_ns;
            let missing_ns = accounts.cpu_ns as i64 - fired_ns as i64;
            // A perf event's period is within a fiftieth of the interval, and what was lost is not known by its weight.
            let bound = accounts.cpu_ns / 100 + observed.interval_ns + observed.tick_ns;
            let bound = (bound + accounts.lost.total() * observed.interval_ns / 50) as i64;
            // What is missing may be kernel time; the row may also hold kernel time whose samples were lost.
            ensure!(
                (-bound..=bound + accounts.kernel_ns as i64).contains(&missing_ns),
                "{missing_ns} ns neither sampled nor lost, more than {bound}: {accounts:?}"
            );
            println!(
                "{engine:?}: {} of {} expiries lost, {:+.2} % of the clock neither sampled nor lost",
                accounts.lost.total(),
                accounts.fired,
                100.0 * missing_ns as f64 / accounts.cpu_ns as f64
            );
        }
        Ok(())
    });
}
