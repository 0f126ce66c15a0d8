//! Which stretch of memory is the interrupted thread's stack.
//!
//! The C library keeps each thread's stack block in its thread descriptor, at offsets that it does not publish. They are found at start, by
//! looking for a known thread's stack in that thread's own descriptor, and confirmed on a second thread; a descriptor is believed only when it
//! carries the thread's own ID. So a new thread's first sample already has a whole callchain, without a look at `/proc/self/maps`.
//! Where the offsets cannot be found, or a thread has no descriptor of its own (a bare `clone`), the agent looks the mapping up.
#![allow(unsafe_code)] // It reads the thread descriptor behind the fs register.

use crate::own_thread::OwnThread;
use std::sync::atomic::{AtomicU64, Ordering};

/// Offsets of `tid`, stack block, its size and its guard size in the thread descriptor, 16 bits each; 0 while unknown.
static OFFSETS: AtomicU64 = AtomicU64::new(0);

/// How far into the descriptor the offsets may lie; it is over 2 KB long in every glibc since 2.17.
const DESCRIPTOR_BYTES: usize = 2048;

/// A thread's stack: the lowest address that may be used, and one past the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StackBounds {
    pub low: u64,
    pub high: u64,
}

impl StackBounds {
    /// Whether an address lies on it. Called in SIGPROF.
    #[inline]
    pub fn contains(&self, address: u64) -> bool {
        self.low <= address && address < self.high
    }
}

/// Where glibc's descriptor has its own address once more.
const SELF: usize = 16;

/// One field of the calling thread's descriptor, by its place in `OFFSETS`. `None` while the offsets are unknown, or where the fs register leads to
/// something else. Called in SIGPROF.
fn field(index: u32) -> Option<u64> {
    let offsets = OFFSETS.load(Ordering::Relaxed);
    if offsets == 0 {
        return None;
    }
    // A runtime of another language may give its threads a block of its own there.
    let own = word(0);
    if own == 0 || own != word(SELF) {
        return None;
    }
    Some(word((offsets >> (index * 16) & 0xffff) as usize))
}

/// Whether the calling thread's descriptor says that it is this thread's: not where the caller is another one, was made by a bare clone, or has no
/// descriptor that can be read. Called in SIGPROF.
pub(super) fn is_of_thread(tid: u32) -> bool {
    field(0).is_some_and(|field| field as u32 == tid)
}

/// The stack of the calling thread by its descriptor, if the descriptor is this thread's own. Called in SIGPROF.
pub(super) fn of_current_thread(tid: u32) -> Option<StackBounds> {
    if field(0)? as u32 != tid {
        return None;
    }
    let low = field(1)?;
    let size = field(2)?;
    let guard = field(3)?;
    if low == 0 || size == 0 || guard > size {
        return None; // the main thread: its stack block is not recorded
    }
    Some(StackBounds {
        low: low.wrapping_add(guard),
        high: low.wrapping_add(size),
    })
}

/// The word of the calling thread's descriptor that stands so far from its beginning. Called in SIGPROF.
///
/// Read through the fs register itself: an address found at its beginning would have to be believed first.
fn word(offset: usize) -> u64 {
    let word: u64;
    // SAFETY: on x86-64 the fs register of every thread that runs C or Rust code points to its descriptor (the ABI's TLS needs it), which exists
    // while the thread runs, and whose first words every C library has. The offsets that are found lie inside the descriptor (calibrate), and are used
    // only where it looks like the C library's (field). A thread made by a bare clone shares its maker's descriptor, which may be gone only if its maker
    // died while it shares memory and TLS with it, which breaks every use of errno as well.
    unsafe {
        std::arch::asm!(
            "mov {word}, fs:[{offset}]",
            word = out(reg) word,
            offset = in(reg) offset,
            options(nostack, preserves_flags, readonly)
        )
    };
    word
}

/// What one thread knows about itself, to find the offsets with.
struct Witness {
    descriptor: [u64; DESCRIPTOR_BYTES / 8],
    tid: u32,
    high: u64,
    size: u64,
    guard: u64,
}

