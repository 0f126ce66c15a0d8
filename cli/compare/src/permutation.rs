//! The exact test of a difference between two sides, which believes nothing of how runs are spread.

/// Beyond so many ways to deal the runs to the sides, that many are drawn instead.
const MAX_DEALS: u64 = 200_000;

/// The chance that, were the runs dealt to the sides at random, the second side's mean would exceed the first's by as much or more.
pub(crate) fn upper_tail(base: &[f64], new: &[f64]) -> f64 {
    let all: Vec<f64> = base.iter().chain(new).copied().collect();
    let observed: f64 = new.iter().sum();
    // Sums in another order differ in their last digits.
    let slack = 1e-9 * all.iter().map(|value| value.abs()).sum::<f64>();
    let mut count = Count {
        all: &all,
        least: observed - slack,
        deals: 0,
        beyond: 0,
    };
    if ways(all.len(), new.len()) <= MAX_DEALS as f64 {
        count.deal(0, new.len(), 0.0);
    } else {
        count.draw(new.len());
    }
    count.beyond as f64 / count.deals as f64
}

/// The smallest value that [`upper_tail`] can have.
pub(crate) fn least(base: usize, new: usize) -> f64 {
    1.0 / ways(base + new, new).min(MAX_DEALS as f64)
}

/// The chance that, were it chance who of a pair is dearer, the differences' sum would be as large or larger.
pub(crate) fn signs(differences: &[f64]) -> f64 {
    let observed: f64 = differences.iter().sum();
    let slack = 1e-9 * differences.iter().map(|by| by.abs()).sum::<f64>();
    let mut count = Count {
        all: differences,
        least: observed - slack,
        deals: 0,
        beyond: 0,
    };
    if ways_of_signs(differences.len()) <= MAX_DEALS as f64 {
        count.turn(0, 0.0);
    } else {
        count.toss();
    }
    count.beyond as f64 / count.deals as f64
}

/// The smallest value that [`signs`] can have.
pub(crate) fn least_of_signs(pairs: usize) -> f64 {
    1.0 / ways_of_signs(pairs).min(MAX_DEALS as f64)
}

fn ways_of_signs(pairs: usize) -> f64 {
    2f64.powi(pairs.min(1_000) as i32)
}

fn ways(all: usize, chosen: usize) -> f64 {
    (0..chosen).fold(1.0, |ways, at| ways * (all - at) as f64 / (at + 1) as f64)
}

struct Count<'a> {
    all: &'a [f64],
    least: f64,
    deals: u64,
    beyond: u64,
}

impl Count<'_> {
    /// Deals `left` more of the runs from `from` on.
    fn deal(&mut self, from: usize, left: usize, sum: f64) {
        if left == 0 {
            self.note(sum);
            return;
        }
        for at in from..=self.all.len() - left {
            self.deal(at + 1, left - 1, sum + self.all[at]);
        }
    }

    /// The same runs always draw the same.
    fn draw(&mut self, chosen: usize) {
        let mut numbers = 0x9E37_79B9_7F4A_7C15_u64;
        let mut deck = self.all.to_vec();
        // The deal that was observed is one of them.
        self.note(f64::INFINITY);
        for _ in 1..MAX_DEALS {
            for at in 0..chosen {
                numbers ^= numbers << 13;
                numbers ^= numbers >> 7;
                numbers ^= numbers << 17;
                let other = at + (numbers >> 11) as usize % (deck.len() - at);
                deck.swap(at, other);
            }
            let sum = deck[..chosen].iter().sum();
            self.note(sum);
        }
    }

    /// Every way to turn the pairs from `from` on.
    fn turn(&mut self, from: usize, sum: f64) {
        match self.all.get(from) {
            None => self.note(sum),
            Some(by) => {
                self.turn(from + 1, sum + by);
                self.turn(from + 1, sum - by);
            }
        }
    }

    /// Some ways, always the same ones.
    fn toss(&mut self) {
        let mut numbers = 0x9E37_79B9_7F4A_7C15_u64;
        self.note(f64::INFINITY);
        for _ in 1..MAX_DEALS {
            let mut sum = 0.0;
            for by in self.all {
                numbers ^= numbers << 13;
                numbers ^= numbers >> 7;
                numbers ^= numbers << 17;
                sum += if numbers >> 63 == 0 { *by } else { -by };
            }
            self.note(sum);
        }
    }

    fn note(&mut self, sum: f64) {
        self.deals += 1;
        self.beyond += u64::from(sum >= self.least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_against_five_apart() {
        let p = upper_tail(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!((p - 1.0 / 252.0).abs() < 1e-12, "{p}");
        assert!((least(5, 5) - p).abs() < 1e-12);
        assert_eq!(upper_tail(&[6.0, 7.0], &[1.0, 2.0]), 1.0);
    }

    #[test]
    fn pairs_turned() {
        let p = signs(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((p - 1.0 / 32.0).abs() < 1e-12, "{p}");
        assert_eq!(p, least_of_signs(5));
        assert_eq!(signs(&[-1.0, -2.0]), 1.0);
        let many: Vec<f64> = (0..30).map(|at| f64::from(at % 2) - 0.5).collect();
        let p = signs(&many);
        assert!((0.5..0.6).contains(&p), "{p}");
        assert!(signs(&[1.0; 30]) <= 1.0 / 100_000.0);
    }

    #[test]
    fn all_alike_is_no_evidence() {
        assert_eq!(upper_tail(&[0.1; 5], &[0.1; 4]), 1.0);
    }

    #[test]
    fn too_many_to_deal_are_drawn() {
        let low: Vec<f64> = (0..15).map(f64::from).collect();
        let high: Vec<f64> = (100..115).map(f64::from).collect();
        assert!(upper_tail(&low, &high) <= 1.0 / 100_000.0);
        let p = upper_tail(&low, &low);
        assert!((0.4..0.6).contains(&p), "{p}");
    }
}
