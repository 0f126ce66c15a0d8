//! What an answer does where it would take too much memory.

use super::*;
use crate::recorder::{Observation, Query, Recorder, Settings, SliceClocks, ThreadFacts};
use hotpoll_profile::{Engine, EngineReason, State, Truncation};

/// Ten slices in which each of eight workers has twenty stacks, the same for all, and four of their own in each slice.
fn recorder() -> Recorder {
    let mut recorder = Recorder::new(Settings::default());
    for second in 0..10_u64 {
        for thread in 0..8_u32 {
            for stack in 0..24_u64 {
                let own = if stack < 20 { 0 } else { 1_000 * (second + 1) };
                recorder.observe(&Observation {
                    thread,
                    state: State::Running,
                    truncation: Truncation::Complete,
                    task: 0,
                    kind: 0,
                    context: 0,
                    lock: 0,
                    holds: 0,
                    expiries: 1,
                    cpu_ns: 10,
                    wall_ns: 0,
                    callchain: &[own + stack],
                });
            }
            let name = format!("worker-{thread}");
            let facts = ThreadFacts {
                tid: thread + 1,
                start_ticks: 1,
                name: &name,
                exited: false,
                own: false,
                engine: Engine::Ctimer,
                engine_reason: EngineReason::Default,
                signal_blocked: false,
                tick_biased: false,
            };
            recorder.describe_thread(thread, &facts);
        }
        let accounts = Accounts {
            cpu_ns: 240,
            ..Accounts::default()
        };
        recorder.close_slice(&SliceClocks {
            start_unix_ns: second * 1_000_000_000,
            duration_ns: 1_000_000_000,
            process_cpu_ns: 8 * 240,
            unseen_cpu_ns: 0,
            threads: (0..8).map(|thread| (thread, accounts)).collect(),
            work: Vec::new(),
        });
    }
    recorder
}

fn count(profile: &Profile) -> u64 {
    let rows = profile.slices.iter().flat_map(|slice| &slice.rows);
    let count = rows.map(|row| row.count).sum();
    assert_eq!(
        count,
        profile.samples.iter().map(|sample| sample.count).sum()
    );
    assert_eq!(profile.totals().cpu_ns, profile.process_cpu_ns);
    count
}

fn within(most_samples: usize, most_rows: usize) -> Profile {
    let snapshot = recorder().snapshot(Query::ALL);
    snapshot.profile_within(most_samples, most_rows)
}

#[test]
fn with_room_nothing_is_put_together() {
    let profile = within(10_000, 10_000);
    assert_eq!(count(&profile), 8 * 24 * 10);
    assert_eq!((profile.threads.len(), profile.slices.len()), (8, 10));
    assert_eq!(profile.samples.len(), 8 * (20 + 4 * 10));
    assert!(profile.process.notices.is_empty());
}

#[test]
fn too_many_rows_make_longer_slices() {
    let profile = within(10_000, 8 * 24 * 4);
    assert_eq!(count(&profile), 8 * 24 * 10);
    let slices = profile
        .slices
        .iter()
        .map(|slice| (slice.sequence, slice.start_unix_ns, slice.duration_ns));
    let second = 1_000_000_000;
    assert_eq!(
        slices.collect::<Vec<_>>(),
        [
            (1, 0, second),
            (4, second, 3 * second),
            (7, 4 * second, 3 * second),
            (10, 7 * second, 3 * second)
        ]
    );
    assert_eq!(profile.last_sequence(), 10);
}

#[test]
fn too_many_samples_put_pools_together() {
    let profile = within(200, 10_000);
    assert_eq!(count(&profile), 8 * 24 * 10);
    assert_eq!(profile.threads.len(), 1);
    assert_eq!(profile.threads[0].name, "worker- (8 threads)");
    assert_eq!(profile.samples.len(), 20 + 4 * 10);
    assert_eq!(profile.slices.len(), 10);
    assert_eq!(profile.process.notices.len(), 1);
}

#[test]
fn far_too_many_samples_leave_out_the_oldest() {
    let profile = within(30, 10_000);
    // 24, 28, 32 samples with the newest three slices.
    assert_eq!(count(&profile), 8 * 24 * 3);
    assert_eq!(profile.slices[0].sequence, 8);
    assert_eq!(profile.evicted_slices, 7);
    assert_eq!(profile.duration_ns, 3_000_000_000);
    assert_eq!(profile.process.notices.len(), 2);
}