/// Finds the offsets, once. Ordinary code; makes two short-lived threads. Returns whether they are known now.
pub(crate) fn calibrate() -> bool {
    if OFFSETS.load(Ordering::Relaxed) != 0 {
        return true;
    }
    let witness = |stack: usize| {
        let _quiet = super::install::BlockSignals::new();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let probe = OwnThread::spawn("hotpoll-probe", stack, move || {
            let _ = tell.send(observe());
        });
        probe.ok()?.join();
        told.try_recv().ok().flatten()
    };
    // Two sizes that nothing else in a descriptor is likely to equal.
    let (Some(first), Some(second)) = (witness(0x4_5000), witness(0x5_7000)) else {
        return false;
    };
    let found = find(&first)
        .into_iter()
        .find(|offsets| fits(&second, *offsets));
    let Some([tid, block, size, guard]) = found else {
        return false;
    };
    let packed = tid as u64 | (block as u64) << 16 | (size as u64) << 32 | (guard as u64) << 48;
    OFFSETS.store(packed, Ordering::Relaxed);
    true
}

/// Copies the calling thread's descriptor and asks the C library for its stack.
fn observe() -> Option<Box<Witness>> {
    // SAFETY: the attributes are initialised by pthread_getattr_np when it returns 0, read, and destroyed; the descriptor is this thread's
    // own and at least DESCRIPTOR_BYTES long (struct pthread, glibc since 2.17; other C libraries are excluded below).
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut address, mut size, mut guard) = (std::ptr::null_mut(), 0usize, 0usize);
        let got = libc::pthread_attr_getstack(&attributes, &mut address, &mut size) == 0
            && libc::pthread_attr_getguardsize(&attributes, &mut guard) == 0;
        libc::pthread_attr_destroy(&mut attributes);
        let descriptor = word(0);
        let high = address as u64 + size as u64;
        // The descriptor lies at the top of the thread's own stack block in glibc; elsewhere we do not know how much may be read.
        if !got
            || !cfg!(target_env = "gnu")
            || descriptor + DESCRIPTOR_BYTES as u64 > high
            || descriptor < address as u64
        {
            return None;
        }
        let mut witness = Box::new(Witness {
            descriptor: [0; DESCRIPTOR_BYTES / 8],
            tid: crate::sys::current_tid(),
            high,
            size: size as u64,
            guard: guard as u64,
        });
        for (index, word) in witness.descriptor.iter_mut().enumerate() {
            *word = (descriptor as *const u64).add(index).read_volatile();
        }
        Some(witness)
    }
}

/// Every combination of offsets that agrees with what the thread knows about itself.
fn find(witness: &Witness) -> Vec<[usize; 4]> {
    let words = witness.descriptor.len();
    let mut found = Vec::new();
    for tid in (8..words).map(|index| index * 8) {
        if witness.descriptor[tid / 8] as u32 != witness.tid {
            continue;
        }
        // In glibc the block's address, its size and its guard size stand one after the other.
        for block in (0..words - 2).map(|index| index * 8) {
            let offsets = [tid, block, block + 8, block + 16];
            if fits(witness, offsets) {
                found.push(offsets);
            }
        }
    }
    found
}

/// Whether the offsets agree with what the thread knows about itself.
fn fits(witness: &Witness, [tid, block, size, guard]: [usize; 4]) -> bool {
    let word = |offset: usize| witness.descriptor[offset / 8];
    let (block, size, guard) = (word(block), word(size), word(guard));
    word(tid) as u32 == witness.tid
        && block.checked_add(size) == Some(witness.high)
        && guard == witness.guard
        // Whether pthread_getattr_np counts the guard as a part of the stack differs between versions.
        && (size == witness.size || size == witness.size + guard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_thread_stack_in_its_descriptor() {
        assert!(
            calibrate(),
            "this C library keeps no recognisable thread descriptor"
        );
        for stack in [64 << 10, 300 << 10, 9 << 20] {
            let (bounds, address, known) = std::thread::Builder::new()
                .stack_size(stack)
                .spawn(|| {
                    let here = 0u64;
                    let witness = observe().unwrap();
                    (
                        of_current_thread(crate::sys::current_tid()),
                        &raw const here as u64,
                        witness.high,
                    )
                })
                .unwrap()
                .join()
                .unwrap();
            let bounds = bounds.expect("no bounds for a std thread");
            assert!(bounds.low < address && address < bounds.high);
            assert_eq!(bounds.high, known);
        }
    }

    #[test]
    fn another_thread_id_is_not_believed() {
        assert!(calibrate());
        assert_eq!(
            std::thread::spawn(|| of_current_thread(1)).join().unwrap(),
            None
        );
    }
}
