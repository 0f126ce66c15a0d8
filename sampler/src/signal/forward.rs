//! Foreign signals go to the handler that was there before us.
//!
//! A default action is never executed: SIGPROF's would end the process. The earlier handler runs on the stack that it asked for, as it would
//! without us: one without SA_ONSTACK may need far more than an alternate stack has. Its own signal mask is not reproduced; all
//! signals but the fault signals are blocked while it runs. What it loses is EINTR: our handler restarts system calls, for every signal.
#![allow(unsafe_code)] // It calls the earlier handler through its address.

use super::frame::Interrupted;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// Signals are numbered from 1 to 64.
const SIGNALS: usize = 65;

/// One earlier action for each signal that was ever ours: a later start may use another signal than the first.
static ACTIONS: [Action; SIGNALS] = [const {
    Action {
        handler: AtomicUsize::new(libc::SIG_DFL),
        flags: AtomicI32::new(0),
    }
}; SIGNALS];

struct Action {
    handler: AtomicUsize,
    flags: AtomicI32,
}

fn action(signal: libc::c_int) -> Option<&'static Action> {
    ACTIONS.get(usize::try_from(signal).ok()?)
}

/// Remembers the action that was installed before ours. Ordinary code, before ours is installed.
pub(crate) fn remember(signal: libc::c_int, previous: &libc::sigaction) {
    if let Some(action) = action(signal) {
        action.flags.store(previous.sa_flags, Ordering::Relaxed);
        // Release: whoever sees the handler sees its flags.
        action
            .handler
            .store(previous.sa_sigaction, Ordering::Release);
    }
}

/// Passes a signal on. Called in SIGPROF.
///
/// # Safety
/// The arguments are those that the kernel gave to our handler, which is running.
#[cold]
#[inline(never)] // a sample should not carry this frame
pub(super) unsafe fn forward(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let Some(action) = action(signal) else { return };
    let handler = action.handler.load(Ordering::Acquire);
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        return;
    }
    let here = 0u8;
    let Some(_under_way) = UnderWay::begin(info as usize, &raw const here as usize) else {
        return;
    };
    // SAFETY: the context is the kernel's.
    let interrupted = unsafe { Interrupted::read(context) };
    let arguments = Arguments {
        handler,
        signal,
        info,
        context,
    };
    match interrupted.stack_without_alternate() {
        Some(stack) if action.flags.load(Ordering::Relaxed) & libc::SA_ONSTACK == 0 => {
            // SAFETY: the stack is the interrupted one, below the red zone of what was interrupted: where the kernel would have put it.
            unsafe { call_on(stack, &arguments) }
        }
        _ => {
            // SAFETY: the earlier owner installed this address as a handler, so it takes these arguments, or fewer: the C calling convention
            // lets a function ignore what it does not take.
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
    }
}

/// How many threads may be forwarding at one moment; of more, the guard below forgets some, and their signals go round once more.
const MOST_UNDER_WAY: usize = 64;

/// The signals that are being forwarded: where each one's siginfo lies, and the frame that forwards it, in one word. A siginfo lies on the stack of the
/// thread that it was sent to, so its address names the call; but a handler that leaves by a jump leaves its entry here, and a later signal's siginfo
/// may lie at the same place. That one is forwarded by a frame at the same place too; what comes round again, by another frame.
static UNDER_WAY: [AtomicU64; MOST_UNDER_WAY] = [const { AtomicU64::new(0) }; MOST_UNDER_WAY];
/// Whose entry goes when there is no room.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Bits of a word that tell frames apart: 16 bytes each, 16 MiB together.
const FRAME_BITS: u32 = 20;

fn word(siginfo: usize, frame: usize) -> u64 {
    (siginfo as u64) >> 3 << FRAME_BITS | (frame as u64) >> 4 & ((1 << FRAME_BITS) - 1)
}

/// A signal being forwarded, so that it goes round once.
///
/// A handler that was installed over ours and calls the one before it calls us. Met at our next start, it is the one before ours: then each
/// forwarded to the other until the stack was gone.
struct UnderWay {
    entry: &'static AtomicU64,
    word: u64,
}

