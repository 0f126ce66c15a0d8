//! Samples by burner, held against what the burners really used.

use super::burner::BURNERS;
use super::ensure;

/// Weights of samples, by the burner that their leaf lies in.
#[derive(Debug, Clone, Default)]
pub struct Shares {
    pub in_burner: [u64; 4],
    /// Leaves in no burner.
    pub elsewhere: u64,
    squares: f64,
}

impl Shares {
    pub fn add(&mut self, leaf: u64, weight: u64) {
        let place = BURNERS.iter().position(|burner| burner(0).contains(&leaf));
        match place {
            Some(index) => self.in_burner[index] += weight,
            None => self.elsewhere += weight,
        }
        self.squares += (weight * weight) as f64;
    }

    pub fn add_all(&mut self, other: &Self) {
        for (mine, theirs) in self.in_burner.iter_mut().zip(other.in_burner) {
            *mine += theirs;
        }
        self.elsewhere += other.elsewhere;
        self.squares += other.squares;
    }

    pub fn total(&self) -> u64 {
        self.in_burner.iter().sum::<u64>() + self.elsewhere
    }

    /// How many equal samples would deviate as much.
    pub fn effective(&self) -> f64 {
        let total = self.total() as f64;
        total * total / self.squares.max(1.0)
    }

    /// Whether every share lies within four deviations of the truth, and hardly anything elsewhere.
    pub fn check(&self, used: &[u64; 4]) -> Result<(), String> {
        const DEVIATIONS: f64 = 4.0;
        /// Fewer samples can say nothing: every share would pass.
        const LEAST_SAMPLES: f64 = 60.0;
        let samples = self.effective();
        ensure!(samples >= LEAST_SAMPLES, "only {samples:.0} samples");
        ensure!(
            self.elsewhere * 50 <= self.total(),
            "{} of {} in no burner",
            self.elsewhere,
            self.total()
        );
        let all: u64 = used.iter().sum();
        for (index, used) in used.iter().enumerate() {
            let truth = *used as f64 / all as f64;
            let seen = self.in_burner[index] as f64 / self.total() as f64;
            // What lies elsewhere (clock readings between the turns) belongs to no burner's truth.
            let elsewhere = self.elsewhere as f64 / self.total() as f64;
            let bound = DEVIATIONS * (truth * (1.0 - truth) / samples).sqrt() + elsewhere;
            ensure!(
                (seen - truth).abs() <= bound,
                "burner {index}: {:.2} % of {samples:.0} samples, {:.2} % of the time, more than {:.2} apart",
                100.0 * seen,
                100.0 * truth,
                100.0 * bound
            );
        }
        Ok(())
    }

    /// For a person.
    pub fn against(&self, used: &[u64; 4]) -> String {
        let all: u64 = used.iter().sum();
        let pairs: Vec<String> = self
            .in_burner
            .iter()
            .zip(used)
            .map(|(seen, used)| {
                format!(
                    "{:.2} % (truth {:.2})",
                    100.0 * *seen as f64 / self.total().max(1) as f64,
                    100.0 * *used as f64 / all.max(1) as f64
                )
            })
            .collect();
        format!(
            "{:.0} samples: {}, elsewhere {:.2} %",
            self.effective(),
            pairs.join(", "),
            100.0 * self.elsewhere as f64 / self.total().max(1) as f64
        )
    }
}
