//! From packed slices to a profile.

use super::answer_threads::AnswerThreads;
use super::callchains::{NO_FRAMES, NodeId};
use super::dictionary::{Dictionary, OpenDictionary, SampleKey};
use super::observation::{ThreadKey, Weight};
use super::packed_slice::PackedSlice;
use super::row_table::RowTable;
use super::threads::KnownThread;
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    Location, Process, Profile, Reason, Sample, Slice, SliceRow, SliceWork, Thread, ThreadSlice,
    Work,
};
use std::collections::HashMap;
use std::sync::Arc;

/// What an answer is built from: shared references to closed slices and their dictionaries. It holds no lock, and the
/// recorder goes on without it.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) slices: Vec<Arc<PackedSlice>>,
    /// By ascending number; every dictionary that a slice names is there.
    pub(super) dictionaries: Vec<(u64, Arc<Dictionary>)>,
    pub(super) threads: Vec<KnownThread>,
    /// Counters of work, without their units.
    pub(super) work: Vec<Work>,
    pub(super) evicted_slices: u64,
    pub(super) interval_ns: u64,
    pub(super) top_tasks: usize,
}

/// What all slices of a snapshot say together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How long they lasted.
    pub duration_ns: u64,
    /// CPU time of the process.
    pub process_cpu_ns: u64,
    /// The accounts of hotpoll's own threads.
    pub own: Accounts,
    /// The accounts of all other threads.
    pub others: Accounts,
}

/// Rows of all slices together that an answer may have, roughly. Where there are more, neighbouring slices are made into longer ones: an
/// answer takes memory of the process for a moment, and nobody reads a million rows.
const MOST_ROWS: usize = 256 * 1024;
/// Accounts of threads in slices that an answer may have, roughly: each takes half a kilobyte. A thread that sleeps all the time has accounts, too,
/// where it is looked at by the wall clock.
const MOST_ACCOUNTS: usize = 48 * 1024;
/// Samples that an answer may have, roughly: at thirty frames each takes a quarter of a kilobyte, and half as much again to encode.
const MOST_SAMPLES: usize = 96 * 1024;

/// Not numbered in the answer yet.
const UNMAPPED: u32 = u32::MAX;

impl Snapshot {
    /// How many slices the answer will have.
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// How many rows all its slices have together.
    pub fn rows(&self) -> usize {
        self.slices.iter().map(|slice| slice.rows()).sum()
    }

    /// The accounts over the whole window, without building a profile.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for slice in &self.slices {
            totals.duration_ns += slice.duration_ns;
            totals.process_cpu_ns += slice.process_cpu_ns;
            slice.unpack(
                |_, _, _| {},
                |key, accounts| {
                    let place = self.threads.binary_search_by_key(&key, |known| known.key);
                    if place.is_ok_and(|place| self.threads[place].own()) {
                        totals.own.add(&accounts);
                    } else {
                        totals.others.add(&accounts);
                    }
                },
            );
        }
        totals
    }

    /// The threads alive now, their totals zero.
    pub fn live_threads(&self) -> impl Iterator<Item = Thread> + '_ {
        let live = self.threads.iter().filter(|known| !known.exited());
        live.map(|known| known.thread())
    }

    /// The thread with this key, its totals zero; `None` when the recorder has not heard of it.
    pub fn thread(&self, key: ThreadKey) -> Option<Thread> {
        let place = self.threads.binary_search_by_key(&key, |known| known.key);
        place.ok().map(|place| self.threads[place].thread())
    }

    /// The profile: threads, locations, samples and slices. The process and its modules are for the caller to fill in.
    ///
    /// A profile takes memory of the process that asks for it, many times what the recorder takes. Where it would be too much the threads
    /// of each pool are shown as one; where that is still too much, older slices are left out, counted as evicted. A notice says so.
    pub fn profile(&self) -> Profile {
        self.profile_within(MOST_SAMPLES, MOST_ROWS)
    }

    pub(super) fn profile_within(&self, most_samples: usize, most_rows: usize) -> Profile {
        let accounts: usize = self.slices.iter().map(|slice| slice.accounts()).sum();
        let together = self.rows().div_ceil(most_rows);
        let together = together.max(accounts.div_ceil(MOST_ACCOUNTS)).max(1);
        let mut answer = Answer::new(self, AnswerThreads::each(&self.threads));
        let mut left_out = answer.add_newest(together, most_samples);
        if left_out > 0 {
            answer = Answer::new(self, AnswerThreads::by_pool(&self.threads));
            left_out = answer.add_newest(together, most_samples);
            answer.notices.push(
                "threads of one name are shown as one, as the answer would take too much memory: ask for a shorter time to see each".into(),
            );
        }
        if left_out > 0 {
            answer.notices.push(format!(
                "the oldest {left_out} slices are left out, as the answer would take too much memory"
            ));
        }
        answer.finish(left_out)
    }

    /// The tasks that keep their own rows over the whole window, in ascending order.
    fn kept_tasks(&self) -> Vec<u64> {
        let mut by_task: HashMap<u64, u64> = HashMap::new();
        for slice in &self.slices {
            let dictionary = self.dictionary(slice.dictionary);
            let row = |_: ThreadKey, sample: u32, weight: Weight| {
                let task = dictionary.sample(sample).marks.task;
                if task != 0 {
                    *by_task.entry(task).or_default() += weight.count;
                }
            };
            slice.unpack(row, |_, _| {});
        }
        let mut heaviest: Vec<_> = by_task
            .into_iter()
            .map(|(task, count)| (count, task))
            .collect();
        heaviest.sort_unstable_by(|a, b| b.cmp(a));
        heaviest.truncate(self.top_tasks);
        let mut kept: Vec<u64> = heaviest.into_iter().map(|(_, task)| task).collect();
        kept.sort_unstable();
        kept
    }

    fn dictionary(&self, number: u64) -> &Dictionary {
        let place = self
            .dictionaries
            .partition_point(|(other, _)| *other < number);
        &self.dictionaries[place].1
    }
}

