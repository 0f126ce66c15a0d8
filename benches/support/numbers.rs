//! Numbers that look random and are the same in each run.

/// Where the row of numbers is; not 0.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Small numbers often, large ones rarely: about as often as one over the number.
    pub fn skewed(&mut self, end: u64) -> u64 {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((end as f64).powf(share) as u64 - 1).min(end - 1)
    }
}
