//! The Firefox Profiler's processed format, written by `fxprof-processed-profile`.
//!
//! That reader wants a time for every sample, and a profile knows the slice only: `timing` spreads samples over their slices.
//! Time that no sample stands for is written as the samples that it would have been, rounded; `threadCPUDelta` has it to a microsecond.

mod timing;

use self::timing::Entry;
use super::ExportError;
use super::category::Category;
use super::folded::thread_name;
use super::stacks::{Stacks, UNSEEN_THREADS};
use super::text::printable;
use fxprof::{
    CategoryColor, CategoryHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ReferenceTimestamp,
    SamplingInterval, StackHandle, ThreadHandle, Timestamp,
};
use fxprof_processed_profile as fxprof;
use hotpoll_profile::Profile;
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// The profile as the Firefox Profiler reads it.
pub fn firefox(profile: &Profile) -> Result<String, ExportError> {
    let mut writer = Writer::new(profile);
    for entry in timing::entries(profile, &writer.stacks) {
        writer.push(&entry);
    }
    writer.push_unseen();
    let mut out = serde_json::to_value(&writer.out)?;
    name_files(&mut out, &writer.stacks);
    Ok(serde_json::to_string(&out)?)
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
                // The reader drops the CPU time of a thread's first sample: this one has none to lose.
                out.add_sample(handle, start, None, CpuDelta::ZERO, 0);
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

/// Adds where functions are defined, which `fxprof-processed-profile` has no word for yet.
fn name_files(out: &mut Value, stacks: &Stacks) {
    let definitions: HashMap<&str, (&str, u32)> = stacks
        .frames
        .iter()
        .filter(|frame| !frame.file.is_empty())
        .map(|frame| (frame.name.as_str(), (frame.file.as_str(), frame.start_line)))
        .collect();
    for thread in out["threads"].as_array_mut().into_iter().flatten() {
        let mut strings: Vec<Value> = thread["stringArray"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let functions = &mut thread["funcTable"];
        for function in 0..functions["length"].as_u64().unwrap_or(0) as usize {
            let name = functions["name"][function].as_u64().unwrap_or(0) as usize;
            let name = strings.get(name).and_then(Value::as_str);
            let Some(&(file, line)) = name.and_then(|name| definitions.get(name)) else {
                continue;
            };
            functions["fileName"][function] = strings.len().into();
            if line != 0 {
                functions["lineNumber"][function] = line.into();
            }
            strings.push(file.into());
        }
        thread["stringArray"] = strings.into();
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
    use super::super::fixture;
    use super::*;
    use crate::golden;

    #[test]
    fn service() {
        let value: Value = serde_json::from_str(&firefox(&fixture::service()).unwrap()).unwrap();
        golden::check(
            "service.firefox.json",
            &serde_json::to_string_pretty(&value).unwrap(),
        );
    }
}
