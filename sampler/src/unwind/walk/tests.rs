//! Walks over literal stacks.

use std::sync::Arc;

use super::*;
use crate::unwind::TablesEntry;
use crate::unwind::builder::TableBuilder;

const TEXT: u64 = 0x40_0000;
const STACK: u64 = 0x7000;

fn frame(cfa: CfaRule, bp: BpRule) -> FullRule {
    FullRule {
        cfa,
        bp,
        ra: RaRule::AtCfa(-8),
        signal: false,
    }
}

fn sp(offset: i32, bp: BpRule) -> FullRule {
    frame(
        CfaRule::Offset {
            base: Base::Sp,
            offset,
        },
        bp,
    )
}

fn bp(offset: i32, saved: BpRule) -> FullRule {
    frame(
        CfaRule::Offset {
            base: Base::Bp,
            offset,
        },
        saved,
    )
}

/// What a function of the made-up module says about itself. Function n starts at TEXT + n * 0x100.
enum Says {
    Frame(FullRule),
    Nothing,
    Outermost,
    Unsupported,
}
use Says::{Frame, Nothing, Outermost, Unsupported};

fn tables(functions: &[Says]) -> Tables {
    let mut builder = TableBuilder::new();
    for (index, says) in functions.iter().enumerate() {
        let offset = index as u32 * 0x100;
        match says {
            Frame(rule) => {
                let rule = builder.pack(*rule);
                builder.start_function(offset, rule);
            }
            Nothing => builder.rule(offset, PackedRule::NO_UNWIND_INFO),
            Outermost => builder.start_function(offset, PackedRule::OUTERMOST),
            Unsupported => builder.start_function(offset, PackedRule::UNSUPPORTED),
        }
    }
    let length = functions.len() as u32 * 0x100;
    let table = Arc::new(builder.finish(length));
    Tables::new(
        1,
        vec![TablesEntry {
            start: TEXT,
            end: TEXT + length as u64,
            base: TEXT,
            table,
        }],
    )
}

/// An address in function n.
const fn at(function: u64) -> u64 {
    TEXT + function * 0x100 + 0x20
}

/// Walks twice with one cache, so that what the cache gives is what the tables give.
#[track_caller]
fn check(
    functions: &[Says],
    registers: Registers,
    stack: &[u64],
    expected: (&[u64], Truncation, u32),
) {
    let tables = tables(functions);
    let mut cache = RuleCache::new();
    for _ in 0..2 {
        let mut out = [0; 16];
        let walk = walk(&tables, &mut cache, registers, &(STACK, stack), &mut out);
        assert_eq!((&out[..walk.frames], walk.end, walk.guessed), expected);
    }
}

