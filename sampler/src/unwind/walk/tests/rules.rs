//! Each kind of rule.

use super::*;

#[test]
fn frames_from_rsp_to_the_thread_start() {
    check(
        &[
            Frame(sp(8, BpRule::Same)),
            Frame(sp(24, BpRule::Same)),
            Outermost,
        ],
        leaf(at(0)),
        &[at(1), 0, 0, at(2)],
        (&[at(0), at(1), at(2)], Truncation::Complete, 0),
    );
}

#[test]
fn frame_from_rbp_and_rbp_from_the_stack() {
    check(
        &[
            Frame(sp(16, BpRule::AtCfa(-16))),
            Frame(bp(16, BpRule::AtCfa(-16))),
            Outermost,
        ],
        leaf(at(0)),
        // Function 0 pushed rbp; function 1's frame is found from it.
        &[STACK + 0x20, at(1), 0, 0, 0x1, at(2)],
        (&[at(0), at(1), at(2)], Truncation::Complete, 0),
    );
}

#[test]
fn rbp_is_carried_through_frames_that_keep_it() {
    check(
        &[
            Frame(sp(8, BpRule::Same)),
            Frame(bp(16, BpRule::AtCfa(-16))),
            Outermost,
        ],
        Registers {
            pc: at(0),
            sp: STACK,
            bp: Some(STACK + 8),
        },
        &[at(1), 0, at(2)],
        (&[at(0), at(1), at(2)], Truncation::Complete, 0),
    );
}

#[test]
fn return_address_belongs_to_the_call_before_it() {
    // A call at the very end of function 1 returns to the first byte of function 2.
    let first_of_2 = TEXT + 0x200;
    check(
        &[
            Frame(sp(8, BpRule::Same)),
            Frame(sp(16, BpRule::Same)),
            Unsupported,
            Outermost,
        ],
        leaf(at(0)),
        &[first_of_2, 0, at(3)],
        (&[at(0), first_of_2, at(3)], Truncation::Complete, 0),
    );
}

#[test]
fn leaf_at_the_first_byte_of_a_function_is_that_function() {
    check(
        &[Unsupported, Frame(sp(8, BpRule::Same)), Outermost],
        leaf(TEXT + 0x100),
        &[at(2)],
        (&[TEXT + 0x100, at(2)], Truncation::Complete, 0),
    );
}

#[test]
fn frame_of_400_kb() {
    let mut stack = vec![0; 50_001];
    stack[50_000] = at(1);
    check(
        &[Frame(sp(400_008, BpRule::Same)), Outermost],
        leaf(at(0)),
        &stack,
        (&[at(0), at(1)], Truncation::Complete, 0),
    );
}

#[test]
fn aligned_frame_keeps_its_cfa_on_the_stack() {
    // gcc: the CFA was saved below rbp before the stack was aligned; rbp itself is at rbp + 0.
    check(
        &[
            Frame(frame(
                CfaRule::Deref {
                    base: Base::Bp,
                    offset: -8,
                    add: 0,
                },
                BpRule::AtBp(0),
            )),
            Frame(bp(16, BpRule::AtCfa(-16))),
            Outermost,
        ],
        Registers {
            pc: at(0),
            sp: STACK,
            bp: Some(STACK + 0x10),
        },
        &[0, STACK + 0x30, STACK + 0x38, 0, 0, at(1), 0, 0x1, at(2)],
        (&[at(0), at(1), at(2)], Truncation::Complete, 0),
    );
}

#[test]
fn assembly_that_saved_rsp_in_its_frame() {
    check(
        &[
            Frame(frame(
                CfaRule::Deref {
                    base: Base::Sp,
                    offset: 16,
                    add: 8,
                },
                BpRule::Same,
            )),
            Outermost,
        ],
        leaf(at(0)),
        &[0, 0, STACK + 0x18, at(1)],
        (&[at(0), at(1)], Truncation::Complete, 0),
    );
}

#[test]
fn plt_stub_before_and_after_its_push() {
    let plt = || {
        Frame(frame(
            CfaRule::Plt {
                offset: 8,
                pushed_at: 11,
            },
            BpRule::Same,
        ))
    };
    check(
        &[plt(), Outermost],
        leaf(TEXT + 0x3a),
        &[at(1)],
        (&[TEXT + 0x3a, at(1)], Truncation::Complete, 0),
    );
    check(
        &[plt(), Outermost],
        leaf(TEXT + 0x3b),
        &[7, at(1)],
        (&[TEXT + 0x3b, at(1)], Truncation::Complete, 0),
    );
}

/// Walks with all registers saved: rax and r9 as given.
#[track_caller]
fn check_interrupted(
    functions: &[Says],
    [rax, r9]: [u64; 2],
    stack: &[u64],
    expected: (&[u64], Truncation),
) {
    let mut saved: SavedRegisters = [0; 23];
    saved[libc::REG_RIP as usize] = at(0) as i64;
    saved[libc::REG_RSP as usize] = STACK as i64;
    saved[libc::REG_RAX as usize] = rax as i64;
    saved[libc::REG_R9 as usize] = r9 as i64;
    let mut out = [0; 16];
    let walk = walk_interrupted(
        &tables(functions),
        &mut RuleCache::new(),
        &saved,
        &(STACK, stack),
        &mut out,
    );
    assert_eq!((&out[..walk.frames], walk.end), expected);
}

const RAX: u8 = libc::REG_RAX as u8;
const R9: u8 = libc::REG_R9 as u8;

#[test]
fn leaf_may_keep_its_frame_in_any_register() {
    let by_rax = || {
        Frame(frame(
            CfaRule::Offset {
                base: Base::Saved(RAX),
                offset: 8,
            },
            BpRule::Same,
        ))
    };
    let stack = [0, 0, at(1), 0];
    check_interrupted(
        &[by_rax(), Outermost],
        [STACK + 16, 0],
        &stack,
        (&[at(0), at(1)], Truncation::Complete),
    );
    // In a caller, rax is not what it was.
    let stack = [at(1), 0, at(2), 0];
    check_interrupted(
        &[Frame(sp(8, BpRule::Same)), by_rax(), Outermost],
        [STACK + 16, 0],
        &stack,
        (&[at(0), at(1)], Truncation::UnsupportedRule),
    );
    // Nor is it known without the saved registers.
    check(
        &[by_rax(), Outermost],
        leaf(at(0)),
        &stack,
        (&[at(0)], Truncation::UnsupportedRule, 0),
    );
}

#[test]
fn leaf_may_count_the_words_of_its_frame() {
    let rule = || {
        Frame(frame(
            CfaRule::DerefIndexed {
                offset: 8,
                index: R9,
                add: 8,
            },
            BpRule::Same,
        ))
    };
    let stack = [0, 0, 0, STACK + 32, at(1)];
    check_interrupted(
        &[rule(), Outermost],
        [0, 2],
        &stack,
        (&[at(0), at(1)], Truncation::Complete),
    );
    check_interrupted(
        &[rule(), Outermost],
        [0, u64::MAX / 3],
        &stack,
        (&[at(0)], Truncation::StackRead),
    );
}

#[test]
fn leaf_may_have_popped_its_return_address() {
    let popped = || {
        Frame(FullRule {
            cfa: CfaRule::Offset {
                base: Base::Sp,
                offset: 0,
            },
            bp: BpRule::Same,
            ra: RaRule::Saved(RAX),
            signal: false,
        })
    };
    check_interrupted(
        &[popped(), Frame(sp(8, BpRule::Same)), Outermost],
        [at(1), 0],
        &[at(2)],
        (&[at(0), at(1), at(2)], Truncation::Complete),
    );
}
