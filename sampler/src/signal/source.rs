//! Whose signal is it: one of our timers', one of our perf events', our own test's, or somebody else's.
//!
//! A POSIX timer's cookie carries the slot's number, the slot's generation, this process's random tag, and for which time the timer speaks. It is compared, never followed.
#![allow(unsafe_code)] // It reads the kernel's siginfo, which libc knows only in part.

use crate::broken::{self, Defect};
use crate::fork;
use crate::slot::table::{self, Descriptor, SlotId};
use hotpoll_profile::Engine;
use std::sync::atomic::Ordering;

/// The siginfo as the kernel lays it out on x86-64, for the two kinds of signal that our timers send.
#[repr(C)]
struct Layout {
    signal: i32,
    errno: i32,
    code: i32,
    padding: i32,
    /// Timer: timer ID (4 bytes) and overrun count (4 bytes). Poll: band (8 bytes).
    first: [i32; 2],
    /// Timer and queue: the cookie. Poll: the descriptor (4 bytes).
    second: u64,
}
const _: () =
    assert!(size_of::<Layout>() == 32 && size_of::<Layout>() <= size_of::<libc::siginfo_t>());

/// Codes of a descriptor's SIGIO (asm-generic/siginfo.h).
const POLL_IN: i32 = 1;
const POLL_HUP: i32 = 6;

/// Which of a thread's time a timer speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All that it fires on.
    All,
    /// Only what it finds in the kernel: the rest is the perf event's.
    KernelOnly,
    /// None: it shows where the thread is while a poll of its takes long, and another timer accounts for the time.
    Nothing,
}

/// What expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub engine: Engine,
    /// How many times: once, and the overruns; none where the timer speaks for no time.
    pub count: u32,
    pub scope: Scope,
}

/// What a signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Not ours: it goes to the handler that was there before.
    Foreign,
    /// Ours, but nobody wants it any more: the timer or the perf event is gone.
    Stale,
    /// A timer of this slot expired.
    Expired(SlotId, Expiry),
    /// The calibration's signal to itself.
    Calibration,
}

/// The bits of the tag that a cookie carries, above the slot's number and generation.
const TAG_MASK: u64 = 0x3fff_ffff;
/// Marks the timer that stands beside a perf event and speaks for the kernel only.
const COMPANION: u64 = 1 << 63;
/// Marks the timer that speaks for no time at all.
const WATCH: u64 = 1 << 62;

/// Builds the cookie of a slot's POSIX timer.
pub(crate) fn cookie(id: SlotId, tag: u64, scope: Scope) -> u64 {
    let companion = match scope {
        Scope::All => 0,
        Scope::KernelOnly => COMPANION,
        Scope::Nothing => WATCH,
    };
    u64::from(id.number) | u64::from(id.generation) << 16 | (tag & TAG_MASK) << 32 | companion
}

/// The cookie of the calibration's signals: a slot number and generation that no slot has together.
pub(crate) fn calibration_cookie(tag: u64) -> u64 {
    cookie(
        SlotId {
            number: 0,
            generation: 0,
        },
        tag,
        Scope::All,
    )
}

/// Tells what the signal is. Called in SIGPROF.
///
/// # Safety
/// `info` is the siginfo that the kernel passed to a handler installed with SA_SIGINFO.
pub(crate) unsafe fn identify(info: *const libc::siginfo_t) -> Source {
    let Some(page) = fork::page() else {
        return Source::Foreign;
    };
    // Relaxed: set once before the first timer is armed, and zero in a forked child, where no signal is ours.
    let tag = page.tag.load(Ordering::Relaxed);
    if tag == 0 || info.is_null() {
        return Source::Foreign;
    }
    // SAFETY: the kernel's siginfo is 128 bytes, aligned for its 8-byte fields; `Layout` has integers only.
    let info = unsafe { &*info.cast::<Layout>() };
    match info.code {
        libc::SI_TIMER | libc::SI_QUEUE => {
            if info.second >> 32 & TAG_MASK != tag & TAG_MASK {
                return Source::Foreign;
            }
            if info.code == libc::SI_QUEUE {
                return if info.second == calibration_cookie(tag) {
                    Source::Calibration
                } else {
                    Source::Foreign
                };
            }
            let mut overrun = u32::try_from(info.first[1]).unwrap_or(0);
            if broken::is(Defect::IgnoresOverruns) {
                overrun = 0;
            }
            let id = SlotId {
                number: info.second as u16,
                generation: (info.second >> 16) as u16,
            };
            let (scope, count) = match info.second & (COMPANION | WATCH) {
                0 => (Scope::All, overrun.saturating_add(1)),
                COMPANION => (Scope::KernelOnly, overrun.saturating_add(1)),
                _ => (Scope::Nothing, 0),
            };
            Source::Expired(
                id,
                Expiry {
                    engine: Engine::Ctimer,
                    count,
                    scope,
                },
            )
        }
        // A perf event's overflow comes as the descriptor's SIGIO, moved to our signal: POLL_IN, or POLL_HUP for the last one.
        POLL_IN | POLL_HUP => match table::by_descriptor(info.second as i32) {
            Descriptor::Slot(id) => Source::Expired(
                id,
                Expiry {
                    engine: Engine::Perf,
                    count: 1,
                    scope: Scope::All,
                },
            ),
            Descriptor::Closed => Source::Stale,
            Descriptor::Foreign => Source::Foreign,
        },
        _ => Source::Foreign,
    }
}
