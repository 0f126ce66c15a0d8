//! A closed slice: its clocks, and its rows and accounts packed into a few bytes each.
//!
//! Rows lie by thread, ascending, and within a thread by sample number. For each thread: its key less the one before, the number of its
//! rows; for each row: its sample number less the one before, twice the count plus one bit, and the CPU time where the bit says so.

use super::observation::{SliceClocks, ThreadKey, Weight};
use super::varint::{Reader, put};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Counts, Reason};

/// A closed slice. Its rows name sample numbers of one dictionary.
#[derive(Debug)]
pub(super) struct PackedSlice {
    pub sequence: u64,
    /// The number of the dictionary that the rows refer to.
    pub dictionary: u64,
    pub start_unix_ns: u64,
    pub duration_ns: u64,
    pub process_cpu_ns: u64,
    pub unseen_cpu_ns: u64,
    /// Distinct callchains that count as "other" here.
    pub folded: u64,
    /// The sum over the rows.
    pub total: Weight,
    interval_ns: u64,
    rows: u32,
    /// How many threads have rows.
    row_threads: u32,
    threads: u32,
    packed: Box<[u8]>,
}

/// A slice being packed: first its rows by ascending sample number, then its threads.
#[derive(Debug)]
pub(super) struct Packer {
    interval_ns: u64,
    packed: Vec<u8>,
    total: Weight,
    rows: u32,
    /// The rows of one thread, until it is known how many there are.
    of_thread: Vec<u8>,
    rows_of_thread: u32,
    row_thread: ThreadKey,
    last_thread: ThreadKey,
    last_sample: u32,
    row_threads: u32,
    threads: u32,
}

impl Packer {
    /// Nothing packed yet. Weights of whole intervals will take fewest bytes.
    pub fn new(interval_ns: u64) -> Self {
        Self {
            interval_ns,
            packed: Vec::new(),
            total: Weight::default(),
            rows: 0,
            of_thread: Vec::new(),
            rows_of_thread: 0,
            row_thread: 0,
            last_thread: 0,
            last_sample: 0,
            row_threads: 0,
            threads: 0,
        }
    }

    /// Packs a row.
    pub fn row(&mut self, thread: ThreadKey, sample: u32, weight: Weight) {
        if self.rows_of_thread > 0 && thread != self.row_thread {
            self.end_thread();
        }
        self.row_thread = thread;
        self.rows_of_thread += 1;
        put(&mut self.of_thread, u64::from(sample - self.last_sample));
        self.last_sample = sample;
        // The usual row stands for whole intervals: one bit says so, and its CPU time takes no bytes.
        let whole = weight.cpu_ns == weight.count.wrapping_mul(self.interval_ns);
        put(&mut self.of_thread, weight.count << 1 | u64::from(!whole));
        if !whole {
            put(&mut self.of_thread, weight.cpu_ns);
        }
        self.total.add(weight);
        self.rows += 1;
    }

    fn end_thread(&mut self) {
        put(
            &mut self.packed,
            u64::from(self.row_thread - self.last_thread),
        );
        put(&mut self.packed, u64::from(self.rows_of_thread));
        self.packed.append(&mut self.of_thread);
        self.last_thread = self.row_thread;
        self.rows_of_thread = 0;
        self.last_sample = 0;
        self.row_threads += 1;
    }

    /// Every row is packed: accounts come next.
    pub fn end_rows(&mut self) {
        if self.rows_of_thread > 0 {
            self.end_thread();
        }
        self.of_thread = Vec::new();
    }

    /// Packs a thread's accounts, after [`Packer::end_rows`].
    pub fn thread(&mut self, thread: ThreadKey, accounts: &Accounts) {
        put(&mut self.packed, u64::from(thread));
        for field in fields(accounts) {
            put(&mut self.packed, field);
        }
        put_counts(&mut self.packed, &accounts.lost);
        put_counts(&mut self.packed, &accounts.truncated);
        self.threads += 1;
    }

    /// The slice, complete.
    pub fn finish(
        self,
        sequence: u64,
        dictionary: u64,
        clocks: &SliceClocks,
        folded: u64,
    ) -> PackedSlice {
        PackedSlice {
            sequence,
            dictionary,
            start_unix_ns: clocks.start_unix_ns,
            duration_ns: clocks.duration_ns,
            process_cpu_ns: clocks.process_cpu_ns,
            unseen_cpu_ns: clocks.unseen_cpu_ns,
            folded,
            total: self.total,
            interval_ns: self.interval_ns,
            rows: self.rows,
            row_threads: self.row_threads,
            threads: self.threads,
            packed: self.packed.into_boxed_slice(),
        }
    }
}

/// The fields of [`Accounts`] that are single numbers, in the order in which they are packed.
const FIELDS: usize = 8;

fn fields(accounts: &Accounts) -> [u64; FIELDS] {
    [
        accounts.cpu_ns,
        accounts.sampled_ns,
        accounts.kernel_ns,
        accounts.fired,
        accounts.recorded,
        accounts.overrun,
        accounts.handler_ns,
        accounts.switches,
    ]
}

