//! A stack of return addresses, kept by watching calls and the stack pointer.

use hotpoll_sampler::unwind::Registers;

use crate::tracee::Tracee;

/// A call is at most this long, with all the prefixes that linkers put before it.
const LONGEST_CALL: u64 = 8;
const RED_ZONE: u64 = 128;

/// The calls that have not returned.
pub struct Shadow {
    /// Outermost first: the address to return to, and the stack slot that holds it.
    calls: Vec<(u64, u64)>,
    /// The callchain above the traced code, leaf first.
    outer: Vec<u64>,
    before: Registers,
}

impl Shadow {
    /// At the first instruction of a function: its return address is on top of the stack. `callers` starts with it.
    pub fn new(tracee: &Tracee, callers: &[u64]) -> Self {
        let registers = tracee.registers();
        let return_address = tracee.word(registers.sp);
        assert_eq!(callers.first(), Some(&return_address));
        Self {
            calls: vec![(return_address, registers.sp)],
            outer: callers[1..].to_vec(),
            before: registers,
        }
    }

    /// Whether the traced function has returned.
    pub fn is_done(&self) -> bool {
        self.calls.is_empty()
    }

    /// What the walk should give.
    pub fn callchain(&self, pc: u64) -> Vec<u64> {
        std::iter::once(pc)
            .chain(self.calls.iter().rev().map(|&(address, _)| address))
            .chain(self.outer.iter().copied())
            .collect()
    }

    /// One instruction was executed, or a signal handler entered.
    pub fn follow(&mut self, tracee: &Tracee, signalled: bool) {
        let now = tracee.registers();
        let before = std::mem::replace(&mut self.before, now);
        if signalled {
            // The kernel put a frame below the red zone and "called" the handler from the trampoline. The interrupted instruction comes back
            // when the stack pointer does.
            self.calls.push((before.pc + 1, before.sp - RED_ZONE));
            self.calls.push((tracee.word(now.sp), now.sp));
            return;
        }
        if now.sp == before.sp.wrapping_sub(8) {
            let pushed = tracee.word(now.sp);
            let length = pushed.wrapping_sub(before.pc);
            if (2..=LONGEST_CALL).contains(&length)
                && is_call(&tracee.code(before.pc)[..length as usize])
            {
                self.calls.push((pushed, now.sp));
                return;
            }
        }
        // A slot that the stack pointer has risen past is gone: after a return, an unwound panic, a longjmp, a sigreturn.
        if now.sp > before.sp || now.sp < self.lowest_slot() {
            while self.calls.last().is_some_and(|&(_, slot)| slot < now.sp) {
                self.calls.pop();
            }
        }
    }

    fn lowest_slot(&self) -> u64 {
        self.calls.last().map_or(u64::MAX, |&(_, slot)| slot)
    }
}

/// Whether these bytes, which pushed the address behind them, are a call and not a push.
fn is_call(instruction: &[u8]) -> bool {
    let is_prefix =
        |byte: u8| matches!(byte, 0x66 | 0x67 | 0x2e | 0x3e | 0xf2 | 0xf3 | 0x40..=0x4f);
    let operation = instruction
        .iter()
        .position(|&byte| !is_prefix(byte))
        .map(|at| &instruction[at..]);
    match operation {
        Some([0xe8, ..]) => true,
        Some([0xff, modrm, ..]) => modrm >> 3 & 7 == 2,
        _ => false,
    }
}
