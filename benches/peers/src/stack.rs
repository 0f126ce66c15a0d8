//! Stacks of a chosen depth.

use std::hint::black_box;

/// Runs `leaf` below so many more calls, each with a frame of its own.
#[inline(never)]
pub fn deeper<R>(calls: usize, leaf: &mut dyn FnMut() -> R) -> R {
    if calls == 0 {
        return leaf();
    }
    let result = deeper(calls - 1, leaf);
    // Keeps the call from becoming a jump.
    black_box(calls);
    result
}

/// Frames from here to the thread's start, the caller's included, by libgcc's unwinder: the same count for every subject.
#[inline(never)]
pub fn depth() -> usize {
    let mut addresses = Vec::new();
    backtrace::trace(|frame| {
        addresses.push(frame.symbol_address() as usize);
        true
    });
    // The unwinder ends with a frame that is none: nothing called `_start`.
    addresses.retain(|&address| address != 0);
    let own = depth as *const () as usize;
    let here = addresses.iter().position(|&address| address == own);
    addresses.len() - here.map_or(0, |here| here + 1)
}

/// Runs `leaf` in a function that stands `frames` deep, counted like [`depth`].
pub fn at_depth<R>(frames: usize, leaf: &mut dyn FnMut() -> R) -> R {
    let mut shallow = 0;
    deeper(0, &mut || shallow = depth());
    deeper(frames.saturating_sub(shallow), leaf)
}