impl PackedSlice {
    /// When it ended.
    pub fn end_unix_ns(&self) -> u64 {
        self.start_unix_ns + self.duration_ns
    }

    /// Calls `row` for each row, then `thread` for each thread's accounts.
    pub fn unpack(
        &self,
        mut row: impl FnMut(ThreadKey, u32, Weight),
        mut thread: impl FnMut(ThreadKey, Accounts),
    ) {
        let mut reader = Reader::new(&self.packed);
        let mut key = 0;
        for _ in 0..self.row_threads {
            key += reader.take() as ThreadKey;
            let mut sample = 0;
            for _ in 0..reader.take() {
                sample += reader.take() as u32;
                let count_and_bit = reader.take();
                let count = count_and_bit >> 1;
                let cpu_ns = if count_and_bit & 1 == 0 {
                    count.wrapping_mul(self.interval_ns)
                } else {
                    reader.take()
                };
                row(key, sample, Weight { count, cpu_ns });
            }
        }
        for _ in 0..self.threads {
            let key = reader.take() as ThreadKey;
            let [
                cpu_ns,
                sampled_ns,
                kernel_ns,
                fired,
                recorded,
                overrun,
                handler_ns,
                switches,
            ] = std::array::from_fn(|_| reader.take());
            let accounts = Accounts {
                cpu_ns,
                sampled_ns,
                kernel_ns,
                fired,
                recorded,
                overrun,
                lost: take_counts(&mut reader),
                truncated: take_counts(&mut reader),
                handler_ns,
                switches,
                ..Accounts::default()
            };
            thread(key, accounts);
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Bytes held, the reference counts of its `Arc` included.
    pub fn bytes(&self) -> usize {
        self.packed.len() + size_of::<Self>() + 2 * size_of::<usize>()
    }
}

fn put_counts<R: Reason>(packed: &mut Vec<u8>, counts: &Counts<R>) {
    put(packed, counts.iter().count() as u64);
    for (reason, count) in counts.iter() {
        put(packed, reason.index() as u64);
        put(packed, count);
    }
}

fn take_counts<R: Reason>(reader: &mut Reader<'_>) -> Counts<R> {
    let mut counts = Counts::ZERO;
    for _ in 0..reader.take() {
        let index = reader.take() as usize;
        let count = reader.take();
        if let Some(reason) = R::from_index(index) {
            counts.add(reason, count);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::{Loss, Truncation};

    const INTERVAL_NS: u64 = 10_101_010;

    fn check(rows: &[(ThreadKey, u32, Weight)], accounts: &[(ThreadKey, Accounts)]) -> usize {
        let mut packer = Packer::new(INTERVAL_NS);
        for &(thread, sample, weight) in rows {
            packer.row(thread, sample, weight);
        }
        packer.end_rows();
        for (thread, accounts) in accounts {
            packer.thread(*thread, accounts);
        }
        let slice = packer.finish(1, 1, &SliceClocks::default(), 0);
        let (mut seen_rows, mut seen_accounts) = (Vec::new(), Vec::new());
        slice.unpack(
            |thread, sample, weight| seen_rows.push((thread, sample, weight)),
            |key, accounts| seen_accounts.push((key, accounts)),
        );
        assert_eq!(seen_rows, rows);
        assert_eq!(seen_accounts, accounts);
        slice.packed.len()
    }

    fn whole(count: u64) -> Weight {
        Weight {
            count,
            cpu_ns: count * INTERVAL_NS,
        }
    }

    #[test]
    fn a_row_of_whole_intervals_takes_two_bytes() {
        let rows = [(3, 5, whole(1)), (3, 6, whole(9)), (3, 90, whole(60))];
        assert_eq!(check(&rows, &[]), 2 + 6);
    }

    #[test]
    fn rows_of_several_threads() {
        let rows = [
            (0, 7, whole(1)),
            (2, 0, whole(2)),
            (2, 7, whole(3)),
            (u32::MAX, 1, whole(4)),
        ];
        check(&rows, &[(2, Accounts::default())]);
        check(&[], &[]);
    }

    #[test]
    fn a_row_with_another_weight_comes_back_too() {
        let odd = |count, cpu_ns| Weight { count, cpu_ns };
        check(&[(0, 0, odd(1, 4_000_000)), (0, u32::MAX, odd(0, 1))], &[]);
    }

    #[test]
    fn every_field_of_the_accounts_comes_back() {
        let mut accounts = Accounts {
            cpu_ns: u64::MAX,
            sampled_ns: 2,
            kernel_ns: 3,
            fired: 4,
            recorded: 5,
            overrun: 6,
            handler_ns: 7,
            switches: 8,
            ..Accounts::default()
        };
        accounts.lost.add(Loss::NoStackRoom, 9);
        accounts.truncated.add(Truncation::Complete, 10);
        accounts.truncated.add(Truncation::TablesNotReady, u64::MAX);
        check(&[], &[(0, Accounts::default()), (u32::MAX, accounts)]);
    }
}
