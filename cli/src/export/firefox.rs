//! The Firefox Profiler's processed format, written by `fxprof-processed-profile`.
//!
//! That reader wants a time for every sample, and a profile knows the slice only. So each row's samples are spread evenly over
//! its slice: what is seen within one slice is an even mixture, which invents no phases, and between slices the times are right.
//! Time that no sample stands for is written as the samples that it would have been, rounded; `threadCPUDelta` has it to a microsecond.

use super::ExportError;
use super::category::Category;
use super::folded::thread_name;
use super::rows::{self, Row};
use super::stacks::{Stacks, UNSEEN_THREADS};
use super::text::printable;
use fxprof::{
    CategoryColor, CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ReferenceTimestamp,
    SamplingInterval, StackHandle, ThreadHandle, Timestamp,
};
use fxprof_processed_profile as fxprof;
use hotpoll_profile::Profile;
use std::time::Duration;

/// Entries that one row of one slice may become: a thread sampled at 10 kHz would fill the reader's memory otherwise. Weights make up for it.
const MAX_ENTRIES_PER_ROW: u64 = 100;

/// A row's part at one moment.
struct Entry {
    at_ns: u64,
    thread: usize,
    stack: usize,
    cpu_ns: u64,
    weight: u64,
}

/// The profile as the Firefox Profiler reads it.
pub fn firefox(profile: &Profile) -> Result<String, ExportError> {
    let mut writer = Writer::new(profile);
    for entry in entries(profile, &writer.stacks) {
        writer.push(&entry);
    }
    writer.push_unseen();
    Ok(serde_json::to_string(&writer.out)?)
}

/// What all rows become, in the order of time.
fn entries(profile: &Profile, stacks: &Stacks) -> Vec<Entry> {
    let interval_ns = profile.interval_ns.max(1);
    let mut entries = Vec::new();
    if profile.slices.is_empty() {
        for row in rows::of_window(profile, stacks) {
            spread(&row, 0, profile.duration_ns, interval_ns, &mut entries);
        }
    }
    for (slice, rows) in profile.slices.iter().zip(rows::of_slices(profile, stacks)) {
        let from_ns = slice.start_unix_ns.saturating_sub(profile.start_unix_ns);
        for row in rows {
            spread(&row, from_ns, slice.duration_ns, interval_ns, &mut entries);
        }
    }
    // The reader takes times as differences, and wants none below zero.
    entries.sort_by_key(|entry| entry.at_ns);
    entries
}

fn spread(row: &Row, from_ns: u64, duration_ns: u64, interval_ns: u64, into: &mut Vec<Entry>) {
    let weight = match row.count {
        0 => (row.cpu_ns + interval_ns / 2) / interval_ns,
        count => count,
    };
    let parts = weight.clamp(1, MAX_ENTRIES_PER_ROW);
    for part in 0..parts {
        // In the middle of the part's share of the slice.
        let middle = u128::from(duration_ns) * (2 * u128::from(part) + 1) / (2 * u128::from(parts));
        into.push(Entry {
            at_ns: from_ns + middle as u64,
            thread: row.thread as usize,
            stack: row.stack,
            cpu_ns: share(row.cpu_ns, part, parts),
            weight: share(weight, part, parts),
        });
    }
}

/// Part `part` of `whole` split in `parts`: the shares sum to the whole.
fn share(whole: u64, part: u64, parts: u64) -> u64 {
    let upto = |n: u64| (u128::from(whole) * u128::from(n) / u128::from(parts)) as u64;
    upto(part + 1) - upto(part)
}

struct Writer<'a> {
    profile: &'a Profile,
    stacks: Stacks,
    out: fxprof::Profile,
    process: fxprof::ProcessHandle,
    categories: Vec<CategoryHandle>,
    threads: Vec<ThreadHandle>,
    /// Stacks that a thread has already, at `thread * stacks + stack`.
    interned: Vec<Option<StackHandle>>,
}

impl<'a> Writer<'a> {
    fn new(profile: &'a Profile) -> Self {
        let stacks = Stacks::new(profile);
        let began = Duration::from_nanos(profile.start_unix_ns);
        let mut out = fxprof::Profile::new(
            &printable(&profile.process.name),
            ReferenceTimestamp::from_duration_since_unix_epoch(began),
            SamplingInterval::from_nanos(profile.interval_ns.max(1)),
        );
        out.set_os_name("Linux");
        // Names are final: nobody should look for a symbol server.
        out.set_symbolicated(true);
        let categories = Category::ALL
            .iter()
            .map(|category| out.add_category(category.label(), color(*category)))
            .collect();
        let start = Timestamp::from_nanos_since_reference(0);
        let process = out.add_process(
            &printable(&profile.process.name),
            profile.process.pid,
            start,
        );
        out.set_process_end_time(
            process,
            Timestamp::from_nanos_since_reference(profile.duration_ns),
        );
        let threads = profile
            .threads
            .iter()
            .map(|thread| {
                let is_main = thread.tid == profile.process.pid;
                let handle = out.add_thread(process, thread.tid, start, is_main);
                out.set_thread_name(handle, &thread_name(Some(thread)));
                handle
            })
            .collect();
        let interned = vec![None; profile.threads.len() * stacks.stacks.len()];
        Self {
            profile,
            stacks,
            out,
            process,
            categories,
            threads,
            interned,
        }
    }

