//! The recorder itself: keeps the newest slices within the span and the bytes given.

use super::answer::Snapshot;
use super::dictionary::Dictionary;
use super::heavy_tasks::HeavyTasks;
use super::observation::{Observation, Seen, SliceClocks, ThreadFacts, ThreadKey, Weight};
use super::open_slice::{OpenSlice, row_hash};
use super::packed_slice::{PackedSlice, Packer};
use super::query::Query;
use super::row_table::RowNumber;
use super::settings::Settings;
use super::threads::{OTHER_THREADS, Threads};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Profile, SliceWork, Work};
use std::collections::VecDeque;
use std::sync::Arc;

/// The share of the bytes for what speeds up the open slice.
const OPEN_FIXED_SHARE: usize = 32;
/// The share of the bytes for the table of threads.
const THREADS_SHARE: usize = 16;
/// A dictionary above this share of the bytes is sealed when its slice closes.
const SEAL_SHARE: usize = 8;
/// A dictionary that served so many slices is sealed: it cannot be freed before the last of them is evicted.
const SEAL_SLICES: u32 = 60;

/// The flight recorder.
///
/// What comes in is kept, or evicted and counted, or folded into "other" and counted: at any time the rows of all
/// slices, the rows of the open slice and [`Recorder::evicted`] add up to all that was observed.
#[derive(Debug)]
pub struct Recorder {
    settings: Settings,
    open: OpenSlice,
    /// The number of the open dictionary.
    dictionary: u64,
    dictionary_slices: u32,
    /// Closed slices, oldest first.
    slices: VecDeque<Arc<PackedSlice>>,
    slices_bytes: usize,
    /// Sealed dictionaries that some slice refers to, oldest first, with their numbers.
    sealed: VecDeque<(u64, Arc<Dictionary>)>,
    sealed_bytes: usize,
    threads: Threads,
    heavy_tasks: HeavyTasks,
    /// Counters of work, without their units. Those who count have a bound.
    work: Vec<Work>,
    /// The sequence number of the slice that closes next.
    next_sequence: u64,
    /// The ends of slices evicted for want of memory while the span still wanted them, oldest first.
    evicted_ends: VecDeque<(u64, u64)>,
    evicted_slices: u64,
    evicted: Weight,
    folded_stacks: u64,
}

/// The share of the bytes that is left free for the growth of small lists.
const SLACK_SHARE: usize = 256;
/// What a thread's accounts usually take at most when packed.
const USUAL_PACKED_THREAD: usize = 64;
/// One evicted slice is remembered for so many bytes of the bound: more slices than that never were in it.
const EVICTED_ENDS_SHARE: usize = 512;
/// And so many at most: 1 MiB, hours of slices.
const MOST_EVICTED_ENDS: usize = 1 << 16;

impl Recorder {
    /// An empty recorder.
    pub fn new(settings: Settings) -> Self {
        let bound = settings.bound();
        // Tasks told apart are counted in memory as well: no more than a small part of it.
        let top_tasks = settings.top_tasks.min(bound / 16 / 1024);
        Self {
            settings,
            open: OpenSlice::new(bound / OPEN_FIXED_SHARE),
            dictionary: 1,
            dictionary_slices: 0,
            slices: VecDeque::new(),
            slices_bytes: 0,
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            threads: Threads::new(bound / THREADS_SHARE),
            heavy_tasks: HeavyTasks::new(top_tasks),
            work: Vec::new(),
            next_sequence: 1,
            evicted_ends: VecDeque::with_capacity(
                (bound / EVICTED_ENDS_SHARE).min(MOST_EVICTED_ENDS),
            ),
            evicted_slices: 0,
            evicted: Weight::default(),
            folded_stacks: 0,
        }
    }

    /// Adds one record to the open slice.
    pub fn observe(&mut self, observation: &Observation<'_>) -> Seen {
        let hash = row_hash(observation);
        let row = match self.open.add_to_recent(hash, observation) {
            Some(row) => row,
            None => self.observe_slowly(hash, observation),
        };
        Seen {
            sequence: self.next_sequence,
            row,
            task: observation.task,
        }
    }

