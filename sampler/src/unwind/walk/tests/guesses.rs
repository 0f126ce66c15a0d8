//! Steps without a rule.

use super::*;

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