fn leaf(pc: u64) -> Registers {
    Registers {
        pc,
        sp: STACK,
        bp: Some(0xb0b),
    }
}

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
fn zero_return_address_is_the_thread_start() {
    check(
        &[Frame(sp(8, BpRule::Same))],
        leaf(at(0)),
        &[0],
        (&[at(0)], Truncation::Complete, 0),
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
    let stacks = crate::unwind::TwoStacks((STACK, &alternate[..]), (0x1000, &[at(3)][..]));
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

#[test]
fn depth_ends_the_walk() {
    let tables = tables(&[Frame(sp(8, BpRule::Same))]);
    let stack = [at(0); 8];
    for depth in 0..4 {
        let mut out = vec![0; depth];
        let walk = walk(
            &tables,
            &mut RuleCache::new(),
            leaf(at(0)),
            &(STACK, &stack[..]),
            &mut out,
        );
        assert_eq!((walk.frames, walk.end), (depth, Truncation::Depth));
        assert!(out.iter().all(|&address| address == at(0)));
    }
}

#[test]
fn stack_that_ends_early() {
    check(
        &[Frame(sp(8, BpRule::Same))],
        leaf(at(0)),
        &[at(0), at(0)],
        (&[at(0), at(0), at(0)], Truncation::StackRead, 0),
    );
}

#[test]
fn frame_pointer_that_is_not_known() {
    check(
        &[
            Frame(sp(8, BpRule::Undefined)),
            Frame(sp(8, BpRule::Same)),
            Frame(bp(16, BpRule::Same)),
        ],
        leaf(at(0)),
        &[at(1), at(2)],
        (&[at(0), at(1), at(2)], Truncation::UnknownFramePointer, 0),
    );
    check(
        &[Frame(bp(16, BpRule::Same))],
        Registers {
            pc: at(0),
            sp: STACK,
            bp: None,
        },
        &[],
        (&[at(0)], Truncation::UnknownFramePointer, 0),
    );
}

#[test]
fn frame_pointer_that_leads_down_or_is_not_aligned() {
    let functions = [Frame(bp(16, BpRule::Same))];
    let registers = |bp| Registers {
        pc: at(0),
        sp: STACK,
        bp: Some(bp),
    };
    check(
        &functions,
        registers(STACK - 16),
        &[0, 0],
        (&[at(0)], Truncation::NoProgress, 0),
    );
    check(
        &functions,
        registers(0),
        &[0, 0],
        (&[at(0)], Truncation::NoProgress, 0),
    );
    check(
        &functions,
        registers(u64::MAX - 7),
        &[0, 0],
        (&[at(0)], Truncation::NoProgress, 0),
    );
    check(
        &functions,
        registers(STACK + 1),
        &[0; 9],
        (&[at(0)], Truncation::StackRead, 0),
    );
    check(
        &functions,
        registers(STACK + 0x1000),
        &[0; 9],
        (&[at(0)], Truncation::StackRead, 0),
    );
}

#[test]
fn rules_that_cannot_be_followed() {
    check(
        &[Frame(sp(8, BpRule::Same)), Unsupported],
        leaf(at(0)),
        &[at(1)],
        (&[at(0), at(1)], Truncation::UnsupportedRule, 0),
    );
    check(
        &[Frame(sp(8, BpRule::Same)), Nothing],
        leaf(at(0)),
        &[at(1)],
        (&[at(0), at(1)], Truncation::NoUnwindInfo, 0),
    );
    check(
        &[Frame(sp(8, BpRule::Same))],
        leaf(at(0)),
        &[0x9999],
        (&[at(0), 0x9999], Truncation::NoModule, 0),
    );
    check(
        &[Frame(sp(8, BpRule::Same))],
        leaf(0x9999),
        &[at(0)],
        (&[0x9999], Truncation::NoModule, 0),
    );
}

#[test]
fn call_through_a_null_pointer_is_its_callers() {
    for pc in [0, 0x18] {
        check(
            &[Outermost],
            leaf(pc),
            &[at(0)],
            (&[pc, at(0)], Truncation::Complete, 1),
        );
        check(
            &[Outermost],
            leaf(pc),
            &[0x9999],
            (&[pc], Truncation::NoModule, 0),
        );
    }
}

#[test]
fn small_assembly_without_rules_returns_to_the_top_of_the_stack() {
    check(
        &[Nothing, Outermost],
        leaf(at(0)),
        &[at(1)],
        (&[at(0), at(1)], Truncation::Complete, 1),
    );
    check(
        &[Nothing, Outermost],
        leaf(at(0)),
        &[at(0)],
        (&[at(0)], Truncation::NoUnwindInfo, 0),
    );
}

#[test]
fn generated_code_with_frame_pointers_is_passed() {
    // Three frames of code that no module has, then a known one whose own frame is found from the restored rbp.
    let stack = [
        0, // the leaf's locals
        STACK + 0x20,
        0x9_1000, // the leaf's saved rbp and return address
        0,
        STACK + 0x30,
        0x9_2000,
        STACK + 0x48,
        at(0),
        0,
        0x1,
        at(1),
    ];
    check(
        &[Frame(bp(16, BpRule::AtCfa(-16))), Outermost],
        Registers {
            pc: 0x9_0000,
            sp: STACK,
            bp: Some(STACK + 8),
        },
        &stack,
        (
            &[0x9_0000, 0x9_1000, 0x9_2000, at(0), at(1)],
            Truncation::Complete,
            3,
        ),
    );
}

#[test]
fn register_that_only_looks_like_a_frame_pointer_is_not_followed() {
    let outside = |bp| Registers {
        pc: 0x9_0000,
        sp: STACK,
        bp: Some(bp),
    };
    let only_leaf = (&[0x9_0000][..], Truncation::NoModule, 0);
    check(&[Outermost], outside(STACK - 8), &[at(0); 4], only_leaf);
    check(&[Outermost], outside(STACK), &[STACK, 0x9999], only_leaf);
    check(
        &[Outermost],
        outside(STACK),
        &[STACK + 0x10, 0x9999, STACK, 0x9999],
        only_leaf,
    );
    check(&[Outermost], outside(STACK + 8), &[0, 0], only_leaf);
    check(
        &[Outermost],
        Registers {
            pc: 0x9_0000,
            sp: STACK,
            bp: None,
        },
        &[at(0)],
        only_leaf,
    );
}
