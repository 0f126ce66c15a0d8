//! Defects on purpose: each must make a test fail, or the test cannot be trusted. For `scripts/test.d/broken-engine` alone.
//!
//! Without the feature `broken-engine` every question here is answered "no" while compiling, and nothing of it is left. With it, the variable
//! `HOTPOLL_BROKEN` names the defect of the next start.

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(dead_code, reason = "made from the variable's text only")]
pub(crate) enum Defect {
    /// Every third expiry is overlooked, uncounted.
    OverlooksThird = 1,
    /// What the kernel folded into an expiry is ignored.
    IgnoresOverruns,
    /// Losses are not counted.
    LosesSilently,
    /// The leaf is one byte further than the interrupted instruction.
    ShiftsLeaf,
    /// The leaf is the last sample's when that one is higher.
    KeepsHigherLeaf,
    /// The leaf's caller is left out.
    SkipsCaller,
    /// Nothing is ever in the kernel.
    DeniesKernel,
    /// Kernel time that perf cannot see is nobody's.
    ForgetsKernelRow,
    /// Threads that lived and died unseen used nothing.
    ForgetsUnseen,
    /// CPU clocks run 2 % slow.
    SlowsClocks,
    /// Samples are scaled to fill the thread's clock.
    Rescales,
    /// Bursts are never noticed.
    MissesBursts,
}

#[cfg(not(feature = "broken-engine"))]
mod switch {
    use super::Defect;

    /// Whether the engine has this defect: it has none.
    #[inline(always)]
    pub(crate) fn is(_: Defect) -> bool {
        false
    }

    /// Nothing to read.
    #[inline(always)]
    pub(crate) fn read_environment() {}
}

#[cfg(feature = "broken-engine")]
mod switch {
    use super::Defect;
    use std::sync::atomic::{AtomicU8, Ordering};

    static DEFECT: AtomicU8 = AtomicU8::new(0);

    /// Whether the engine has this defect. Called in SIGPROF.
    pub(crate) fn is(defect: Defect) -> bool {
        DEFECT.load(Ordering::Relaxed) == defect as u8
    }

    /// Takes the defect from `HOTPOLL_BROKEN`.
    pub(crate) fn read_environment() {
        use Defect::*;
        let names = [
            ("overlooks-third", OverlooksThird),
            ("ignores-overruns", IgnoresOverruns),
            ("loses-silently", LosesSilently),
            ("shifts-leaf", ShiftsLeaf),
            ("keeps-higher-leaf", KeepsHigherLeaf),
            ("skips-caller", SkipsCaller),
            ("denies-kernel", DeniesKernel),
            ("forgets-kernel-row", ForgetsKernelRow),
            ("forgets-unseen", ForgetsUnseen),
            ("slows-clocks", SlowsClocks),
            ("rescales", Rescales),
            ("misses-bursts", MissesBursts),
        ];
        let Ok(asked) = std::env::var("HOTPOLL_BROKEN") else {
            return DEFECT.store(0, Ordering::Relaxed);
        };
        let defect = names.iter().find(|(name, _)| *name == asked);
        // Loud: a misspelt defect would look like a test that notices nothing.
        let (_, defect) = defect.unwrap_or_else(|| panic!("HOTPOLL_BROKEN={asked} is no defect"));
        DEFECT.store(*defect as u8, Ordering::Relaxed);
    }
}

pub(crate) use switch::{is, read_environment};

/// Spoils a captured callchain; returns its new length. Called in SIGPROF.
#[inline(always)]
pub(crate) fn callchain(callchain: &mut [u64], frames: usize, last_leaf: u64) -> usize {
    if is(Defect::SkipsCaller) && frames > 2 {
        callchain.copy_within(2..frames, 1);
        return frames - 1;
    }
    if let Some(leaf) = callchain.first_mut() {
        if is(Defect::ShiftsLeaf) {
            *leaf += 1;
        } else if is(Defect::KeepsHigherLeaf) {
            *leaf = last_leaf.max(*leaf);
        }
    }
    frames
}
