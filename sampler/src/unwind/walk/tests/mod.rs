//! Walks over literal stacks.

mod ends;
mod guesses;
mod rules;
mod signal_frames;
mod trails;

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
    Tables::new(vec![TablesEntry {
        start: TEXT,
        end: TEXT + length as u64,
        base: TEXT,
        table,
    }])
}

/// An address in function n.
const fn at(function: u64) -> u64 {
    TEXT + function * 0x100 + 0x20
}

/// Walks three times with one cache, and along the trail of the walk before, so that what cache and trail give is what the tables give.
#[track_caller]
fn check(
    functions: &[Says],
    registers: Registers,
    stack: &[u64],
    expected: (&[u64], Truncation, u32),
) {
    let tables = tables(functions);
    let mut cache = RuleCache::new();
    let (mut before, mut notes) = (Vec::new(), [0; 16]);
    for _ in 0..3 {
        let (mut out, mut into) = ([0; 16], [0; 16]);
        let mut trail = Trail::new(&before, &notes, &mut into);
        let stack = (STACK, stack);
        let walk = walk_from(
            &tables, &mut cache, &mut trail, registers, None, &stack, &mut out,
        );
        assert_eq!((&out[..walk.frames], walk.end, walk.guessed), expected);
        (before, notes) = (out[..walk.frames].to_vec(), into);
    }
}

fn leaf(pc: u64) -> Registers {
    Registers {
        pc,
        sp: STACK,
        bp: Some(0xb0b),
    }
}
