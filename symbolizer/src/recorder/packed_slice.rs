//! A closed slice: its clocks, and its rows and accounts packed into a few bytes each.
//!
//! Rows lie by thread, ascending, and within a thread by sample number. For each thread: its key less the one before, the number of its
//! rows; for each row: its sample number less the one before, four times the count plus how its weight is written, and the weight where that
//! says so. Threads that sleep are looked at together, so most of their rows weigh what the one before weighed.

use super::observation::{SliceClocks, ThreadKey, Weight};
use super::varint::{Reader, put};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{Counts, Reason, SliceWork};

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
    /// What got done, by the recorder's numbers of counters.
    pub work: Box<[SliceWork]>,
    interval_ns: u64,
    rows: u32,
    /// How many threads have rows.
    row_threads: u32,
    threads: u32,
    packed: Box<[u8]>,
}

/// How a row's weight is written: whole intervals of CPU time; CPU time; as the last of wall time; all that a weight has.
const INTERVALS: u64 = 0;
const CPU_TIME: u64 = 1;
const SAME_WALL: u64 = 2;
const ANY: u64 = 3;

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
    /// The last row of wall time that was written out, and the last accounts.
    last_wall: Weight,
    last_accounts: [u64; FIELDS],
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
            last_wall: Weight::default(),
            last_accounts: [0; FIELDS],
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
        // The usual row stands for whole intervals: its CPU time takes no bytes.
        if weight.wall_ns == 0 && weight.cpu_ns == weight.count.wrapping_mul(self.interval_ns) {
            put(&mut self.of_thread, weight.count << 2 | INTERVALS);
        } else if weight == self.last_wall {
            put(&mut self.of_thread, SAME_WALL);
        } else if weight.wall_ns == 0 {
            put(&mut self.of_thread, weight.count << 2 | CPU_TIME);
            put(&mut self.of_thread, weight.cpu_ns);
        } else {
            put(&mut self.of_thread, weight.count << 2 | ANY);
            put(&mut self.of_thread, weight.cpu_ns);
            put(&mut self.of_thread, weight.wall_ns);
            self.last_wall = weight;
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

    /// Packs a thread's accounts, after [`Packer::end_rows`]: only what differs from the accounts before.
    pub fn thread(&mut self, thread: ThreadKey, accounts: &Accounts) {
        put(&mut self.packed, u64::from(thread));
        let fields = fields(accounts);
        let differs = |place: &usize| fields[*place] != self.last_accounts[*place];
        let different = (0..FIELDS).filter(differs);
        let mut flags = different.fold(0, |flags, place| flags | 2 << place);
        let has_counts = !(accounts.lost.total() == 0
            && accounts.truncated.total() == 0
            && accounts.capture_failed.total() == 0);
        flags |= u64::from(has_counts);
        put(&mut self.packed, flags);
        for (place, field) in fields.into_iter().enumerate() {
            if flags & 2 << place != 0 {
                put(&mut self.packed, field);
            }
        }
        if has_counts {
            put_counts(&mut self.packed, &accounts.lost);
            put_counts(&mut self.packed, &accounts.truncated);
            put_counts(&mut self.packed, &accounts.capture_failed);
        }
        self.last_accounts = fields;
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
            work: Box::default(),
            interval_ns: self.interval_ns,
            rows: self.rows,
            row_threads: self.row_threads,
            threads: self.threads,
            packed: self.packed.into_boxed_slice(),
        }
    }
}

/// The fields of [`Accounts`] that are single numbers, in the order in which they are packed: those that differ most often first, as their
/// flags then take one byte.
const FIELDS: usize = 14;

fn fields(accounts: &Accounts) -> [u64; FIELDS] {
    [
        accounts.wall_ns,
        accounts.looks,
        accounts.kept,
        accounts.captured,
        accounts.cpu_ns,
        accounts.switches,
        accounts.runnable_ns,
        accounts.sampled_ns,
        accounts.fired,
        accounts.recorded,
        accounts.handler_ns,
        accounts.overrun,
        accounts.kernel_ns,
        accounts.guessed,
    ]
}

