//! Through the frame that the kernel makes for a signal handler.

use super::*;

/// The kernel's frame as glibc describes it: everything at fixed places above rsp.
fn signal_frame() -> Says {
    Frame(FullRule {
        cfa: CfaRule::Deref {
            base: Base::Sp,
            offset: 160,
            add: 0,
        },
        bp: BpRule::AtSp(120),
        ra: RaRule::AtSp(168),
        signal: true,
    })
}

/// A handler (function 0) returns into the trampoline (function 1), whose frame says that `pc` was interrupted with these registers.
fn interrupted(pc: u64, sp: u64, bp: u64, rest: &[u64]) -> Vec<u64> {
    let mut stack = vec![0; 23];
    stack[0] = TEXT + 0x101;
    stack[1 + 120 / 8] = bp;
    stack[1 + 160 / 8] = sp;
    stack[1 + 168 / 8] = pc;
    stack.extend(rest);
    stack
}

#[test]
fn signal_frame_leads_to_the_interrupted_instruction() {
    // What was interrupted is the first instruction of function 2: one byte before it is another function.
    let functions = [
        Frame(sp(8, BpRule::Same)),
        signal_frame(),
        Frame(sp(8, BpRule::Same)),
        Frame(bp(16, BpRule::Same)),
        Outermost,
    ];
    let stack = interrupted(
        TEXT + 0x200,
        STACK + 23 * 8,
        STACK + 25 * 8,
        &[at(3), 0, 0, at(4)],
    );
    check(
        &functions,
        leaf(at(0)),
        &stack,
        (
            &[at(0), TEXT + 0x101, TEXT + 0x201, at(3), at(4)],
            Truncation::Complete,
            0,
        ),
    );
}

/// A signal handler's alternate stack, and the one that the signal interrupted.
struct TwoStacks<'a>([(u64, &'a [u64]); 2]);

impl crate::unwind::StackReader for TwoStacks<'_> {
    fn read(&self, address: u64) -> Option<u64> {
        self.0.iter().find_map(|stack| stack.read(address))
    }
}

#[test]
fn signal_frame_may_lead_down_to_another_stack() {
    let functions = [
        Frame(sp(8, BpRule::Same)),
        signal_frame(),
        Frame(sp(8, BpRule::Same)),
        Outermost,
    ];
    let alternate = interrupted(at(2), 0x1000, 0, &[]);
    let tables = tables(&functions);
    let mut out = [0; 8];
    let stacks = TwoStacks([(STACK, &alternate[..]), (0x1000, &[at(3)][..])]);
    let walk = walk(
        &tables,
        &mut RuleCache::new(),
        leaf(at(0)),
        &stacks,
        &mut out,
    );
    assert_eq!(
        (&out[..walk.frames], walk.end),
        (
            &[at(0), TEXT + 0x101, at(2) + 1, at(3)][..],
            Truncation::Complete
        )
    );
}

#[test]
fn signal_frames_that_lead_in_circles_end() {
    let mut stack = interrupted(TEXT + 0x110, STACK, 0, &[]);
    stack.rotate_left(1);
    let tables = tables(&[Outermost, signal_frame()]);
    let mut out = [0; 64];
    let walk = walk(
        &tables,
        &mut RuleCache::new(),
        leaf(TEXT + 0x110),
        &(STACK, &stack[..]),
        &mut out,
    );
    assert_eq!(
        (walk.frames, walk.end),
        (1 + MAX_SIGNAL_FRAMES as usize, Truncation::NoProgress)
    );
}
