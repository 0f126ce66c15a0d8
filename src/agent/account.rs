//! What hotpoll's threads may take of a core together: one account of CPU time, in which each job that can be done less often has a share.
//!
//! In: what each such job has taken, and the CPU clocks of all our threads. Out: the share of a core that a job may have now. What
//! cannot wait (emptying rings, answering clients) has no share: it is taken off first. What is done once is left out: unwind tables of what was just loaded.

use std::time::Instant;

/// All threads together; a tenth of the promised 1 % is left for what nobody foresees.
const MOST_SHARE: f64 = 0.009;
/// What was taken is averaged over so long, or since the start.
const MEMORY_NS: f64 = 10e9;
/// After so long what was done at the start is forgotten.
const STEADY_NS: f64 = 3.0 * MEMORY_NS;
/// What one second counts as at most: the tables of a large module are compiled once, and are no reason to stop looking for minutes.
const MOST_AT_ONCE: f64 = 0.05;

/// What can be done less often, in the order in which it is served: the last yields first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// Looking for newcomers. What a thread does before it is found is unsampled.
    Look,
    /// Closing a slice.
    Slice,
    /// Looking at all threads: which have ended, which were overlooked.
    Scan,
    /// Looking at what each thread does by the wall clock.
    Wall,
}

impl Job {
    const ALL: [Self; 4] = [Self::Look, Self::Slice, Self::Scan, Self::Wall];

    /// What is left to it by those that come before it.
    const fn least_share(self) -> f64 {
        match self {
            Self::Look | Self::Scan => 0.0005,
            Self::Slice | Self::Wall => 0.001,
        }
    }

    /// More it does not get, so that much is left for the ones behind it and for what cannot wait.
    const fn most_share(self) -> f64 {
        match self {
            Self::Look => 0.002,
            Self::Slice => 0.0025,
            Self::Scan => 0.001,
            Self::Wall => 0.006,
        }
    }
}

/// The account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// What each job has taken of a core lately, and since it was last settled.
    jobs: [Spending; Job::ALL.len()],
    /// What all else has taken of a core lately.
    rest: f64,
    /// What was done once since it was last settled, and will not come again.
    once_ns: u64,
    /// When it was last settled, and all threads' CPU time then.
    settled: Option<(Instant, u64)>,
    /// How long it has been kept.
    age_ns: f64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Spending {
    share: f64,
    since_ns: u64,
}

impl Account {
    /// The job was done and took so much CPU time.
    pub fn spend(&mut self, job: Job, cpu_ns: u64) {
        self.jobs[job as usize].since_ns += cpu_ns;
    }

    /// Something took so much CPU time that is done once: unwind tables of what has just been loaded. It is no reason to look less often.
    pub fn once(&mut self, cpu_ns: u64) {
        self.once_ns += cpu_ns;
    }

    /// By now all our threads have used so much CPU time. To be called every second or so; the first time what was used before is let go.
    pub fn settle(&mut self, now: Instant, all_cpu_ns: u64) {
        let Some((then, before_ns)) = self.settled.replace((now, all_cpu_ns)) else {
            self.jobs = Default::default();
            self.once_ns = 0;
            return;
        };
        let time_ns = ((now - then).as_nanos() as f64).max(1.0);
        self.age_ns += time_ns;
        // Begun at nothing, with the same memory, it let the looks have too much for half a minute.
        let weight = (time_ns / self.age_ns.min(MEMORY_NS)).min(1.0);
        let newer = |old: &mut f64, cpu_ns: u64| {
            *old += ((cpu_ns as f64 / time_ns).min(MOST_AT_ONCE) - *old) * weight;
        };
        let paced_ns: u64 = self.jobs.iter().map(|job| job.since_ns).sum();
        for job in &mut self.jobs {
            newer(&mut job.share, std::mem::take(&mut job.since_ns));
        }
        // A thread that has ended takes its time out of the sum.
        let all_ns = all_cpu_ns.saturating_sub(before_ns);
        let apart_ns = paced_ns + std::mem::take(&mut self.once_ns);
        newer(&mut self.rest, all_ns.saturating_sub(apart_ns));
    }

    /// When it was last settled.
    pub fn settled(&self) -> Option<Instant> {
        self.settled.map(|(then, _)| then)
    }

