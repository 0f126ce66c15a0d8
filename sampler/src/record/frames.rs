//! Frames as distances: four bytes each, as long as callers and callees lie in one file.
//!
//! In: a callchain, leaf first. Out: words of two halves each, from the root end to the leaf; a half is the distance from the frame before it,
//! the first one's from the outermost frame that is not written (0 if there is none). A distance that does not fit is [`FAR`], followed by the
//! address in two halves, the lower first. The last word's upper half may be unused.
//!
//! Whole addresses took a ring of twice the size to hold what is promised.

/// In place of a distance: the address follows. It is no distance itself.
const FAR: u32 = 1 << 31;

/// Packs the frames of a callchain but the outermost ones. An iterator without allocation or bound of its own: the callchain is its bound.
#[derive(Debug, Clone)]
pub(crate) struct FrameWords<'a> {
    /// Not yet packed, leaf first.
    frames: &'a [u64],
    /// What the next distance counts from.
    base: u64,
    /// An address whose halves come next, and how many of them.
    address: u64,
    halves: u32,
}

impl<'a> FrameWords<'a> {
    /// The words for all frames but the `shared` outermost. Called in SIGPROF.
    pub fn new(callchain: &'a [u64], shared: usize) -> Self {
        let new = callchain.len().saturating_sub(shared);
        Self {
            frames: callchain.get(..new).unwrap_or_default(),
            base: callchain.get(new).copied().unwrap_or_default(),
            address: 0,
            halves: 0,
        }
    }

    /// How many words there will be. Called in SIGPROF.
    pub fn length(&self) -> usize {
        let (mut base, mut halves) = (self.base, self.frames.len());
        let mut rest = self.frames;
        while let Some((frame, others)) = rest.split_last() {
            // No branch: distances that do not fit are rare, and then come in any order.
            halves = halves.wrapping_add((distance(*frame, base) == FAR) as usize * 2);
            base = *frame;
            rest = others;
        }
        halves.wrapping_add(1) / 2
    }

    /// The next half. Called in SIGPROF.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn half(&mut self) -> Option<u32> {
        if self.halves != 0 {
            self.halves = self.halves.wrapping_sub(1);
            let half = self.address as u32;
            self.address >>= 32;
            return Some(half);
        }
        let (frame, others) = self.frames.split_last()?;
        let half = distance(*frame, self.base);
        if half == FAR {
            self.address = *frame;
            self.halves = 2;
        }
        self.base = *frame;
        self.frames = others;
        Some(half)
    }
}

impl Iterator for FrameWords<'_> {
    type Item = u64;

    /// Called in SIGPROF.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn next(&mut self) -> Option<u64> {
        let lower = self.half()?;
        let upper = self.half().unwrap_or_default();
        Some(lower as u64 | (upper as u64) << 32)
    }
}

/// From `base` to `frame`, or [`FAR`]. Called in SIGPROF.
#[cfg_attr(not(debug_assertions), inline(always))]
fn distance(frame: u64, base: u64) -> u32 {
    let distance = frame.wrapping_sub(base) as i64;
    if distance as i32 as i64 == distance {
        distance as u32 // the one that reads as FAR is written as FAR
    } else {
        FAR
    }
}

/// Reads `count` frames from exactly these words, from the root end. False if they are not that.
pub(super) fn unpack(words: &[u64], count: usize, mut base: u64, into: &mut Vec<u64>) -> bool {
    into.clear();
    let mut halves = words
        .iter()
        .flat_map(|word| [*word as u32, (*word >> 32) as u32]);
    for _ in 0..count {
        let Some(half) = halves.next() else {
            return false;
        };
        base = if half == FAR {
            let (Some(lower), Some(upper)) = (halves.next(), halves.next()) else {
                return false;
            };
            u64::from(lower) | u64::from(upper) << 32
        } else {
            base.wrapping_add_signed(i64::from(half as i32))
        };
        into.push(base);
    }
    // At most the unused half of the last word.
    halves.count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs, says how many words that took, and reads it back.
    fn check(callchain: &[u64], shared: usize, words: usize) {
        let packing = FrameWords::new(callchain, shared);
        assert_eq!(packing.length(), words, "{callchain:x?}");
        let packed: Vec<u64> = packing.collect();
        assert_eq!(packed.len(), words, "{callchain:x?}");
        let new = callchain.len() - shared;
        let base = callchain.get(new).copied().unwrap_or(0);
        let mut frames = Vec::new();
        assert!(unpack(&packed, new, base, &mut frames));
        frames.reverse();
        assert_eq!(frames, callchain[..new]);
    }

    #[test]
    fn near_frames_take_a_half_word() {
        check(&[0x5555_0003, 0x5555_0001, 0x5555_0002], 1, 1);
        check(&[1, 2, 3], 0, 2);
        check(&[], 0, 0);
        check(&[7], 1, 0);
    }

    #[test]
    fn far_frames_take_three_halves() {
        check(&[0x7f00_0000_0000, 0x5500_0000_0000], 1, 2);
        check(&[u64::MAX, 0x5500_0000_0000], 0, 3);
        // There and back.
        check(
            &[0x5500_0000_0000, 0x7f00_0000_0000, 0x5500_0000_0000],
            1,
            3,
        );
    }

    #[test]
    fn distances_at_the_edge() {
        let base = 0x5500_0000_0000;
        check(&[base + 0x7fff_ffff, base], 1, 1);
        check(&[base + 0x8000_0000, base], 1, 2);
        check(&[base - 0x7fff_ffff, base], 1, 1);
        check(&[base - 0x8000_0000, base], 1, 2);
        check(&[u64::MAX, 0], 1, 1);
    }

    #[test]
    fn too_few_or_too_many_words_are_refused() {
        let mut frames = Vec::new();
        assert!(!unpack(&[1], 3, 0, &mut frames));
        assert!(!unpack(&[1, 1], 2, 0, &mut frames));
        assert!(!unpack(&[u64::from(FAR)], 1, 0, &mut frames));
    }
}