fn accounts_of(fields: &[u64; FIELDS]) -> Accounts {
    let &[
        wall_ns,
        looks,
        kept,
        captured,
        cpu_ns,
        switches,
        runnable_ns,
        sampled_ns,
        fired,
        recorded,
        handler_ns,
        overrun,
        kernel_ns,
        guessed,
    ] = fields;
    Accounts {
        wall_ns,
        looks,
        kept,
        captured,
        cpu_ns,
        switches,
        runnable_ns,
        sampled_ns,
        fired,
        recorded,
        handler_ns,
        overrun,
        kernel_ns,
        guessed,
        ..Accounts::default()
    }
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
        let (mut key, mut last_wall) = (0, Weight::default());
        for _ in 0..self.row_threads {
            key += reader.take() as ThreadKey;
            let mut sample = 0;
            for _ in 0..reader.take() {
                sample += reader.take() as u32;
                let head = reader.take();
                let count = head >> 2;
                let weight = match head & 3 {
                    INTERVALS => Weight {
                        count,
                        cpu_ns: count.wrapping_mul(self.interval_ns),
                        wall_ns: 0,
                    },
                    CPU_TIME => Weight {
                        count,
                        cpu_ns: reader.take(),
                        wall_ns: 0,
                    },
                    SAME_WALL => last_wall,
                    _ => {
                        last_wall = Weight {
                            count,
                            cpu_ns: reader.take(),
                            wall_ns: reader.take(),
                        };
                        last_wall
                    }
                };
                row(key, sample, weight);
            }
        }
        let mut fields = [0; FIELDS];
        for _ in 0..self.threads {
            let key = reader.take() as ThreadKey;
            let flags = reader.take();
            for (place, field) in fields.iter_mut().enumerate() {
                if flags & 2 << place != 0 {
                    *field = reader.take();
                }
            }
            let mut accounts = accounts_of(&fields);
            if flags & 1 != 0 {
                accounts.lost = take_counts(&mut reader);
                accounts.truncated = take_counts(&mut reader);
                accounts.capture_failed = take_counts(&mut reader);
            }
            thread(key, accounts);
        }
    }

    /// How many threads have accounts in it.
    pub fn accounts(&self) -> usize {
        self.threads as usize
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Bytes held, the reference counts of its `Arc` included.
    pub fn bytes(&self) -> usize {
        self.packed.len()
            + size_of::<Self>()
            + 2 * size_of::<usize>()
            + self.work.len() * size_of::<SliceWork>()
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
    use hotpoll_profile::{CaptureFailure, Loss, Truncation};

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
            wall_ns: 0,
        }
    }

    #[test]
    fn a_row_of_whole_intervals_takes_two_bytes() {
        let rows = [(3, 5, whole(1)), (3, 6, whole(9)), (3, 90, whole(31))];
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
        let odd = |count, cpu_ns| Weight {
            count,
            cpu_ns,
            wall_ns: 0,
        };
        check(&[(0, 0, odd(1, 4_000_000)), (0, u32::MAX, odd(0, 1))], &[]);
    }

    #[test]
    fn sleepers_take_four_bytes_for_their_rows_and_two_for_their_accounts() {
        let looked = Weight {
            count: 20,
            cpu_ns: 0,
            wall_ns: 1_003_000_000,
        };
        let accounts = Accounts {
            wall_ns: 1_000_000_000,
            looks: 20,
            kept: 20,
            ..Accounts::default()
        };
        let rows: Vec<_> = (1..100).map(|thread| (thread, 5, looked)).collect();
        let slept: Vec<_> = (1..100).map(|thread| (thread, accounts)).collect();
        let first = 2 + 2 * 5 + 5 + 3;
        assert!(check(&rows, &slept) <= 99 * (4 + 2) + first);
        // Rows of both sorts side by side.
        let last = Weight {
            count: 1,
            cpu_ns: 7,
            wall_ns: 9,
        };
        check(
            &[
                (1, 1, whole(3)),
                (1, 2, looked),
                (2, 1, last),
                (2, 2, looked),
                (3, 1, last),
            ],
            &[],
        );
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
            wall_ns: 9,
            runnable_ns: 10,
            looks: 11,
            captured: 12,
            kept: 13,
            guessed: 15,
            ..Accounts::default()
        };
        accounts.capture_failed.add(CaptureFailure::Gone, 14);
        accounts.lost.add(Loss::NoStackRoom, 9);
        accounts.truncated.add(Truncation::Complete, 10);
        accounts.truncated.add(Truncation::TablesNotReady, u64::MAX);
        check(&[], &[(0, Accounts::default()), (u32::MAX, accounts)]);
    }
}
