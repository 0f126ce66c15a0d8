//! Who runs when: both sides once in each round, which first by chance. What drifts on the host (heat, neighbours, a filling disk) then meets both alike.

use std::hash::{BuildHasher, RandomState};

/// Places in `[base, new]`, in the order in which they run.
pub fn turns(rounds: u32, mut seed: u64) -> Vec<usize> {
    let mut turns = Vec::with_capacity(rounds as usize * 2);
    for _ in 0..rounds {
        let first = (next(&mut seed) >> 63) as usize;
        turns.extend([first, 1 - first]);
    }
    turns
}

/// Another one each time.
pub fn seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// splitmix64: small, and its top bit is as good as the others.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_both_sides() {
        let turns = turns(200, 7);
        let firsts: usize = (turns.chunks(2))
            .map(|round| {
                assert_eq!(round[0] + round[1], 1);
                round[0]
            })
            .sum();
        // Two hundred coins: four standard deviations are 28.
        assert!((72..=128).contains(&firsts), "{firsts}");
        assert_ne!(turns, super::turns(200, 8));
    }
}