impl UnderWay {
    /// `None` when this very signal is being forwarded already. Called in SIGPROF.
    fn begin(siginfo: usize, frame: usize) -> Option<Self> {
        let word = word(siginfo, frame);
        // Relaxed: the entry that matters was written by this same thread, further up its stack.
        for entry in &UNDER_WAY {
            let other = entry.load(Ordering::Relaxed);
            if other == word {
                return Some(Self { entry, word }); // left by a jump
            }
            if other >> FRAME_BITS == word >> FRAME_BITS {
                return None;
            }
        }
        let free = UNDER_WAY.iter().find(|entry| {
            entry
                .compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        });
        let entry = match free {
            Some(entry) => entry,
            None => {
                // Most of them were left by jumps. One that was not goes round once more, and then finds the entry that it makes there.
                let place = NEXT.fetch_add(1, Ordering::Relaxed) % MOST_UNDER_WAY;
                let entry = UNDER_WAY.get(place)?;
                entry.store(word, Ordering::Relaxed);
                entry
            }
        };
        Some(Self { entry, word })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Unless it went to another.
        let _ = self
            .entry
            .compare_exchange(self.word, 0, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A handler and what it is told.
struct Arguments {
    handler: usize,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
}

/// Calls the handler on another stack than the alternate one, on which we are. Called in SIGPROF.
///
/// Meanwhile a fault may come whose handler wants the alternate stack: the kernel would begin at its top, where our own frames are. So there is
/// none meanwhile, and such a handler runs on the same stack as the one that we call. The kernel puts the alternate stack in force again when we
/// return, from the context that it saved. (A handler that does not return but jumps out leaves its thread without an alternate stack. No code of ours
/// runs after such a jump, so that cannot be helped: a shorter alternate stack would be used up by a few of them.)
///
/// # Safety
/// `stack` may be used from there down, and the handler is one for signals.
unsafe fn call_on(stack: u64, arguments: &Arguments) {
    let none = libc::stack_t {
        ss_sp: std::ptr::null_mut(),
        ss_flags: libc::SS_DISABLE,
        ss_size: 0,
    };
    // SAFETY: the caller answers for the stack and the handler. rsp is kept in a register that calls keep, and put back. The system call
    // refuses while the stack pointer is on the alternate stack, so it stands behind the switch; it reads `none` only.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, r13",
            "and rsp, -16",
            "mov eax, {sigaltstack}",
            "xor esi, esi",
            "syscall",
            "mov edi, [r14 + {signal}]",
            "mov rsi, [r14 + {info}]",
            "mov rdx, [r14 + {context}]",
            "call [r14 + {handler}]",
            "mov rsp, r12",
            sigaltstack = const libc::SYS_sigaltstack,
            signal = const std::mem::offset_of!(Arguments, signal),
            info = const std::mem::offset_of!(Arguments, info),
            context = const std::mem::offset_of!(Arguments, context),
            handler = const std::mem::offset_of!(Arguments, handler),
            inout("rdi") &none => _,
            in("r13") stack,
            in("r14") arguments,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_jump_left_behind_is_in_nobodys_way() {
        let (siginfo, frame) = (0x7f00_0000_1008, 0x7f00_0000_0f00);
        let first = UnderWay::begin(siginfo, frame).unwrap();
        // Round again: another frame, further down.
        assert!(UnderWay::begin(siginfo, frame - 0x300).is_none());
        // The next one at the same place, after a jump out of the first.
        std::mem::forget(first);
        let next = UnderWay::begin(siginfo, frame).unwrap();
        assert!(UnderWay::begin(siginfo, frame - 0x300).is_none());
        drop(next);
        drop(UnderWay::begin(siginfo, frame - 0x300).unwrap());
        // More of them than there is room for: the guard still guards.
        for left in 0..200 {
            std::mem::forget(UnderWay::begin(siginfo + 0x1000 * left, frame).unwrap());
        }
        let last = UnderWay::begin(siginfo - 0x1000, frame).unwrap();
        assert!(UnderWay::begin(siginfo - 0x1000, frame - 0x300).is_none());
        drop(last);
    }
}
