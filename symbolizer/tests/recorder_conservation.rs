//! What goes into the recorder comes out again, is counted as evicted, or as folded: nothing else happens to it.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Engine, EngineReason, Profile, State, Truncation};
use hotpoll_symbolizer::recorder::{
    Observation, Query, Recorder, Settings, SliceClocks, ThreadFacts, Weight,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const INTERVAL_NS: u64 = 10_000_000;

fn settings(bytes: usize, span_slices: u64) -> Settings {
    Settings {
        span_ns: span_slices * 1_000_000_000,
        bytes,
        top_tasks: 4,
        interval_ns: INTERVAL_NS,
    }
}

fn observation<'a>(thread: u32, callchain: &'a [u64]) -> Observation<'a> {
    Observation {
        thread,
        state: State::Running,
        truncation: Truncation::Complete,
        task: 0,
        kind: 0,
        context: 0,
        lock: 0,
        holds: 0,
        expiries: 1,
        cpu_ns: INTERVAL_NS,
        wall_ns: 0,
        callchain,
    }
}

fn clocks(second: u64) -> SliceClocks {
    SliceClocks {
        start_unix_ns: second * 1_000_000_000,
        duration_ns: 1_000_000_000,
        ..SliceClocks::default()
    }
}

fn facts(name: &str, exited: bool) -> ThreadFacts<'_> {
    ThreadFacts {
        tid: 1,
        start_ticks: 1,
        name,
        exited,
        own: false,
        engine: Engine::Ctimer,
        engine_reason: EngineReason::Default,
        signal_blocked: false,
        tick_biased: false,
    }
}

fn rows(profile: &Profile) -> Weight {
    let mut sum = Weight::default();
    for row in profile.slices.iter().flat_map(|slice| &slice.rows) {
        sum.add(Weight {
            count: row.count,
            cpu_ns: row.cpu_ns,
            wall_ns: row.wall_ns,
        });
    }
    sum
}

fn samples(profile: &Profile) -> Weight {
    let mut sum = Weight::default();
    for sample in &profile.samples {
        sum.add(Weight {
            count: sample.count,
            cpu_ns: sample.cpu_ns,
            wall_ns: sample.wall_ns,
        });
    }
    sum
}

/// A row in words, so that two profiles can be compared whatever their numbering.
type Words = (String, Vec<u64>, State, u64, u64, u64, (u64, u64), u8);

fn by_words(profile: &Profile) -> BTreeMap<Words, (u64, u64)> {
    let mut table = BTreeMap::new();
    for sample in &profile.samples {
        let stack = sample
            .stack
            .iter()
            .map(|&place| profile.locations[place as usize].address);
        let name = profile.threads[sample.thread as usize].name.clone();
        let words = (
            name,
            stack.collect(),
            sample.state,
            sample.task,
            sample.kind,
            sample.context,
            (sample.lock, sample.holds),
            sample.truncation,
        );
        assert!(
            table.insert(words, (sample.count, sample.cpu_ns)).is_none(),
            "one row twice"
        );
    }
    table
}

#[derive(Debug, Clone)]
enum Step {
    Observe {
        thread: u32,
        task: u64,
        kind: u64,
        context: u64,
        locks: (u64, u64),
        kernel: bool,
        expiries: u64,
        odd_ns: u64,
        callchain: Vec<u64>,
    },
    Close {
        cpu_ns: Vec<(u32, u64)>,
        exited: Vec<u32>,
    },
}