    /// Adds a look that found all as it was. False when the slice has closed since: then it must be observed in full.
    pub fn look_again(&mut self, seen: &Seen, wall_ns: u64) -> bool {
        let still_open = seen.sequence == self.next_sequence;
        if still_open {
            let look = Weight {
                count: 1,
                cpu_ns: 0,
                wall_ns,
            };
            self.open.add_weight(seen.row, seen.task, look);
        }
        still_open
    }

    #[cold]
    fn observe_slowly(&mut self, hash: u64, observation: &Observation<'_>) -> RowNumber {
        self.make_room(self.threads.growth());
        let observation = Observation {
            thread: self.threads.counted_as(observation.thread),
            ..*observation
        };
        let known = self.open.recent_sample(hash, &observation);
        let growth = match known {
            Some(_) => self.open.row_growth(),
            None => self.open.growth(observation.callchain.len()),
        };
        if growth > 0 && self.open.bytes() + growth > self.open_bound() {
            self.make_room(self.open.growth(0));
            self.open.add_folded(&observation)
        } else {
            self.make_room(growth);
            let sample = known.unwrap_or_else(|| self.open.intern_sample(&observation));
            self.open.add(hash, sample, &observation)
        }
    }

    /// What the open slice may hold: the rest is for its packed form, the threads, and what came before.
    fn open_bound(&self) -> usize {
        self.settings.bound() / 8 * 3
    }

    /// Takes down what is known of a thread now. Call it for each known thread before a slice closes.
    pub fn describe_thread(&mut self, key: ThreadKey, facts: &ThreadFacts<'_>) {
        self.make_room(self.threads.growth());
        self.threads.describe(key, facts);
    }

    /// Closes the open slice with its exact clocks, and returns its sequence number.
    pub fn close_slice(&mut self, clocks: &SliceClocks) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.make_room(self.open.closing_bytes() + clocks.threads.len() * 2 * USUAL_PACKED_THREAD);
        self.split_off_heavy_tasks();

        let mut packer = Packer::new(self.settings.interval_ns);
        let threads = &mut self.threads;
        self.open.take_rows(|row| {
            packer.row(row.thread, row.sample, row.weight);
            threads.mark(row.thread, sequence);
        });
        packer.end_rows();
        self.pack_accounts(&mut packer, clocks, sequence);
        let folded = std::mem::take(&mut self.open.folded);
        self.folded_stacks += folded;
        let mut slice = packer.finish(sequence, self.dictionary, clocks, folded);
        slice.work = self.number_work(&clocks.work);

