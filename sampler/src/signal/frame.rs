//! The interrupted context: its registers, and how much stack the handler itself has.
#![allow(unsafe_code)] // It reads the kernel's ucontext and the stack pointer.

use super::stack_bounds::StackBounds;
use crate::unwind::SavedRegisters;

/// Below the stack pointer code may use this much without saying so (psABI); the kernel puts a signal's frame under it.
pub(super) const RED_ZONE: u64 = 128;
/// The smallest page of this architecture.
const PAGE: u64 = 4096;

/// What the handler takes from the ucontext, once.
#[derive(Clone, Copy)]
pub(crate) struct Interrupted<'c> {
    pub pc: u64,
    pub sp: u64,
    /// All of them: unwinding starts from here, and hand-written code may keep its frame's address in any.
    pub registers: &'c SavedRegisters,
    /// The thread's alternate signal stack; `alternate_size` is 0 when it has none.
    pub alternate_low: u64,
    pub alternate_size: u64,
}

impl<'c> Interrupted<'c> {
    /// Reads the context. Called in SIGPROF.
    ///
    /// # Safety
    /// `context` is the ucontext that the kernel passed to the handler that is running, and the value is used in that handler only.
    pub unsafe fn read(context: *const libc::c_void) -> Self {
        // SAFETY: the kernel wrote a ucontext_t there, for the handler that is running; it stays until the handler returns.
        let context: &'c libc::ucontext_t = unsafe { &*context.cast() };
        let registers = &context.uc_mcontext.gregs;
        Self {
            pc: registers[libc::REG_RIP as usize] as u64,
            sp: registers[libc::REG_RSP as usize] as u64,
            registers,
            alternate_low: context.uc_stack.ss_sp as u64,
            alternate_size: if context.uc_stack.ss_flags & libc::SS_DISABLE == 0 {
                context.uc_stack.ss_size as u64
            } else {
                0
            },
        }
    }

    /// Where a handler would begin that is not to run on the alternate stack; `None` when it is where it would be anyway. Called in SIGPROF.
    pub fn stack_without_alternate(&self) -> Option<u64> {
        let on_alternate = |sp: u64| sp.wrapping_sub(self.alternate_low) < self.alternate_size;
        (on_alternate(stack_pointer()) && !on_alternate(self.sp))
            .then(|| self.sp.wrapping_sub(RED_ZONE))
    }

    /// How much stack the handler has left. Called in SIGPROF.
    ///
    /// On the alternate stack or on the thread's own, down to its end. Elsewhere (a coroutine's stack on a thread without an alternate one, or
    /// a stack that is not known yet) only the rest of the page is certain: the kernel has just written there.
    pub fn room(&self, stack: Option<StackBounds>) -> u64 {
        let here = stack_pointer();
        let on_alternate = here.wrapping_sub(self.alternate_low);
        match stack {
            _ if on_alternate < self.alternate_size => on_alternate,
            Some(stack) if stack.contains(here) => here.wrapping_sub(stack.low),
            _ => here % PAGE,
        }
    }
}

/// How much stack the handler has left if it runs on the alternate stack; otherwise `u64::MAX`. Called in SIGPROF.
///
/// # Safety
/// As for [`Interrupted::read`].
pub(super) unsafe fn room_on_alternate_stack(context: *const libc::c_void) -> u64 {
    // SAFETY: the kernel wrote a ucontext_t there, for the handler that is running.
    let stack = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_stack };
    let room = stack_pointer().wrapping_sub(stack.ss_sp as u64);
    // The size is 0 where there is none.
    if room < stack.ss_size as u64 {
        room
    } else {
        u64::MAX
    }
}

/// The stack pointer here.
#[inline(always)]
pub(crate) fn stack_pointer() -> u64 {
    let sp: u64;
    // SAFETY: it copies a register and touches nothing else.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags))
    };
    sp
}
