//! A closed slice: its clocks, and its rows and accounts packed into a few bytes each.

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
    last_sample: u32,
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
            last_sample: 0,
            threads: 0,
        }
    }

    /// Packs a row.
    pub fn row(&mut self, sample: u32, weight: Weight) {
        put(&mut self.packed, u64::from(sample - self.last_sample));
        self.last_sample = sample;
        // The usual row stands for whole intervals: one bit says so, and its CPU time takes no bytes.
        let whole = weight.cpu_ns == weight.count.wrapping_mul(self.interval_ns);
        put(&mut self.packed, weight.count << 1 | u64::from(!whole));
        if !whole {
            put(&mut self.packed, weight.cpu_ns);
        }
        self.total.add(weight);
        self.rows += 1;
    }

    /// Packs a thread's accounts.
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
        mut row: impl FnMut(u32, Weight),
        mut thread: impl FnMut(ThreadKey, Accounts),
    ) {
        let mut reader = Reader::new(&self.packed);
        let mut sample = 0;
        for _ in 0..self.rows {
            sample += reader.take() as u32;
            let count_and_bit = reader.take();
            let count = count_and_bit >> 1;
            let cpu_ns = if count_and_bit & 1 == 0 {
                count.wrapping_mul(self.interval_ns)
            } else {
                reader.take()
            };
            row(sample, Weight { count, cpu_ns });
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

    fn check(rows: &[(u32, Weight)], accounts: &[(ThreadKey, Accounts)]) -> usize {
        let mut packer = Packer::new(INTERVAL_NS);
        rows.iter()
            .for_each(|&(sample, weight)| packer.row(sample, weight));
        accounts
            .iter()
            .for_each(|(thread, accounts)| packer.thread(*thread, accounts));
        let slice = packer.finish(1, 1, &SliceClocks::default(), 0);
        let (mut seen_rows, mut seen_accounts) = (Vec::new(), Vec::new());
        slice.unpack(
            |sample, weight| seen_rows.push((sample, weight)),
            |key, accounts| seen_accounts.push((key, accounts)),
        );
        assert_eq!(seen_rows, rows);
        assert_eq!(seen_accounts, accounts);
        slice.packed.len()
    }

    #[test]
    fn a_row_of_whole_intervals_takes_two_bytes() {
        let weight = |count| Weight {
            count,
            cpu_ns: count * INTERVAL_NS,
        };
        assert_eq!(
            check(&[(5, weight(1)), (6, weight(9)), (90, weight(60))], &[]),
            6
        );
    }

    #[test]
    fn a_row_with_another_weight_comes_back_too() {
        check(
            &[
                (
                    0,
                    Weight {
                        count: 1,
                        cpu_ns: 4_000_000,
                    },
                ),
                (
                    u32::MAX,
                    Weight {
                        count: 0,
                        cpu_ns: 1,
                    },
                ),
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
            ..Accounts::default()
        };
        accounts.lost.add(Loss::NoStackRoom, 9);
        accounts.truncated.add(Truncation::Complete, 10);
        accounts.truncated.add(Truncation::TablesNotReady, u64::MAX);
        check(&[], &[(0, Accounts::default()), (u32::MAX, accounts)]);
    }
}
