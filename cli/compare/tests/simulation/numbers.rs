//! Numbers that look random and are the same in each run.

/// A generator (xorshift64*), and the distributions that a world is made of.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds begin far apart.
        let mut seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        seed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        seed = (seed ^ (seed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((seed ^ (seed >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Within 0 and 1, neither of them.
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.uniform() * end as f64) as usize
    }

    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// exp of a normal with this deviation, whose mean is 1.
    pub fn around_one(&mut self, deviation: f64) -> f64 {
        if deviation == 0.0 {
            return 1.0;
        }
        (self.normal() * deviation - 0.5 * deviation * deviation).exp()
    }

    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean > 12.0 {
            return self.large_poisson(mean);
        }
        // By multiplying uniforms: as many steps as the result.
        let limit = (-mean).exp();
        let (mut product, mut count) = (self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }

    /// The normal's cube, as Wilson and Hilferty have it: good to a part in a hundred from a dozen on.
    fn large_poisson(&mut self, mean: f64) -> u64 {
        let count = mean + 0.5;
        let root = 1.0 - 1.0 / (9.0 * count) + self.normal() / (3.0 * count.sqrt());
        (count * root * root * root - 0.5 + 0.5).max(0.0) as u64
    }

    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for at in (1..values.len()).rev() {
            values.swap(at, self.below(at + 1));
        }
    }
}