    /// The share of a core that a job may have.
    pub fn share(&self, job: Job) -> f64 {
        let others: f64 = Job::ALL
            .iter()
            .map(|&other| match (other as usize).cmp(&(job as usize)) {
                std::cmp::Ordering::Less => self.jobs[other as usize].share,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Greater => other.least_share(),
            })
            .sum();
        (MOST_SHARE - self.rest - others).clamp(job.least_share(), job.most_share())
    }

    /// What all our threads take of a core, once it is known: the start comes only once.
    pub fn steady_total(&self) -> Option<f64> {
        (self.age_ns >= STEADY_NS).then(|| self.total())
    }

    fn total(&self) -> f64 {
        self.rest + self.jobs.iter().map(|job| job.share).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// An account after two minutes in which so much of a core was wanted for each job and taken for the rest.
    fn after(wanted: [f64; 4], rest: f64) -> Account {
        let mut account = Account::default();
        let begun = Instant::now();
        let mut all_ns = 0.0;
        for second in 0..121 {
            account.settle(begun + Duration::from_secs(second), all_ns as u64);
            for job in Job::ALL {
                let took = wanted[job as usize].min(account.share(job)) * 1e9;
                account.spend(job, took as u64);
                all_ns += took;
            }
            all_ns += rest * 1e9;
        }
        account
    }

    fn shares(account: &Account) -> [f64; 4] {
        Job::ALL.map(|job| account.share(job))
    }

    #[test]
    fn who_wants_little_may_have_more() {
        let account = after([0.0001; 4], 0.0005);
        assert_eq!(shares(&account), Job::ALL.map(Job::most_share));
        assert!((account.steady_total().unwrap() - 0.0009).abs() < 0.0001);
    }

    #[test]
    fn together_they_stay_within_it_however_much_each_wants() {
        for rest in [0.0, 0.001, 0.003, 0.006] {
            let total = after([1.0; 4], rest).total();
            assert!(total <= MOST_SHARE * 1.001, "{total} beside {rest}");
        }
    }

    #[test]
    fn looks_by_the_wall_clock_yield_before_scans_and_those_before_slices() {
        let [look, slice, scan, wall] = shares(&after([1.0; 4], 0.004));
        assert_eq!(look, Job::Look.most_share());
        assert_eq!(wall, Job::Wall.least_share());
        assert!(slice > Job::Slice.least_share() && slice < Job::Slice.most_share());
        assert_eq!(scan, Job::Scan.least_share());
        // With less beside them, the scans have what they want before the looks do.
        let [_, _, scan, wall] = shares(&after([1.0; 4], 0.001));
        assert_eq!(scan, Job::Scan.most_share());
        assert!(wall > Job::Wall.least_share() && wall < Job::Wall.most_share());
    }

    #[test]
    fn each_keeps_a_little_whatever_cannot_wait() {
        let account = after([1.0; 4], 0.02);
        assert_eq!(shares(&account), Job::ALL.map(Job::least_share));
        assert!(account.total() > 0.02);
    }

    /// With the tables of a program's modules on the looks' account, the looks began at a quarter of their rate.
    #[test]
    fn what_is_done_once_takes_nothing_from_the_looks() {
        let mut account = Account::default();
        let begun = Instant::now();
        account.settle(begun, 0);
        account.once(300_000_000);
        account.settle(begun + Duration::from_secs(1), 301_000_000);
        assert_eq!(account.share(Job::Wall), Job::Wall.most_share());
        account.settle(begun + Duration::from_secs(2), 601_000_000);
        assert!(account.share(Job::Wall) < Job::Wall.most_share());
    }

    #[test]
    fn the_start_is_let_go_and_a_dear_second_is_soon_forgotten() {
        let mut account = Account::default();
        let begun = Instant::now();
        account.spend(Job::Scan, 500_000_000);
        account.settle(begun, 900_000_000);
        assert_eq!(account.total(), 0.0);
        account.settle(begun + Duration::from_secs(1), 1_900_000_000);
        assert!(account.share(Job::Wall) < Job::Wall.most_share());
        assert_eq!(account.steady_total(), None);
        for second in 2..20 {
            account.settle(begun + Duration::from_secs(second), 1_900_000_000);
        }
        assert_eq!(account.share(Job::Wall), Job::Wall.most_share());
    }
}
