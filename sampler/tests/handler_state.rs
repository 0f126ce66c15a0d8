//! The interrupted code does not notice the handler: errno, the vector registers, the floating-point modes and the flags are as before.
#![allow(unsafe_code)] // registers

#[path = "guest_support/mod.rs"]
mod support;

use hotpoll_sampler::EngineSetting;
use std::arch::asm;
use support::{Agent, perf_permitted, shapes, with_engine};

fn often(test: &str, mut keeps: impl FnMut(u64) + Send) {
    support::in_child(test, || {
        let settings = if perf_permitted() {
            with_engine(10_000, EngineSetting::Perf)
        } else {
            with_engine(250, EngineSetting::Ctimer)
        };
        let agent = Agent::start(settings);
        let me = support::tid();
        let wanted = agent.watched.records_of(me) + if perf_permitted() { 2_000 } else { 200 };
        let mut round = 0;
        // A foreign signal now and then: it is told apart, and dropped.
        while agent.watched.records_of(me) < wanted {
            for _ in 0..2_000 {
                round += 1;
                keeps(round);
            }
            support::signal_thread(me, libc::SIGPROF);
        }
        agent.finish();
    });
}

#[test]
fn errno_is_kept() {
    often("errno_is_kept", |round| {
        let number = (round % 4_000) as i32 + 1;
        // SAFETY: the location is the calling thread's own.
        let location = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        unsafe { location.write_volatile(number) };
        std::hint::black_box(shapes::descend((round % 5) as u32));
        // SAFETY: as above.
        assert_eq!(unsafe { location.read_volatile() }, number);
    });
}

#[test]
fn registers_are_kept() {
    often("registers_are_kept", |round| {
        let seed = round.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (general, vector, flags): (u64, u64, u64);
        // Long enough to be interrupted inside: registers are filled, a loop runs, and they are read back.
        // SAFETY: it changes only the registers that it names; the direction and carry flags are put back.
        unsafe {
            asm!(
                "mov r8, {seed}",
                "mov r9, {seed}",
                "mov r10, {seed}",
                "movq xmm0, {seed}",
                "movq xmm7, {seed}",
                "movq xmm15, {seed}",
                "std",
                "stc",
                "mov ecx, 300",
                "2:",
                "lea rcx, [rcx - 1]",
                "jrcxz 3f",
                "jmp 2b",
                "3:",
                "pushfq",
                "pop {flags}",
                "cld",
                "xor r8, r9",
                "xor r9, r10",
                "or r8, r9",
                "xor r10, {seed}",
                "or r8, r10",
                "pxor xmm0, xmm7",
                "pxor xmm7, xmm15",
                "por xmm0, xmm7",
                "movq {vector}, xmm0",
                seed = in(reg) seed,
                out("rcx") _,
                flags = out(reg) flags,
                vector = lateout(reg) vector,
                out("r8") general,
                out("r9") _,
                out("r10") _,
                out("xmm0") _,
                out("xmm7") _,
                out("xmm15") _,
            );
        }
        assert_eq!((general, vector), (0, 0));
        const CARRY: u64 = 1;
        const DIRECTION: u64 = 1 << 10;
        assert_eq!(flags & (CARRY | DIRECTION), CARRY | DIRECTION);
    });
}

#[test]
fn floating_point_modes_are_kept() {
    often("floating_point_modes_are_kept", |round| {
        // The four rounding modes, in the SSE and in the x87 unit.
        let mode = (round % 4) as u32;
        let wanted = 0x1f80 | mode << 13;
        let wanted_x87 = 0x037f | (mode as u16) << 10;
        let (mut found, mut found_x87, mut third) = (0u32, 0u16, 1.0f64);
        // SAFETY: it sets the modes, does some arithmetic, reads them back and puts the usual ones in again.
        unsafe {
            asm!(
                "ldmxcsr [{wanted}]",
                "fldcw [{wanted_x87}]",
                "mov ecx, 100",
                "2:",
                "divsd {third}, {three}",
                "dec ecx",
                "jnz 2b",
                "stmxcsr [{found}]",
                "fnstcw [{found_x87}]",
                "ldmxcsr [{usual}]",
                "fninit",
                wanted = in(reg) &wanted,
                wanted_x87 = in(reg) &wanted_x87,
                found = in(reg) &mut found,
                found_x87 = in(reg) &mut found_x87,
                usual = in(reg) &0x1f80u32,
                third = inout(xmm_reg) third,
                three = in(xmm_reg) 3.0f64,
                out("ecx") _,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            );
        }
        std::hint::black_box(third);
        const MODES: u32 = !0x3f; // without the flags of what happened
        assert_eq!(found & MODES, wanted & MODES);
        assert_eq!(found_x87, wanted_x87);
    });
}
