//! Each way in which a walk ends.

use super::*;

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
