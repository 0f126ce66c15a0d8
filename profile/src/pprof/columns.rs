//! Columns beside pprof's tables, and slices as columns: a row of a slice takes three bytes instead of twelve.

use super::DecodeError;
use super::limits::Budget;
use crate::thread::Accounts;
use crate::{
    Counts, Module, ModuleKind, Reason, Sample, Slice, SliceRow, SliceWork, State, ThreadSlice,
};
use prost::Message;

/// A column, or nothing when all of it is zero.
pub(super) fn column<T, C: Default + PartialEq>(rows: &[T], value: impl Fn(&T) -> C) -> Vec<C> {
    let zero = C::default();
    if rows.iter().all(|row| value(row) == zero) {
        return Vec::new();
    }
    rows.iter().map(value).collect()
}

/// Puts a column's values into rows; a column that was left out leaves them as they are.
pub(super) fn fill<T, C: Copy>(
    rows: &mut [T],
    column: &[C],
    mut put: impl FnMut(&mut T, C),
) -> Result<(), DecodeError> {
    if column.is_empty() {
        return Ok(());
    }
    if column.len() != rows.len() {
        return Err(DecodeError::Malformed("a column's length"));
    }
    for (row, value) in rows.iter_mut().zip(column) {
        put(row, *value);
    }
    Ok(())
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModuleColumns {
    #[prost(uint32, repeated, tag = "1")]
    kinds: Vec<u32>,
    #[prost(uint64, repeated, tag = "2")]
    load_biases: Vec<u64>,
}

impl ModuleColumns {
    pub(super) fn of(modules: &[Module]) -> Self {
        Self {
            kinds: column(modules, |module| match module.kind {
                ModuleKind::File => 0,
                ModuleKind::Vdso => 1,
            }),
            load_biases: column(modules, |module| module.load_bias),
        }
    }

    pub(super) fn fill(&self, modules: &mut [Module]) -> Result<(), DecodeError> {
        fill(modules, &self.kinds, |module, kind| {
            module.kind = match kind {
                1 => ModuleKind::Vdso,
                _ => ModuleKind::File,
            }
        })?;
        fill(modules, &self.load_biases, |module, bias| {
            module.load_bias = bias;
        })
    }
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SampleColumns {
    #[prost(uint32, repeated, tag = "1")]
    threads: Vec<u32>,
    #[prost(uint32, repeated, tag = "2")]
    states: Vec<u32>,
    #[prost(uint64, repeated, tag = "3")]
    tasks: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    kinds: Vec<u64>,
    #[prost(uint64, repeated, tag = "5")]
    contexts: Vec<u64>,
    #[prost(uint32, repeated, tag = "6")]
    truncations: Vec<u32>,
    /// The counts of samples off the processor. They are not among pprof's values: readers take those for timer expiries.
    #[prost(uint64, repeated, tag = "7")]
    looks: Vec<u64>,
    #[prost(uint64, repeated, tag = "8")]
    wall_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "9")]
    locks: Vec<u64>,
    #[prost(uint64, repeated, tag = "10")]
    holds: Vec<u64>,
}

impl SampleColumns {
    pub(super) fn of(samples: &[Sample]) -> Self {
        Self {
            threads: column(samples, |sample| sample.thread),
            states: column(samples, |sample| sample.state.index() as u32),
            tasks: column(samples, |sample| sample.task),
            kinds: column(samples, |sample| sample.kind),
            contexts: column(samples, |sample| sample.context),
            truncations: column(samples, |sample| u32::from(sample.truncation)),
            looks: column(samples, |sample| looks(sample.state, sample.count)),
            wall_ns: column(samples, |sample| sample.wall_ns),
            locks: column(samples, |sample| sample.lock),
            holds: column(samples, |sample| sample.holds),
        }
    }

    pub(super) fn fill(&self, samples: &mut [Sample]) -> Result<(), DecodeError> {
        fill(samples, &self.threads, |sample, thread| {
            sample.thread = thread;
        })?;
        fill(samples, &self.states, |sample, state| {
            // A state that a later minor version knows can only be a kind of waiting: both of running are known.
            sample.state = State::from_index(state as usize).unwrap_or(State::OtherWait);
        })?;
        fill(samples, &self.tasks, |sample, task| sample.task = task)?;
        fill(samples, &self.kinds, |sample, kind| sample.kind = kind)?;
        fill(samples, &self.contexts, |sample, context| {
            sample.context = context;
        })?;
        fill(samples, &self.locks, |sample, lock| sample.lock = lock)?;
        fill(samples, &self.holds, |sample, holds| sample.holds = holds)?;
        fill(samples, &self.truncations, |sample, truncation| {
            sample.truncation = u8::try_from(truncation).unwrap_or(u8::MAX);
        })?;
        fill(samples, &self.looks, |sample, looks| {
            sample.count = sample.count.saturating_add(looks);
        })?;
        fill(samples, &self.wall_ns, |sample, ns| sample.wall_ns = ns)
    }
}

