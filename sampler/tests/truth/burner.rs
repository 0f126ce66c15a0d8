//! Functions that burn CPU in a loop of known instructions, kept apart by constants of their own.
//!
//! The loop is written in assembler, so that debug and release builds run the same one, all of them are equally fast, and the range of a
//! function's leaf addresses is what the running binary says: the function itself reports where its loop begins and ends.
#![allow(unsafe_code)] // inline assembler

use std::ops::Range;

/// Runs the loop that often; with 0 it only reports where the loop lies.
pub type Burner = fn(u64) -> Range<u64>;

macro_rules! burner {
    ($(#[$doc:meta])* $name:ident, $multiplier:literal) => {
        $(#[$doc])*
        #[inline(never)]
        pub fn $name(iterations: u64) -> Range<u64> {
            let (start, end): (u64, u64);
            // SAFETY: it computes with registers that it declares and touches no memory.
            unsafe {
                std::arch::asm!(
                    "lea {start}, [rip + 2f]",
                    "lea {end}, [rip + 3f]",
                    "test {left}, {left}",
                    "jz 3f",
                    ".p2align 6",
                    "2:",
                    "imul {state}, {state}, {multiplier}",
                    "imul {state}, {state}, {multiplier}",
                    "imul {state}, {state}, {multiplier}",
                    "imul {state}, {state}, {multiplier}",
                    "dec {left}",
                    "jnz 2b",
                    "3:",
                    start = out(reg) start,
                    end = out(reg) end,
                    left = inout(reg) iterations => _,
                    state = inout(reg) 1u64 => _,
                    multiplier = const $multiplier,
                    options(nomem, nostack),
                );
            }
            start..end
        }
    };
}

burner!(
    /// 10 % of the known shares.
    burn_10, 0x5851_f42d
);
burner!(
    /// 20 %.
    burn_20, 0x2545_f491
);
burner!(
    /// 30 %.
    burn_30, 0x369d_ea0f
);
burner!(
    /// 40 %.
    burn_40, 0x27bb_2ee6
);

/// The four, in the order of their shares.
pub const BURNERS: [Burner; 4] = [burn_10, burn_20, burn_30, burn_40];

/// Iterations that take a microsecond here, from the fastest of a few tries.
pub fn iterations_per_us() -> u64 {
    const TRY: u64 = 200_000;
    let fastest_ns = (0..20)
        .map(|_| {
            let before = super::clock::thread_cpu_ns();
            burn_10(TRY);
            super::clock::thread_cpu_ns() - before
        })
        .min()
        .unwrap_or(1);
    (TRY * 1_000 / fastest_ns.max(1)).max(1)
}