/// A profile under construction. Dictionaries number the same callchain differently: here all are numbered anew.
struct Answer<'a> {
    snapshot: &'a Snapshot,
    kept_tasks: Vec<u64>,
    merged: OpenDictionary,
    /// The answer's samples: threads are places in `threads`, sample numbers those of `merged`.
    rows: RowTable,
    /// For the dictionary of the slice before, its numbers in `merged`.
    mapped: Option<Mapped<'a>>,
    threads: AnswerThreads<'a>,
    /// Newest first, until the answer is finished.
    slices: Vec<Slice>,
    work: Vec<Work>,
    folded_stacks: u64,
    notices: Vec<String>,
}

struct Mapped<'a> {
    number: u64,
    dictionary: &'a Dictionary,
    nodes: Vec<(NodeId, u64, u32)>,
    samples: Vec<u32>,
}

impl<'a> Answer<'a> {
    fn new(snapshot: &'a Snapshot, threads: AnswerThreads<'a>) -> Self {
        Self {
            snapshot,
            kept_tasks: snapshot.kept_tasks(),
            merged: OpenDictionary::new(),
            rows: RowTable::default(),
            mapped: None,
            threads,
            slices: Vec::with_capacity(snapshot.slices.len()),
            work: snapshot.work.clone(),
            folded_stacks: 0,
            notices: Vec::new(),
        }
    }

    /// Adds slices from the newest back, so many as one, until there are so many samples. Returns how many slices found no room.
    fn add_newest(&mut self, together: usize, most_samples: usize) -> usize {
        let mut left = self.snapshot.slices.len();
        for slices in self.snapshot.slices.rchunks(together) {
            if self.rows.rows().len() > most_samples {
                break;
            }
            self.add_slices(slices);
            left -= slices.len();
        }
        left
    }

    /// Adds consecutive slices as one.
    fn add_slices(&mut self, slices: &[Arc<PackedSlice>]) {
        let (Some(first), Some(last)) = (slices.first(), slices.last()) else {
            return;
        };
        let mut rows: Vec<SliceRow> = Vec::new();
        let mut threads: Vec<ThreadSlice> = Vec::new();
        for slice in slices {
            self.add_rows(slice, &mut rows);
            self.add_accounts(slice, &mut threads);
            self.folded_stacks += slice.folded;
        }
        // Equal ones come from several slices, or from tasks that are not kept over the window.
        rows.sort_unstable_by_key(|row| row.sample);
        rows.dedup_by(|later, first| {
            let same = later.sample == first.sample;
            if same {
                first.count += later.count;
                first.cpu_ns += later.cpu_ns;
                first.wall_ns += later.wall_ns;
            }
            same
        });
        rows.shrink_to_fit();
        threads.sort_by_key(|thread| thread.thread);
        threads.dedup_by(|later, first| {
            let same = later.thread == first.thread;
            if same {
                first.accounts.add(&later.accounts);
            }
            same
        });
        let sum = |of: fn(&PackedSlice) -> u64| slices.iter().map(|slice| of(slice)).sum();
        let mut work: Vec<SliceWork> = (slices.iter())
            .flat_map(|slice| slice.work.iter().copied())
            .collect();
        work.sort_unstable_by_key(|part| part.work);
        work.dedup_by(|later, first| {
            let same = later.work == first.work;
            if same {
                first.units = first.units.saturating_add(later.units);
            }
            same
        });
        for part in &work {
            let units = &mut self.work[part.work as usize].units;
            *units = units.saturating_add(part.units);
        }
        self.slices.push(Slice {
            work,
            sequence: last.sequence,
            start_unix_ns: first.start_unix_ns,
            duration_ns: sum(|slice| slice.duration_ns),
            process_cpu_ns: sum(|slice| slice.process_cpu_ns),
            unseen_cpu_ns: sum(|slice| slice.unseen_cpu_ns),
            rows,
            threads,
        });
    }