/// What of a row's count are looks by the wall clock, and no timer expiries.
fn looks(state: State, count: u64) -> u64 {
    if state.is_on_cpu() { 0 } else { count }
}

/// Where a column's value goes.
type Place = fn(&mut Accounts) -> &mut u64;

#[derive(Clone, PartialEq, Message)]
pub(super) struct SliceMessage {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(uint64, tag = "2")]
    start_unix_ns: u64,
    #[prost(uint64, tag = "3")]
    duration_ns: u64,
    #[prost(uint64, tag = "4")]
    process_cpu_ns: u64,
    #[prost(uint64, tag = "5")]
    unseen_cpu_ns: u64,
    #[prost(uint32, repeated, tag = "6")]
    row_samples: Vec<u32>,
    #[prost(uint64, repeated, tag = "7")]
    row_counts: Vec<u64>,
    /// `cpu_ns - count * interval_ns`: zero for nearly all rows.
    #[prost(sint64, repeated, tag = "8")]
    row_cpu_rests: Vec<i64>,
    #[prost(uint32, repeated, tag = "9")]
    threads: Vec<u32>,
    #[prost(uint64, repeated, tag = "10")]
    cpu_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    sampled_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "12")]
    kernel_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "13")]
    fired: Vec<u64>,
    #[prost(uint64, repeated, tag = "14")]
    recorded: Vec<u64>,
    #[prost(uint64, repeated, tag = "15")]
    overrun: Vec<u64>,
    #[prost(uint64, repeated, tag = "16")]
    handler_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "17")]
    switches: Vec<u64>,
    /// Threads times reasons; how many reasons follows from the length.
    #[prost(uint64, repeated, tag = "18")]
    lost: Vec<u64>,
    #[prost(uint64, repeated, tag = "19")]
    truncated: Vec<u64>,
    /// The counts of rows off the processor, which `row_counts` has as 0.
    #[prost(uint64, repeated, tag = "20")]
    row_looks: Vec<u64>,
    #[prost(uint64, repeated, tag = "21")]
    row_wall_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "22")]
    wall_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "23")]
    runnable_ns: Vec<u64>,
    #[prost(uint64, repeated, tag = "24")]
    looks: Vec<u64>,
    #[prost(uint64, repeated, tag = "25")]
    captured: Vec<u64>,
    #[prost(uint64, repeated, tag = "26")]
    kept: Vec<u64>,
    #[prost(uint64, repeated, tag = "27")]
    capture_failed: Vec<u64>,
    #[prost(uint64, repeated, tag = "28")]
    guessed: Vec<u64>,
    #[prost(uint32, repeated, tag = "29")]
    work: Vec<u32>,
    #[prost(uint64, repeated, tag = "30")]
    work_units: Vec<u64>,
}

/// The counts of all threads, one after the other, each as wide as the widest needs.
fn counts_table<'a, R: Reason + 'a>(
    counts: impl Iterator<Item = &'a Counts<R>> + Clone,
) -> Vec<u64> {
    let width = counts
        .clone()
        .map(|one| one.as_slice().len())
        .max()
        .unwrap_or(0);
    let mut table = Vec::new();
    if width > 0 {
        for one in counts {
            let used = one.as_slice();
            table.extend_from_slice(used);
            table.resize(table.len() + width - used.len(), 0);
        }
    }
    table
}

fn fill_counts<R: Reason>(
    threads: &mut [ThreadSlice],
    table: &[u64],
    mut put: impl FnMut(&mut Accounts, Counts<R>),
) -> Result<(), DecodeError> {
    if table.is_empty() {
        return Ok(());
    }
    if threads.is_empty() || !table.len().is_multiple_of(threads.len()) {
        return Err(DecodeError::Malformed("a column's length"));
    }
    let width = table.len() / threads.len();
    for (thread, counts) in threads.iter_mut().zip(table.chunks_exact(width)) {
        put(&mut thread.accounts, Counts::from_slice(counts));
    }
    Ok(())
}