        self.make_room(slice.bytes() + self.slices_growth());
        self.slices_bytes += slice.bytes();
        if self.slices.len() == self.slices.capacity() {
            self.slices.reserve_exact((self.slices.len() / 4).max(16));
        }
        self.slices.push_back(Arc::new(slice));
        self.seal_dictionary_if_large();
        self.evict_beyond_span();
        let oldest = self
            .slices
            .front()
            .map_or(self.next_sequence, |slice| slice.sequence);
        self.threads.forget_gone(oldest);
        sequence
    }

    /// Gives the heaviest tasks rows of their own, taken from the rows without task.
    fn split_off_heavy_tasks(&mut self) {
        let pairs = self.open.tasks.take();
        let mut by_task: Vec<(u64, u64)> = pairs
            .iter()
            .map(|pair| (pair.task, pair.weight.count))
            .collect();
        by_task.sort_unstable();
        for same in by_task.chunk_by(|a, b| a.0 == b.0) {
            let expiries = same.iter().map(|(_, expiries)| expiries).sum();
            self.heavy_tasks.add(same[0].0, expiries);
        }
        let kept = self.heavy_tasks.close_slice();
        for pair in pairs
            .iter()
            .filter(|pair| kept.binary_search(&pair.task).is_ok())
        {
            let Some(row) = self.open.row(pair.row) else {
                continue;
            };
            let growth = self.open.growth(0);
            if growth > 0 && self.open.bytes() + growth > self.open_bound() {
                // What is left stays in the rows without task.
                break;
            }
            self.make_room(growth);
            let mut key = self.open.dictionary.dictionary().sample(row.sample);
            key.marks.task = pair.task;
            let sample = self.open.dictionary.intern_sample(key);
            let own = self.open.row_number(row.thread, sample);
            self.open.move_weight(pair.row, own, pair.weight);
        }
    }

    /// Packs the accounts that say something, those of threads beyond the bound added up.
    fn pack_accounts(&mut self, packer: &mut Packer, clocks: &SliceClocks, sequence: u64) {
        let mut others = Accounts::default();
        for (thread, accounts) in &clocks.threads {
            if *accounts == Accounts::default() {
                continue;
            }
            self.make_room(self.threads.growth());
            if self.threads.counted_as(*thread) == OTHER_THREADS {
                others.add(accounts);
            } else {
                self.threads.mark(*thread, sequence);
                packer.thread(*thread, accounts);
            }
        }
        if others != Accounts::default() {
            packer.thread(OTHER_THREADS, &others);
        }
    }

    /// A slice's work by the numbers of its counters; those that are new get one.
    fn number_work(&mut self, work: &[Work]) -> Box<[SliceWork]> {
        let parts = work.iter().map(|part| {
            let known = (self.work.iter())
                .position(|known| known.name == part.name && known.source == part.source);
            let number = known.unwrap_or_else(|| {
                self.work.push(Work {
                    units: 0,
                    ..part.clone()
                });
                self.work.len() - 1
            });
            SliceWork {
                work: number as u32,
                units: part.units,
            }
        });
        parts.filter(|part| part.units > 0).collect()
    }

    fn seal_dictionary_if_large(&mut self) {
        self.dictionary_slices += 1;
        let large = self.open.dictionary.bytes() > self.settings.bound() / SEAL_SHARE;
        if !large && self.dictionary_slices < SEAL_SLICES {
            return;
        }
        let sealed = Arc::new(self.open.replace_dictionary().seal());
        self.sealed_bytes += sealed_bytes(&sealed);
        self.sealed.push_back((self.dictionary, sealed));
        self.dictionary += 1;
        self.dictionary_slices = 0;
        self.make_room(0);
    }

    fn evict_beyond_span(&mut self) {
        let Some(end) = self.slices.back().map(|slice| slice.end_unix_ns()) else {
            return;
        };
        let begin = end.saturating_sub(self.settings.span_ns);
        while self.slices.len() > 1 && self.slices[0].end_unix_ns() <= begin {
            self.evict_oldest();
        }
        while self
            .evicted_ends
            .front()
            .is_some_and(|&(_, ended)| ended <= begin)
        {
            self.evicted_ends.pop_front();
        }
    }

    /// Evicts the oldest slices until so many bytes more are within the bound, or no closed slice is left.
    fn make_room(&mut self, bytes: usize) {
        // The task pairs grow without asking: what they may still take counts as taken.
        let slack = self.settings.bound() / SLACK_SHARE;
        let ahead = bytes + self.open.tasks.headroom() + slack;
        while self.bytes() + ahead > self.settings.bound() {
            let Some(oldest) = self.slices.front() else {
                return;
            };
            let ended = (oldest.sequence, oldest.end_unix_ns());
            if self.evicted_ends.len() == self.evicted_ends.capacity() {
                self.evicted_ends.pop_front();
            }
            self.evicted_ends.push_back(ended);
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) {
        let Some(slice) = self.slices.pop_front() else {
            return;
        };
        self.slices_bytes -= slice.bytes();
        self.evicted_slices += 1;
        self.evicted.add(slice.total);
        let oldest_used = self
            .slices
            .front()
            .map_or(self.dictionary, |slice| slice.dictionary);
        while self
            .sealed
            .front()
            .is_some_and(|(number, _)| *number < oldest_used)
        {
            if let Some((_, dictionary)) = self.sealed.pop_front() {
                self.sealed_bytes -= sealed_bytes(&dictionary);
            }
        }
    }

    fn slices_growth(&self) -> usize {
        if self.slices.len() == self.slices.capacity() {
            (self.slices.len() / 4).max(16) * size_of::<Arc<PackedSlice>>()
        } else {
            0
        }
    }

    /// Bytes held now. An answer that is being built outside may hold evicted slices a little longer.
    pub fn bytes(&self) -> usize {
        self.open.bytes()
            + self.threads.bytes()
            + self.heavy_tasks.bytes()
            + self.slices_bytes
            + self.slices.capacity() * size_of::<Arc<PackedSlice>>()
            + self.sealed_bytes
            + self.sealed.capacity() * size_of::<(u64, Arc<Dictionary>)>()
            + self.evicted_ends.capacity() * size_of::<(u64, u64)>()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The sequence number of the newest closed slice; 0 before the first.
    pub fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    /// Closed slices that are kept.
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// Slices evicted since the start, whether by age or for want of memory.
    pub fn evicted_slices(&self) -> u64 {
        self.evicted_slices
    }

    /// What the evicted slices' samples stood for.
    pub fn evicted(&self) -> Weight {
        self.evicted
    }

    /// Distinct callchains folded into "other" since the start.
    pub fn folded_stacks(&self) -> u64 {
        self.folded_stacks + self.open.folded
    }

    /// What an answer is built from. Takes microseconds: it shares the closed slices and copies the open dictionary
    /// where the answer needs it, so that a lock around the recorder is held for no longer.
    pub fn snapshot(&self, query: Query) -> Snapshot {
        let newest_end = self.slices.back().map_or(0, |slice| slice.end_unix_ns());
        let begin = newest_end.saturating_sub(query.last_ns);
        let wanted = |sequence: u64, end_unix_ns: u64| {
            sequence > query.since_sequence && end_unix_ns > begin
        };
        let first = self
            .slices
            .partition_point(|slice| !wanted(slice.sequence, slice.end_unix_ns()));
        let slices: Vec<_> = self.slices.range(first..).cloned().collect();
        let oldest_used = slices.first().map_or(u64::MAX, |slice| slice.dictionary);
        let mut dictionaries: Vec<_> = self
            .sealed
            .iter()
            .filter(|(number, _)| *number >= oldest_used)
            .cloned()
            .collect();
        if slices
            .last()
            .is_some_and(|slice| slice.dictionary == self.dictionary)
        {
            let open = Arc::new(self.open.dictionary.dictionary().clone());
            dictionaries.push((self.dictionary, open));
        }
        let evicted_slices = if query.since_sequence > 0 && query.last_ns == u64::MAX {
            // A client that fetches one after the other wants to know of every gap, whatever its reason.
            let oldest = self.slices.front();
            let oldest = oldest.map_or(self.next_sequence, |slice| slice.sequence);
            (oldest - 1).saturating_sub(query.since_sequence)
        } else {
            let ends = self.evicted_ends.iter();
            ends.filter(|(sequence, ended)| wanted(*sequence, *ended))
                .count() as u64
        };
        Snapshot {
            slices,
            dictionaries,
            threads: self.threads.all().to_vec(),
            work: self.work.clone(),
            evicted_slices,
            interval_ns: self.settings.interval_ns,
            top_tasks: self.settings.top_tasks,
        }
    }

    /// The answer to a query, where nobody waits for the recorder meanwhile.
    pub fn profile(&self, query: Query) -> Profile {
        self.snapshot(query).profile()
    }
}

fn sealed_bytes(dictionary: &Dictionary) -> usize {
    dictionary.bytes() + size_of::<Dictionary>() + 2 * size_of::<usize>()
}
