//! Walks along trails of other walks: the same callchains, and the frames that they say to have met.

use super::*;
use crate::record::Agreement;
use crate::unwind::Note;

/// Each function has a frame of its own size; the first is the outermost.
const FUNCTIONS: u64 = 12;

fn table() -> Tables {
    let frame = |function: u64| Frame(sp(size(function) as i32 * 8, BpRule::Same));
    let functions = (1..FUNCTIONS).map(frame);
    tables(
        &std::iter::once(Outermost)
            .chain(functions)
            .collect::<Vec<_>>(),
    )
}

/// In words.
fn size(function: u64) -> usize {
    1 + function as usize % 5
}

/// The stack of calls, leaf first, at the top of so many words, and the stack pointer.
fn stack(calls: &[u64]) -> (u64, Vec<u64>) {
    const WORDS: usize = 1_000;
    let mut words = Vec::new();
    for (function, caller) in calls.iter().zip(&calls[1..]) {
        words.extend(std::iter::repeat_n(0xdead, size(*function) - 1));
        words.push(at(*caller));
    }
    words.push(0);
    (STACK + (WORDS - words.len()) as u64 * 8, words)
}

/// A callchain with and without the trail of another one.
struct Walked {
    callchain: Vec<u64>,
    notes: [Note; 64],
    agreement: Agreement,
}

#[track_caller]
fn walked(
    tables: &Tables,
    cache: &mut RuleCache,
    calls: &[u64],
    before: Option<&Walked>,
) -> Walked {
    let (sp, words) = stack(calls);
    let registers = Registers {
        pc: at(calls[0]),
        sp,
        bp: None,
    };
    let reader = (sp, &words[..]);
    let mut out = [0; 128];
    let plain = walk(tables, &mut RuleCache::new(), registers, &reader, &mut out);
    assert_eq!(
        (plain.frames, plain.end),
        (calls.len(), Truncation::Complete)
    );
    let callchain = out[..plain.frames].to_vec();
    let (mut out, mut notes) = ([0; 128], [0; 64]);
    let mut trail = match before {
        Some(before) => Trail::new(&before.callchain, &before.notes, &mut notes),
        None => Trail::new(&[], &[], &mut notes),
    };
    let walk = walk_from(
        tables, cache, &mut trail, registers, None, &reader, &mut out,
    );
    let agreement = trail.agreement();
    assert_eq!((walk, &out[..walk.frames]), (plain, &callchain[..]));
    Walked {
        callchain,
        notes,
        agreement,
    }
}

#[test]
fn whatever_was_walked_before() {
    let (tables, mut cache) = (table(), RuleCache::new());
    let mut random = 1u64;
    let mut next = |limit: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % limit
    };
    let mut calls: Vec<u64> = vec![0];
    let mut before: Option<Walked> = None;
    for _ in 0..3_000 {
        // Some calls return, others are made: recursions, too, and more than notes have room for.
        let returned = next(calls.len() as u64 + 2) as usize;
        calls.drain(..returned.min(calls.len() - 1));
        for _ in 0..next(30).min(100 - calls.len() as u64) {
            calls.insert(0, 1 + next(FUNCTIONS - 1));
        }
        let walked = walked(&tables, &mut cache, &calls, before.as_ref());
        if let Some(before) = &before {
            let Agreement {
                here,
                before: there,
                frames,
            } = walked.agreement;
            assert_eq!(
                walked.callchain[here..here + frames],
                before.callchain[there..there + frames]
            );
        }
        before = Some(walked);
    }
}

#[test]
fn frames_below_other_leaves_are_met() {
    let (tables, mut cache) = (table(), RuleCache::new());
    let first = walked(&tables, &mut cache, &[9, 8, 3, 4, 5, 6, 0], None);
    assert_eq!(first.agreement.frames, 0);
    // One leaf more, and another one: all but the outermost, whose rule is of no usual form.
    for calls in [&[7, 2, 9, 8, 3, 4, 5, 6, 0][..], &[2, 3, 4, 5, 6, 0]] {
        let second = walked(&tables, &mut cache, calls, Some(&first));
        assert!(second.agreement.frames >= 4, "{:?}", second.agreement);
        assert_eq!(
            second.agreement.here + second.agreement.frames + 1,
            calls.len()
        );
    }
}

/// A leaf's address is looked up as it is, a return address one byte before it: as a leaf the same address may have another rule.
#[test]
fn a_leaf_is_no_return_address() {
    let usual = |offset| Frame(sp(offset, BpRule::Same));
    let tables = tables(&[Outermost, usual(16), usual(32)]);
    // The last call of function 1 returns to where function 2 begins.
    let border = TEXT + 0x200;
    let walk_along = |sp: u64, words: &[u64], pc: u64, before: (&[u64], &[Note])| {
        let registers = Registers { pc, sp, bp: None };
        let (mut out, mut notes) = ([0; 16], [0; 16]);
        let mut trail = Trail::new(before.0, before.1, &mut notes);
        let walk = walk_from(
            &tables,
            &mut RuleCache::new(),
            &mut trail,
            registers,
            None,
            &(sp, words),
            &mut out,
        );
        assert_eq!(walk.end, Truncation::Complete);
        (out[..walk.frames].to_vec(), notes)
    };
    let as_return_address = [1, 1, 1, border, 1, at(0), 0];
    let (callchain, notes) = walk_along(STACK, &as_return_address, at(2), (&[], &[]));
    assert_eq!(callchain, [at(2), border, at(0)]);
    // Now it is the leaf, at the place where it was a return address; and then the other way round.
    let as_leaf = [1, 1, 1, at(0), 0];
    let (leaf, leaf_notes) = walk_along(STACK + 32, &as_leaf, border, (&callchain, &notes));
    assert_eq!(leaf, [border, at(0)]);
    let (again, _) = walk_along(STACK, &as_return_address, at(2), (&leaf, &leaf_notes));
    assert_eq!(again, callchain);
}