impl SliceMessage {
    pub(super) fn of(slice: &Slice, samples: &[Sample], interval_ns: u64) -> Self {
        let threads = &slice.threads;
        let row_looks = |row: &SliceRow| match samples.get(row.sample as usize) {
            Some(sample) => looks(sample.state, row.count),
            None => 0,
        };
        let expiries = |row: &SliceRow| row.count - row_looks(row);
        let account = |value: fn(&Accounts) -> u64| {
            column(threads, |thread: &ThreadSlice| value(&thread.accounts))
        };
        Self {
            sequence: slice.sequence,
            start_unix_ns: slice.start_unix_ns,
            duration_ns: slice.duration_ns,
            process_cpu_ns: slice.process_cpu_ns,
            unseen_cpu_ns: slice.unseen_cpu_ns,
            row_samples: slice.rows.iter().map(|row| row.sample).collect(),
            row_counts: column(&slice.rows, expiries),
            row_cpu_rests: column(&slice.rows, |row| {
                row.cpu_ns
                    .wrapping_sub(expiries(row).wrapping_mul(interval_ns))
                    .cast_signed()
            }),
            row_looks: column(&slice.rows, row_looks),
            row_wall_ns: column(&slice.rows, |row| row.wall_ns),
            threads: threads.iter().map(|thread| thread.thread).collect(),
            cpu_ns: account(|accounts| accounts.cpu_ns),
            sampled_ns: account(|accounts| accounts.sampled_ns),
            kernel_ns: account(|accounts| accounts.kernel_ns),
            fired: account(|accounts| accounts.fired),
            recorded: account(|accounts| accounts.recorded),
            overrun: account(|accounts| accounts.overrun),
            guessed: account(|accounts| accounts.guessed),
            handler_ns: account(|accounts| accounts.handler_ns),
            switches: account(|accounts| accounts.switches),
            lost: counts_table(threads.iter().map(|thread| &thread.accounts.lost)),
            truncated: counts_table(threads.iter().map(|thread| &thread.accounts.truncated)),
            wall_ns: account(|accounts| accounts.wall_ns),
            runnable_ns: account(|accounts| accounts.runnable_ns),
            looks: account(|accounts| accounts.looks),
            captured: account(|accounts| accounts.captured),
            kept: account(|accounts| accounts.kept),
            capture_failed: counts_table(
                threads.iter().map(|thread| &thread.accounts.capture_failed),
            ),
            work: slice.work.iter().map(|part| part.work).collect(),
            work_units: column(&slice.work, |part| part.units),
        }
    }

    pub(super) fn into_slice(
        self,
        interval_ns: u64,
        budget: &mut Budget,
    ) -> Result<Slice, DecodeError> {
        budget.take_many::<Slice>(1)?;
        budget.take_many::<SliceRow>(self.row_samples.len())?;
        budget.take_many::<ThreadSlice>(self.threads.len())?;
        let mut rows: Vec<SliceRow> = self
            .row_samples
            .iter()
            .map(|&sample| SliceRow {
                sample,
                ..SliceRow::default()
            })
            .collect();
        fill(&mut rows, &self.row_counts, |row, count| row.count = count)?;
        for row in &mut rows {
            row.cpu_ns = row.count.wrapping_mul(interval_ns);
        }
        fill(&mut rows, &self.row_cpu_rests, |row, rest| {
            row.cpu_ns = row.cpu_ns.wrapping_add(rest.cast_unsigned());
        })?;
        fill(&mut rows, &self.row_looks, |row, looks| {
            row.count = row.count.saturating_add(looks);
        })?;
        fill(&mut rows, &self.row_wall_ns, |row, ns| row.wall_ns = ns)?;

        let mut threads: Vec<ThreadSlice> = self
            .threads
            .iter()
            .map(|&thread| ThreadSlice {
                thread,
                ..ThreadSlice::default()
            })
            .collect();
        let columns: [(&[u64], Place); 14] = [
            (&self.cpu_ns, |accounts| &mut accounts.cpu_ns),
            (&self.sampled_ns, |accounts| &mut accounts.sampled_ns),
            (&self.kernel_ns, |accounts| &mut accounts.kernel_ns),
            (&self.fired, |accounts| &mut accounts.fired),
            (&self.recorded, |accounts| &mut accounts.recorded),
            (&self.overrun, |accounts| &mut accounts.overrun),
            (&self.guessed, |accounts| &mut accounts.guessed),
            (&self.handler_ns, |accounts| &mut accounts.handler_ns),
            (&self.switches, |accounts| &mut accounts.switches),
            (&self.wall_ns, |accounts| &mut accounts.wall_ns),
            (&self.runnable_ns, |accounts| &mut accounts.runnable_ns),
            (&self.looks, |accounts| &mut accounts.looks),
            (&self.captured, |accounts| &mut accounts.captured),
            (&self.kept, |accounts| &mut accounts.kept),
        ];
        for (column, place) in columns {
            fill(&mut threads, column, |thread, value| {
                *place(&mut thread.accounts) = value;
            })?;
        }
        fill_counts(&mut threads, &self.lost, |accounts, lost| {
            accounts.lost = lost;
        })?;
        fill_counts(&mut threads, &self.truncated, |accounts, truncated| {
            accounts.truncated = truncated;
        })?;
        fill_counts(&mut threads, &self.capture_failed, |accounts, failed| {
            accounts.capture_failed = failed;
        })?;
        budget.take_many::<SliceWork>(self.work.len())?;
        let parts = self.work.iter();
        let mut work: Vec<SliceWork> = parts.map(|&work| SliceWork { work, units: 0 }).collect();
        fill(&mut work, &self.work_units, |part, units| {
            part.units = units;
        })?;
        Ok(Slice {
            work,
            sequence: self.sequence,
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.duration_ns,
            process_cpu_ns: self.process_cpu_ns,
            unseen_cpu_ns: self.unseen_cpu_ns,
            rows,
            threads,
        })
    }
}
