//! A loss out of many pairs: the estimate, its bounds, and what may be said of a promise.

/// In per cent; more is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    pub estimate: f64,
    /// One-sided 95 % bounds: the truth is below `high` in 95 of 100 runs of all this.
    pub low: f64,
    pub high: f64,
    pairs: usize,
}

/// With fewer pairs nothing is said of a promise.
const LEAST_PAIRS: usize = 10;
/// The normal distribution's 95 % point.
const ONE_SIDED: f64 = 1.645;

impl Loss {
    /// From each pair's difference of logarithms. The signed-rank test turned around: the middle of all means of two (Hodges and Lehmann), and as bounds
    /// those means that the test at 5 % leaves over.
    pub fn of(differences: Vec<f64>) -> Self {
        if differences.is_empty() {
            return Self {
                estimate: f64::NAN,
                low: f64::NAN,
                high: f64::NAN,
                pairs: 0,
            };
        }
        let n = differences.len() as f64;
        let mut means: Vec<f64> = Vec::new();
        for (place, one) in differences.iter().enumerate() {
            means.extend(
                differences[..=place]
                    .iter()
                    .map(|other| (one + other) / 2.0),
            );
        }
        means.sort_by(f64::total_cmp);
        let (centre, spread) = (
            n * (n + 1.0) / 4.0,
            (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt(),
        );
        let outside = (centre - ONE_SIDED * spread).floor().max(0.0) as usize;
        let per_cent = |log: f64| 100.0 * log.exp_m1();
        let last = means.len() - 1;
        Self {
            estimate: per_cent((means[last / 2] + means[last.div_ceil(2)]) / 2.0),
            low: per_cent(means[outside]),
            high: per_cent(means[last - outside]),
            pairs: differences.len(),
        }
    }

    /// Whether a promise is held, as far as this run can tell.
    pub fn verdict(&self, most: f64) -> String {
        let Self {
            estimate,
            low,
            high,
            pairs,
        } = self;
        let width = high - low;
        if *pairs < LEAST_PAIRS {
            format!("not resolved: {pairs} rounds are too few")
        } else if *high <= most {
            format!("loss at most {high:.2} % (95 %): within the {most} % promised")
        } else if *low > most {
            format!("loss at least {low:.2} % (95 %): above the {most} % promised")
        } else {
            format!(
                "not resolved against the {most} % promised: {estimate:.2} %, between {low:.2} and {high:.2} %, a width of {width:.2} %"
            )
        }
    }
}

/// Which server comes when: xorshift, seeded by the clock.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        let since = std::time::UNIX_EPOCH.elapsed();
        Self(since.map_or(1, |since| since.as_nanos() as u64) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for place in (1..values.len()).rev() {
            values.swap(place, (self.next() % (place as u64 + 1)) as usize);
        }
    }
}
