//! How much a row stands for: samples, and the CPU time that they weigh.

use hotpoll_profile::Sample;

/// Samples and the CPU time that they stand for. Rows sort by time, then by samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight {
    /// CPU time.
    pub cpu_ns: u64,
    /// Timer expiries, overruns included.
    pub count: u64,
}

impl Weight {
    /// What one folded sample row weighs in CPU time. Waiting weighs nothing there: `wall` is for that.
    pub fn of(sample: &Sample) -> Self {
        if !sample.state.is_on_cpu() {
            return Self::default();
        }
        Self {
            cpu_ns: sample.cpu_ns,
            count: sample.count,
        }
    }

    /// Adds another weight.
    pub fn add(&mut self, other: Self) {
        self.cpu_ns += other.cpu_ns;
        self.count += other.count;
    }

    /// The sum of many.
    pub fn sum<'a>(samples: impl Iterator<Item = &'a Sample>) -> Self {
        samples.fold(Self::default(), |mut sum, sample| {
            sum.add(Self::of(sample));
            sum
        })
    }

    /// This weight's part of a CPU time, as a fraction; 0 of nothing is 0.
    pub fn share_of(self, cpu_ns: u64) -> f64 {
        share(self.cpu_ns, cpu_ns)
    }
}

/// A part of a whole as a fraction; 0 of nothing is 0.
pub fn share(part_ns: u64, whole_ns: u64) -> f64 {
    if whole_ns == 0 {
        0.0
    } else {
        part_ns as f64 / whole_ns as f64
    }
}