fn callchain() -> impl Strategy<Value = Vec<u64>> {
    // Few addresses, so that callchains meet; now and then one that nothing else shares.
    prop_oneof![
        9 => prop::collection::vec(1_u64..6, 0..6),
        1 => prop::collection::vec(any::<u64>(), 0..300),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let observe = (
        0_u32..200,
        0_u64..20,
        0_u64..3,
        0_u64..3,
        (0_u64..3, 0_u64..2),
        any::<bool>(),
        1_u64..5,
        0_u64..2,
        callchain(),
    )
        .prop_map(
            |(thread, task, kind, context, locks, kernel, expiries, odd_ns, callchain)| {
                Step::Observe {
                    thread,
                    task,
                    kind,
                    context,
                    locks,
                    kernel,
                    expiries,
                    odd_ns,
                    callchain,
                }
            },
        );
    let close = (
        prop::collection::vec((0_u32..400, 0_u64..9), 0..40),
        prop::collection::vec(0_u32..400, 0..20),
    )
        .prop_map(|(cpu_ns, exited)| Step::Close { cpu_ns, exited });
    prop_oneof![12 => observe, 1 => close]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_and_evicted_are_what_went_in(steps in prop::collection::vec(step(), 1..400), span in 1_u64..40) {
        let mut recorder = Recorder::new(settings(Settings::LEAST_BYTES, span));
        let (mut put_in, mut open, mut second) = (Weight::default(), Weight::default(), 0);
        let (mut cpu_in, mut evicted_before) = (BTreeMap::new(), 0);
        let mut last_look = None;
        for step in &steps {
            match step {
                Step::Observe { thread, task, kind, context, locks, kernel, expiries, odd_ns, callchain } => {
                    let seen = Observation {
                        state: if *kernel { State::Kernel } else { State::Running },
                        task: *task,
                        kind: *kind,
                        context: *context,
                        lock: locks.0,
                        holds: locks.1,
                        expiries: *expiries,
                        cpu_ns: expiries * INTERVAL_NS + odd_ns,
                        ..observation(*thread, callchain)
                    };
                    // Every third one is a look at a sleeper, and the next finds it as it was.
                    let is_look = odd_ns % 3 == 1;
                    let look = Observation { state: State::Lock, expiries: 1, cpu_ns: 0, wall_ns: 1 + odd_ns * 1_000, ..seen };
                    let seen = if is_look { look } else { seen };
                    let place = recorder.observe(&seen);
                    let weight = Weight { count: seen.expiries, cpu_ns: seen.cpu_ns, wall_ns: seen.wall_ns };
                    open.add(weight);
                    if is_look {
                        prop_assert!(recorder.look_again(&place, seen.wall_ns));
                        open.add(weight);
                        last_look = Some(place);
                    }
                }
                Step::Close { cpu_ns, exited } => {
                    let threads = cpu_ns.iter().map(|&(thread, cpu_ns)| (thread, Accounts { cpu_ns, ..Accounts::default() }));
                    let clocks = SliceClocks { threads: threads.collect(), ..clocks(second) };
                    for thread in 0..400 {
                        recorder.describe_thread(thread, &facts(&format!("t{thread}"), exited.contains(&thread)));
                    }
                    let sequence = recorder.close_slice(&clocks);
                    prop_assert_eq!(sequence, second + 1);
                    if let Some(place) = last_look.take() {
                        prop_assert!(!recorder.look_again(&place, 1), "its slice has closed");
                    }
                    cpu_in.insert(sequence, cpu_ns.iter().map(|(_, cpu_ns)| cpu_ns).sum::<u64>());
                    second += 1;
                    put_in.add(std::mem::take(&mut open));
                }
            }
            prop_assert!(recorder.bytes() <= Settings::LEAST_BYTES);
            prop_assert!(recorder.evicted_slices() >= evicted_before);
            evicted_before = recorder.evicted_slices();
        }
        let profile = recorder.profile(Query::ALL);
        let mut out = rows(&profile);
        prop_assert_eq!(out, samples(&profile));
        out.add(recorder.evicted());
        prop_assert_eq!(out, put_in);
        prop_assert_eq!(profile.slices.len() as u64 + recorder.evicted_slices(), second);
        prop_assert!(profile.slices.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
        for slice in &profile.slices {
            let cpu_ns: u64 = slice.threads.iter().map(|thread| thread.accounts.cpu_ns).sum();
            prop_assert_eq!(cpu_ns, cpu_in[&slice.sequence]);
        }
        by_words(&profile);
    }

    #[test]
    fn fetching_slice_by_slice_gives_the_whole(steps in prop::collection::vec(step(), 1..200)) {
        let mut recorder = Recorder::new(Settings { top_tasks: 0, ..settings(8 << 20, 1_000) });
        let mut pieces = BTreeMap::new();
        let mut second = 0;
        for step in &steps {
            match step {
                Step::Observe { thread, callchain, kind, .. } => {
                    recorder.observe(&Observation { kind: *kind, ..observation(*thread, callchain) });
                }
                Step::Close { .. } => {
                    for thread in 0..200 {
                        recorder.describe_thread(thread, &facts(&format!("t{thread}"), false));
                    }
                    recorder.close_slice(&clocks(second));
                    second += 1;
                    let piece = recorder.profile(Query::since(second - 1));
                    prop_assert_eq!(piece.slices.len(), 1);
                    prop_assert_eq!(piece.last_sequence(), second);
                    for (words, (count, cpu_ns)) in by_words(&piece) {
                        let sum = pieces.entry(words).or_insert((0, 0));
                        sum.0 += count;
                        sum.1 += cpu_ns;
                    }
                }
            }
        }
        prop_assert_eq!(by_words(&recorder.profile(Query::ALL)), pieces);
    }
}

#[test]
fn one_slice_alone_over_the_bound_folds_into_other() {
    let mut recorder = Recorder::new(settings(Settings::LEAST_BYTES, 300));
    const STACKS: u64 = 10_000;
    for n in 0..STACKS {
        recorder.observe(&observation(0, &[n * 16, n * 32, n * 64]));
    }
    recorder.close_slice(&clocks(0));
    let profile = recorder.profile(Query::ALL);
    let other = profile
        .samples
        .iter()
        .find(|sample| sample.stack.is_empty())
        .expect("a row for other");
    assert_eq!(profile.folded_stacks, other.count, "each stack came once");
    assert!(
        profile.samples.len() > 100,
        "{} rows were kept",
        profile.samples.len()
    );
    assert_eq!(samples(&profile).count, STACKS);
    assert_eq!(recorder.folded_stacks(), profile.folded_stacks);

    // The next slice has room again.
    recorder.observe(&observation(0, &[1, 2, 3]));
    recorder.close_slice(&clocks(1));
    assert_eq!(recorder.profile(Query::since(1)).folded_stacks, 0);
    assert_eq!(recorder.profile(Query::since(1)).samples[0].stack.len(), 3);
}

#[test]
fn a_folded_stack_that_comes_again_is_counted_once() {
    let mut recorder = Recorder::new(settings(Settings::LEAST_BYTES, 300));
    for n in 0..10_000_u64 {
        recorder.observe(&observation(0, &[n * 16, n * 32, n * 64]));
    }
    let before = recorder.folded_stacks();
    for _ in 0..50 {
        recorder.observe(&observation(0, &[7; 900]));
    }
    assert_eq!(recorder.folded_stacks(), before + 1);
}

#[test]
fn evicted_slices_free_their_stacks() {
    let mut recorder = Recorder::new(settings(1 << 20, 10));
    let busy = |recorder: &mut Recorder, second: u64| {
        for n in 0..100 {
            recorder.observe(&observation(0, &[second * 1_000_000 + n, n + 1]));
        }
        recorder.close_slice(&clocks(second));
    };
    (0..200).for_each(|second| busy(&mut recorder, second));
    let settled = recorder.bytes();
    (200..2_000).for_each(|second| busy(&mut recorder, second));
    assert!(
        recorder.bytes() <= settled * 2,
        "{} of {settled} bytes",
        recorder.bytes()
    );
    assert_eq!(recorder.slices(), 10);
    // Stacks of slices long gone are not in the answer.
    let profile = recorder.profile(Query::ALL);
    assert!(
        profile
            .locations
            .iter()
            .all(|location| location.address < 1_000 || location.address >= 1_990_000_000)
    );
}

#[test]
fn the_last_span_reaches_back_from_the_newest_slice() {
    let mut recorder = Recorder::new(settings(8 << 20, 300));
    for second in 0..100 {
        recorder.observe(&observation(0, &[1]));
        recorder.close_slice(&clocks(second));
    }
    let profile = recorder.profile(Query::last_ns(30 * 1_000_000_000));
    assert_eq!(profile.slices.len(), 30);
    assert_eq!(profile.last_sequence(), 100);
    assert_eq!(profile.duration_ns, 30 * 1_000_000_000);
    assert_eq!(profile.start_unix_ns, 70 * 1_000_000_000);
    assert_eq!(profile.evicted_slices, 0);
    assert_eq!(recorder.profile(Query::last_ns(1)).slices.len(), 1);
    assert!(recorder.profile(Query::since(100)).slices.is_empty());
}

#[test]
fn age_is_no_loss_and_want_of_memory_is() {
    let busy = |recorder: &mut Recorder| {
        for second in 0..100 {
            for n in 0..200 {
                recorder.observe(&observation(0, &[second * 1_000_000 + n, n + 1]));
            }
            recorder.close_slice(&clocks(second));
        }
    };
    let mut short = Recorder::new(settings(8 << 20, 10));
    busy(&mut short);
    assert_eq!(short.profile(Query::ALL).evicted_slices, 0);
    assert_eq!(short.evicted_slices(), 90);
    // A client that fetches "since 50" lost those from 51 on.
    assert_eq!(short.profile(Query::since(50)).evicted_slices, 40);

    let mut small = Recorder::new(settings(Settings::LEAST_BYTES, 1_000));
    busy(&mut small);
    let profile = small.profile(Query::ALL);
    assert!(profile.slices.len() < 100);
    assert_eq!(profile.evicted_slices, 100 - profile.slices.len() as u64);
}

#[test]
fn heavy_tasks_keep_rows_and_the_rest_is_other() {
    let mut recorder = Recorder::new(Settings {
        top_tasks: 2,
        ..settings(8 << 20, 300)
    });
    let mut next_task = 1_000;
    for second in 0..20 {
        for _ in 0..10 {
            for task in [7, 7, 8, next_task] {
                recorder.observe(&Observation {
                    task,
                    kind: 3,
                    ..observation(0, &[1, 2])
                });
            }
            next_task += 1;
        }
        recorder.close_slice(&clocks(second));
    }
    let profile = recorder.profile(Query::ALL);
    let mut by_task: Vec<_> = profile
        .samples
        .iter()
        .map(|sample| (sample.task, sample.count))
        .collect();
    by_task.sort_unstable();
    assert_eq!(by_task, [(0, 200), (7, 400), (8, 200)]);
    assert!(profile.samples.iter().all(|sample| sample.kind == 3));
}

#[test]
fn ended_threads_go_with_their_slices() {
    let mut recorder = Recorder::new(settings(8 << 20, 5));
    for second in 0..50_u64 {
        let thread = second as u32;
        recorder.observe(&observation(thread, &[1]));
        recorder.describe_thread(thread, &facts("short", true));
        recorder.describe_thread(1_000, &facts("main", false));
        recorder.close_slice(&clocks(second));
    }
    let profile = recorder.profile(Query::ALL);
    let named = |name| {
        profile
            .threads
            .iter()
            .filter(|thread| thread.name == name)
            .count()
    };
    assert_eq!((named("short"), named("main")), (5, 1));
    assert_eq!(recorder.snapshot(Query::ALL).slices(), 5);
}