    fn push(&mut self, entry: &Entry) {
        let Some(&thread) = self.threads.get(entry.thread) else {
            return;
        };
        let slot = entry.thread * self.stacks.stacks.len() + entry.stack;
        let stack = match self.interned[slot] {
            Some(stack) => Some(stack),
            None => self.intern(thread, entry.stack),
        };
        self.interned[slot] = stack;
        self.out.add_sample(
            thread,
            Timestamp::from_nanos_since_reference(entry.at_ns),
            stack,
            CpuDelta::from_nanos(entry.cpu_ns),
            entry.weight.try_into().unwrap_or(i32::MAX),
        );
    }

    fn intern(&mut self, thread: ThreadHandle, stack: usize) -> Option<StackHandle> {
        let mut parent = None;
        for frame in self.stacks.frames_of(stack) {
            let label = self.out.intern_string(&frame.name);
            let frame = self.out.intern_frame(
                thread,
                FrameInfo {
                    frame: Frame::Label(label),
                    category_pair: self.categories[frame.category.index()].into(),
                    flags: FrameFlags::empty(),
                },
            );
            parent = Some(self.out.intern_stack(thread, parent, frame));
        }
        parent
    }

    /// Threads that ended unseen become one thread, with one sample a slice.
    fn push_unseen(&mut self) {
        if self.profile.unseen_cpu_ns == 0 {
            return;
        }
        let start = Timestamp::from_nanos_since_reference(0);
        let thread = self.out.add_thread(self.process, 0, start, false);
        self.out.set_thread_name(thread, UNSEEN_THREADS);
        let label = self.out.intern_string(UNSEEN_THREADS);
        let frame = self.out.intern_frame(
            thread,
            FrameInfo {
                frame: Frame::Label(label),
                category_pair: self.categories[Category::Marker.index()].into(),
                flags: FrameFlags::empty(),
            },
        );
        let stack = self.out.intern_stack(thread, None, frame);
        let interval_ns = self.profile.interval_ns.max(1);
        for slice in &self.profile.slices {
            let at_ns = slice
                .start_unix_ns
                .saturating_sub(self.profile.start_unix_ns)
                + slice.duration_ns / 2;
            self.out.add_sample(
                thread,
                Timestamp::from_nanos_since_reference(at_ns),
                Some(stack),
                CpuDelta::from_nanos(slice.unseen_cpu_ns),
                ((slice.unseen_cpu_ns + interval_ns / 2) / interval_ns)
                    .try_into()
                    .unwrap_or(i32::MAX),
            );
        }
    }
}

fn color(category: Category) -> CategoryColor {
    match category {
        Category::Own => CategoryColor::Orange,
        Category::Dependency => CategoryColor::Yellow,
        Category::Std => CategoryColor::Blue,
        Category::Tokio => CategoryColor::Purple,
        Category::Native => CategoryColor::Green,
        Category::Kernel => CategoryColor::Red,
        Category::Unnamed => CategoryColor::Gray,
        Category::Marker => CategoryColor::DarkGray,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{fixture, golden};
    use super::*;
    use serde_json::Value;

    #[test]
    fn service() {
        let value: Value = serde_json::from_str(&firefox(&fixture::service()).unwrap()).unwrap();
        golden::check(
            "service.firefox.json",
            &serde_json::to_string_pretty(&value).unwrap(),
        );
    }

    #[test]
    fn times_lie_in_the_window_and_cpu_sums_to_the_clock() {
        let profile = fixture::service();
        let stacks = Stacks::new(&profile);
        let entries = entries(&profile, &stacks);
        assert!(entries.is_sorted_by_key(|entry| entry.at_ns));
        assert!(
            entries
                .iter()
                .all(|entry| entry.at_ns < profile.duration_ns)
        );
        for (thread, of_thread) in profile.threads.iter().enumerate() {
            let cpu_ns: u64 = entries
                .iter()
                .filter(|entry| entry.thread == thread)
                .map(|entry| entry.cpu_ns)
                .sum();
            assert_eq!(cpu_ns, of_thread.totals.cpu_ns, "{}", of_thread.name);
        }
    }

    #[test]
    fn fast_rates_stay_small() {
        let row = Row {
            thread: 0,
            stack: 0,
            count: 10_003,
            cpu_ns: 1_000_300_000,
        };
        let mut entries = Vec::new();
        spread(&row, 0, 1_000_000_000, 100_000, &mut entries);
        assert_eq!(entries.len() as u64, MAX_ENTRIES_PER_ROW);
        assert_eq!(
            entries.iter().map(|entry| entry.weight).sum::<u64>(),
            10_003
        );
        assert_eq!(
            entries.iter().map(|entry| entry.cpu_ns).sum::<u64>(),
            1_000_300_000
        );
    }
}
