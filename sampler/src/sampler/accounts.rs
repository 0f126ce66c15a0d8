//! Closing a slice: every term of every thread's account, measured on its own.

use super::engine::Behaviour;
use super::{Entry, Sampler, SliceClocks, ThreadKey, process_cpu_ns};
use crate::broken::{self, Defect};
use crate::settings::Settings;
use crate::sys;
use crate::thread::files;
use hotpoll_profile::thread::Accounts;
use std::time::{SystemTime, UNIX_EPOCH};

/// Kernel ticks in `/proc/…/stat` are hundredths of a second, whatever the kernel's own tick.
pub(super) const USER_TICK_NS: u64 = 10_000_000;
/// Threads that used less CPU time than this in a slice are not asked for their name, mask and switches.
const LEAST_CPU_NS: u64 = 1_000_000;
/// But until they are so old: a thread names itself some moments after its birth, and may sleep for good from then on. Found in between it would have
/// its maker's name for ever.
const NAMED_BY_NS: u64 = 100_000_000;

/// What the running slice is measured from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SliceStart {
    pub unix_ns: u64,
    pub monotonic_ns: u64,
    /// When sampling started, by the monotonic clock.
    pub started_ns: u64,
    /// The process's CPU clock when sampling started, and at the slice's start.
    pub process_cpu_before_ns: u64,
    pub process_cpu_ns: u64,
    /// CPU time of all known threads since sampling started, dead ones included; and of unseen threads.
    pub dead_threads_cpu_ns: u64,
    pub unseen_cpu_ns: u64,
}

impl SliceStart {
    /// The first slice's: nothing was used yet.
    pub fn now() -> Self {
        let started_ns = sys::monotonic_ns();
        Self {
            unix_ns: unix_ns(),
            monotonic_ns: started_ns,
            started_ns,
            process_cpu_before_ns: process_cpu_ns(),
            ..Self::default()
        }
    }
}

fn unix_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

impl Sampler {
    /// Ends the running slice and begins the next. Drain first: records not drained yet count in the next slice. After stop it is empty.
    pub fn close_slice(&mut self) -> SliceClocks {
        if !self.is_in_force() {
            return SliceClocks::default();
        }
        let ns_per_tick = self.ns_per_tick();
        // The process's clock first, then all threads' at once, then what takes longer: so the threads may have used a little more than the
        // process when the clocks are compared, and never less, which would come out as CPU time of unseen threads.
        let process_cpu_ns = process_cpu_ns().saturating_sub(self.slice.process_cpu_before_ns);
        for entry in self.entries.values_mut() {
            if !entry.info.exited {
                entry.read_clock();
            }
        }
        let wall_now_ns = self.roster.is_counting().then(sys::monotonic_ns);
        let mut threads = Vec::new();
        let mut behaviours: Vec<(ThreadKey, Behaviour)> = Vec::new();
        let mut dead = Vec::new();
        let mut live_cpu_ns = 0;
        for (&key, entry) in &mut self.entries {
            let before = entry.reported;
            let cpu_ns = entry.cpu_ns.saturating_sub(before.cpu_ns);
            entry.unjudged.cpu_ns += entry.cpu_ns - entry.judged_cpu_ns.min(entry.cpu_ns);
            entry.judged_cpu_ns = entry.cpu_ns;
            if !entry.info.exited && (cpu_ns >= LEAST_CPU_NS || !entry.inspected) {
                entry.inspect(&self.settings);
            }
            let idle = cpu_ns == 0 && entry.sampled_ns == before.sampled_ns;
            let totals = if idle && !entry.info.exited {
                // Its handler has counted nothing, and its counters are not in any cache.
                entry.wall_totals(before, wall_now_ns)
            } else {
                entry.totals(ns_per_tick, wall_now_ns)
            };
            entry.unjudged.total_cpu_ns = totals.cpu_ns;
            entry.unjudged.total_unsampled_ns = totals.unsampled_ns();
            let accounts = difference(&totals, &before);
            entry.reported = totals;
            entry.count_slice();
            if !idle {
                entry.count_signals(&accounts, &mut self.delivery);
            }
            if accounts != Accounts::default() {
                threads.push((key, accounts));
            }
            if entry.info.exited {
                entry.judge_at_end(self.tick_hz, self.settings.interval_ns);
                dead.push((key, entry.cpu_ns));
            } else {
                live_cpu_ns += entry.cpu_ns;
                // A perf event may have been closed by the host while its thread slept.
                if !idle || entry.is_served_by_perf() {
                    behaviours.push((key, entry.unjudged));
                }
            }
        }
        for (key, behaviour) in behaviours {
            self.reconsider(key, &behaviour);
        }
        let mut ended = Vec::new();
        for (key, cpu_ns) in dead {
            self.slice.dead_threads_cpu_ns += cpu_ns;
            ended.extend(self.forget(key).map(|info| (key, info)));
        }
        SliceClocks {
            threads,
            ended,
            ..self.turn_slice(process_cpu_ns, live_cpu_ns)
        }
    }