    fn add_rows(&mut self, slice: &PackedSlice, rows: &mut Vec<SliceRow>) {
        let mut mapped = match self.mapped.take() {
            Some(mapped) if mapped.number == slice.dictionary => mapped,
            _ => Mapped::new(self.snapshot, slice.dictionary),
        };
        rows.reserve(slice.rows());
        slice.unpack(
            |thread, sample, weight| {
                let thread = self.threads.place(thread);
                let sample = self.sample(&mut mapped, sample);
                let row = self.rows.number(thread, sample);
                self.rows.weight(row).add(weight);
                rows.push(SliceRow {
                    sample: row,
                    count: weight.count,
                    cpu_ns: weight.cpu_ns,
                    wall_ns: weight.wall_ns,
                });
            },
            |_, _| {},
        );
        self.mapped = Some(mapped);
    }

    fn add_accounts(&mut self, slice: &PackedSlice, threads: &mut Vec<ThreadSlice>) {
        slice.unpack(
            |_, _, _| {},
            |key, accounts| {
                let thread = self.threads.place(key);
                let known = &mut self.threads.threads[thread as usize];
                known.totals.add(&accounts);
                threads.push(ThreadSlice { thread, accounts });
            },
        );
    }

    /// A sample's number in the merged dictionary.
    fn sample(&mut self, mapped: &mut Mapped<'a>, sample: u32) -> u32 {
        let known = mapped.samples[sample as usize];
        if known != UNMAPPED {
            return known;
        }
        let mut key = mapped.dictionary.sample(sample);
        key.leaf = mapped.node(&mut self.merged, key.leaf);
        if self.kept_tasks.binary_search(&key.marks.task).is_err() {
            key.marks.task = 0;
        }
        let number = self.merged.intern_sample(key);
        mapped.samples[sample as usize] = number;
        number
    }

    fn finish(mut self, left_out: usize) -> Profile {
        self.slices.reverse();
        let nodes: Vec<(NodeId, u64)> = self.merged.dictionary().callchains.nodes().collect();
        let mut locations = Vec::new();
        let mut places: HashMap<u64, u32> = HashMap::new();
        let mut location = |address: u64| {
            *places.entry(address).or_insert_with(|| {
                locations.push(Location {
                    address,
                    ..Location::default()
                });
                locations.len() as u32 - 1
            })
        };
        let location_of_node: Vec<u32> = nodes
            .iter()
            .map(|&(_, address)| location(address))
            .collect();
        let stack = |leaf: NodeId| {
            let mut stack = Vec::new();
            let mut node = leaf;
            while node != NO_FRAMES {
                stack.push(location_of_node[node as usize - 1]);
                node = nodes[node as usize - 1].0;
            }
            stack
        };
        let samples = self.rows.rows().iter().map(|row| {
            let SampleKey { leaf, marks } = self.merged.dictionary().sample(row.sample);
            Sample {
                thread: row.thread,
                state: marks.state,
                task: marks.task,
                kind: marks.kind,
                context: marks.context,
                lock: marks.lock,
                holds: marks.holds,
                truncation: marks.truncation.index() as u8,
                stack: stack(leaf),
                count: row.weight.count,
                cpu_ns: row.weight.cpu_ns,
                wall_ns: row.weight.wall_ns,
            }
        });
        let samples = samples.collect();
        Profile {
            start_unix_ns: self.slices.first().map_or(0, |slice| slice.start_unix_ns),
            duration_ns: self.slices.iter().map(|slice| slice.duration_ns).sum(),
            interval_ns: self.snapshot.interval_ns,
            threads: self.threads.threads,
            locations,
            samples,
            process_cpu_ns: self.slices.iter().map(|slice| slice.process_cpu_ns).sum(),
            unseen_cpu_ns: self.slices.iter().map(|slice| slice.unseen_cpu_ns).sum(),
            evicted_slices: self.snapshot.evicted_slices + left_out as u64,
            folded_stacks: self.folded_stacks,
            slices: self.slices,
            work: self.work,
            process: Process {
                notices: self.notices,
                ..Process::default()
            },
            ..Profile::default()
        }
    }
}

impl<'a> Mapped<'a> {
    fn new(snapshot: &'a Snapshot, number: u64) -> Self {
        let dictionary = snapshot.dictionary(number);
        let empty = std::iter::once((NO_FRAMES, 0, NO_FRAMES));
        let nodes = dictionary.callchains.nodes();
        Self {
            number,
            dictionary,
            nodes: empty
                .chain(nodes.map(|(parent, address)| (parent, address, UNMAPPED)))
                .collect(),
            samples: vec![UNMAPPED; dictionary.samples()],
        }
    }

    /// A node's number in the merged dictionary, its callers first.
    fn node(&mut self, merged: &mut OpenDictionary, leaf: NodeId) -> NodeId {
        let mut unmapped = Vec::new();
        let mut node = leaf;
        while self.nodes[node as usize].2 == UNMAPPED {
            unmapped.push(node);
            node = self.nodes[node as usize].0;
        }
        let mut parent = self.nodes[node as usize].2;
        for node in unmapped.into_iter().rev() {
            let entry = &mut self.nodes[node as usize];
            parent = merged.intern_node(parent, entry.1);
            entry.2 = parent;
        }
        parent
    }
}

#[cfg(test)]
mod tests;
