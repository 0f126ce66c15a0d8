//! The interrupted context: its registers, and how much stack the handler itself has.
#![allow(unsafe_code)] // It reads the kernel's ucontext and the stack pointer.

use crate::unwind::Registers;

/// What the handler takes from the ucontext, once.
#[derive(Clone, Copy)]
pub(crate) struct Interrupted {
    pub pc: u64,
    pub sp: u64,
    pub bp: u64,
    /// The thread's alternate signal stack; `alternate_size` is 0 when it has none.
    pub alternate_low: u64,
    pub alternate_size: u64,
}

impl Interrupted {
    /// Reads the context. Called in SIGPROF.
    ///
    /// # Safety
    /// `context` is the ucontext that the kernel passed to the handler that is running.
    pub unsafe fn read(context: *const libc::c_void) -> Self {
        // SAFETY: the kernel wrote a ucontext_t there, for the handler that is running; it stays until the handler returns.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        let registers = &context.uc_mcontext.gregs;
        Self {
            pc: registers[libc::REG_RIP as usize] as u64,
            sp: registers[libc::REG_RSP as usize] as u64,
            bp: registers[libc::REG_RBP as usize] as u64,
            alternate_low: context.uc_stack.ss_sp as u64,
            alternate_size: if context.uc_stack.ss_flags & libc::SS_DISABLE == 0 {
                context.uc_stack.ss_size as u64
            } else {
                0
            },
        }
    }

    /// The registers that unwinding starts from.
    pub fn registers(&self) -> Registers {
        Registers {
            pc: self.pc,
            sp: self.sp,
            bp: Some(self.bp),
        }
    }

    /// The lowest address that the handler's own stack may reach: the alternate stack's low end when the handler runs on it,
    /// otherwise the low end of the thread's stack (0 when that is not known).
    pub fn handler_stack_low(&self, thread_stack_low: u64) -> u64 {
        let here = stack_pointer();
        if here.wrapping_sub(self.alternate_low) < self.alternate_size {
            self.alternate_low
        } else {
            thread_stack_low
        }
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
