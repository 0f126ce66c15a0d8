//! A sleeper whose stack cannot be taken from outside is asked to show it itself: by one signal, and only where the program wants that.
//!
//! In: a thread that has been blocked for a while, and whose capture failed. Out: one expiry of a timer that speaks for no time; the handler's record of
//! it is the answer. It is believed when the thread has done nothing since but handle the signal: its clock has moved by no more than that takes,
//! and it sleeps in the same place again. The signal may end a system call with EINTR, which is why nobody is asked by default.

use super::capture::Capturer;
use super::roster::Roster;
use super::syscall_file::Place;
use super::watched::Watched;
use crate::signal::source::Scope;
use crate::sys;
use crate::timer::CpuTimer;
use hotpoll_profile::{CaptureFailure, State, Truncation};

/// Who is asked has slept for so long: others show themselves when they run.
const SETTLED_NS: u64 = 100_000_000;
/// No thread is asked sooner after the last time, and twice as long each time that it did not help, up to so often.
const PAUSE_NS: u64 = 1_000_000_000;
const MOST_DOUBLINGS: u32 = 6;
/// Without an answer for so long, there is none: rings are emptied more often.
const PATIENCE_NS: u64 = 10_000_000_000;
/// Handling the signal, and beginning the system call again, takes less than this, on a crowded machine and with cold caches too.
const HANDLED_WITHIN_NS: u64 = 2_000_000;
/// A system call that is begun again is interrupted on its own instruction, which has this length; else on the next one.
const SYSCALL_BYTES: u64 = 2;

/// When a thread is asked, and what it was doing then.
#[derive(Default)]
pub(super) struct Asking {
    open: Option<Open>,
    not_before_ns: u64,
    in_vain: u32,
}

struct Open {
    /// Deleted with this.
    _timer: CpuTimer,
    at_ns: u64,
    cpu_ns: u64,
    /// `None` where the kernel does not say.
    place: Option<Place>,
}

impl Watched {
    /// Asks the thread, if it should be: whether it was.
    pub fn ask(&mut self, capturer: &Capturer, roster: &Roster, now_ns: u64) -> bool {
        use CaptureFailure::{ForeignStack, NoStackPointer, Unreadable, Unwind};
        let look = self.last();
        let cannot_be_taken = matches!(
            look.failure,
            Some(NoStackPointer | ForeignStack | Unreadable | Unwind)
        );
        // A signal does not reach one that is uninterruptible, and would find it elsewhere.
        let is_asleep = look.state.is_blocked() && look.state != State::Uninterruptible;
        if !cannot_be_taken || !is_asleep || look.state_ns < SETTLED_NS {
            return false;
        }
        if self.asking.open.is_some() || now_ns < self.asking.not_before_ns {
            return false;
        }
        let member = self.member();
        let Some((id, _)) = member.slot else {
            return false;
        };
        let Some(cpu_ns) = sys::clock_ns(sys::thread_cpu_clock(member.tid)) else {
            return false;
        };
        let tid = member.tid;
        let place = self.place(capturer);
        let asking = &mut self.asking;
        asking.not_before_ns = now_ns + (PAUSE_NS << asking.in_vain.min(MOST_DOUBLINGS));
        asking.in_vain += 1;
        let timer = CpuTimer::once(tid, roster.signal, id, roster.tag, Scope::Nothing);
        asking.open = timer.ok().map(|timer| Open {
            _timer: timer,
            at_ns: now_ns,
            cpu_ns,
            place,
        });
        asking.open.is_some()
    }

    /// Whether an answer is awaited.
    pub fn is_asked(&mut self, now_ns: u64) -> bool {
        let open = &mut self.asking.open;
        open.take_if(|open| now_ns.saturating_sub(open.at_ns) > PATIENCE_NS);
        open.is_some()
    }

    /// The thread has shown its stack in the signal.
    pub fn answer(&mut self, capturer: &Capturer, truncation: Truncation, callchain: &[u64]) {
        let Some(open) = self.asking.open.take() else {
            return; // it was not asked: a long poll's timer
        };
        let cpu_ns = sys::clock_ns(sys::thread_cpu_clock(self.tid()));
        let Some(cpu_ns) = cpu_ns.filter(|now| {
            now.checked_sub(open.cpu_ns)
                .is_some_and(|used| used <= HANDLED_WITHIN_NS)
        }) else {
            return;
        };
        let is_whole = matches!(truncation, Truncation::Complete | Truncation::Depth);
        if !is_whole || self.place(capturer) != open.place {
            return;
        }
        let mut callchain = callchain.to_vec();
        if let (Some(Place::Blocked { pc, .. }), Some(leaf)) = (open.place, callchain.first_mut()) {
            if pc.wrapping_sub(*leaf) > SYSCALL_BYTES {
                return;
            }
            *leaf = pc;
        }
        self.asking.in_vain = 0;
        self.show(truncation, &callchain, cpu_ns);
    }
}