    fn turn_slice(&mut self, process_cpu: u64, live_cpu_ns: u64) -> SliceClocks {
        let start = self.slice;
        // The clocks are read one after the other, so the difference wavers by microseconds: only its rise counts.
        let mut unseen = process_cpu
            .saturating_sub(live_cpu_ns + start.dead_threads_cpu_ns)
            .max(start.unseen_cpu_ns);
        if broken::is(Defect::ForgetsUnseen) {
            unseen = 0;
        }
        let now_ns = sys::monotonic_ns();
        self.slice = SliceStart {
            unix_ns: unix_ns(),
            monotonic_ns: now_ns,
            process_cpu_ns: process_cpu,
            unseen_cpu_ns: unseen,
            ..start
        };
        SliceClocks {
            start_unix_ns: start.unix_ns,
            duration_ns: now_ns - start.monotonic_ns,
            process_cpu_ns: process_cpu.saturating_sub(start.process_cpu_ns),
            unseen_cpu_ns: unseen - start.unseen_cpu_ns,
            ..SliceClocks::default()
        }
    }
}

impl Entry {
    /// Reads what takes a file of `/proc`: name, kernel time, signal mask, switches.
    fn inspect(&mut self, settings: &Settings) {
        if let Some(stat) = files::stat(self.info.tid)
            && stat.start_ticks == self.info.start_ticks
        {
            self.info.name = stat.name;
            let kernel = stat.kernel_ticks.saturating_sub(self.kernel_ticks);
            self.kernel_ticks = stat.kernel_ticks;
            if self.is_served_by_perf() {
                self.count_kernel(kernel * USER_TICK_NS);
            }
        }
        self.read_status(settings.signal);
        let age_ns = sys::monotonic_ns().saturating_sub(self.begun_ns);
        self.inspected = self.was_there || age_ns >= NAMED_BY_NS;
    }

    /// Reads its signal mask and switches.
    pub(super) fn read_status(&mut self, signal: i32) {
        let Some(status) = files::status(self.info.tid) else {
            return;
        };
        self.info.signal_blocked = status.blocks(signal);
        if self.switches_known {
            let voluntary = status
                .voluntary_switches
                .saturating_sub(self.voluntary_switches);
            let involuntary = status
                .involuntary_switches
                .saturating_sub(self.involuntary_switches);
            self.unjudged.voluntary_switches += voluntary;
            self.unjudged.switches += voluntary + involuntary;
            self.switches += voluntary + involuntary;
        } else {
            // Its switches are known from now on, so its CPU time must not count from before.
            self.unjudged = Behaviour::default();
            self.judged_cpu_ns = self.cpu_ns;
            self.switches_known = true;
        }
        self.voluntary_switches = status.voluntary_switches;
        self.involuntary_switches = status.involuntary_switches;
        self.switches_cpu_ns = self.cpu_ns;
    }
}

/// What was counted between two totals.
fn difference(now: &Accounts, before: &Accounts) -> Accounts {
    Accounts {
        cpu_ns: now.cpu_ns.saturating_sub(before.cpu_ns),
        sampled_ns: now.sampled_ns.saturating_sub(before.sampled_ns),
        kernel_ns: now.kernel_ns.saturating_sub(before.kernel_ns),
        fired: now.fired.saturating_sub(before.fired),
        recorded: now.recorded.saturating_sub(before.recorded),
        overrun: now.overrun.saturating_sub(before.overrun),
        guessed: now.guessed.saturating_sub(before.guessed),
        lost: now.lost.since(&before.lost),
        truncated: now.truncated.since(&before.truncated),
        handler_ns: now.handler_ns.saturating_sub(before.handler_ns),
        switches: now.switches.saturating_sub(before.switches),
        wall_ns: now.wall_ns.saturating_sub(before.wall_ns),
        runnable_ns: now.runnable_ns.saturating_sub(before.runnable_ns),
        looks: now.looks.saturating_sub(before.looks),
        captured: now.captured.saturating_sub(before.captured),
        kept: now.kept.saturating_sub(before.kept),
        capture_failed: now.capture_failed.since(&before.capture_failed),
    }
}
