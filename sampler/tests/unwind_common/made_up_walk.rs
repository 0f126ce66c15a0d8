//! Walks over made-up functions and stacks: they must stay within their bounds, agree with gimli as far as that gets, and with framehop unless
//! gimli does not. For random tests and for the fuzzer.

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Module, Unwinder};
use gimli::{EhFrame, UnwindContext, UnwindSection};
use hotpoll_profile::Truncation;
use hotpoll_sampler::unwind::{
    Registers, RuleCache, SavedRegisters, StackReader, Tables, TablesEntry, UnwindSections, compile,
};

use super::made_up::{self, EH_FRAME, Input, TEXT};
use super::oracle::{After, Before, Gimli};

const DEPTH: usize = 64;

/// Walks over what the bytes describe, and compares.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let module = input.module();
    let (registers, stack) = input.thread(module.text_length);
    let stack = (made_up::STACK, &stack[..]);
    let text = TEXT..TEXT + module.text_length;

    let sections = UnwindSections {
        eh_frame: &module.eh_frame,
        eh_frame_address: EH_FRAME,
        eh_frame_hdr: &[],
        eh_frame_hdr_address: 0,
        text: text.clone(),
    };
    let entry = TablesEntry {
        start: text.start,
        end: text.end,
        base: text.start,
        table: compile(&sections).into(),
    };
    let tables = Tables::new(vec![entry]);
    let mut cache = RuleCache::new();
    let mut out = [0; DEPTH];
    let found = hotpoll_sampler::unwind::walk(&tables, &mut cache, registers, &stack, &mut out);
    assert!(found.frames >= 1 && found.frames <= DEPTH);
    assert_eq!(out[0], registers.pc);
    assert!(found.end != Truncation::Depth || found.frames == DEPTH);
    let callchain = out[..found.frames].to_vec();

    // The same with a warm cache, with a shorter limit, and with all registers.
    let warm = hotpoll_sampler::unwind::walk(&tables, &mut cache, registers, &stack, &mut out);
    assert_eq!((warm, &out[..warm.frames]), (found, &callchain[..]));
    let limit = callchain.len() / 2;
    let short =
        hotpoll_sampler::unwind::walk(&tables, &mut cache, registers, &stack, &mut out[..limit]);
    assert_eq!(
        (short.frames, short.end, &out[..limit]),
        (limit, Truncation::Depth, &callchain[..limit])
    );
    let mut saved: SavedRegisters = [0; 23];
    (saved[10], saved[15], saved[16]) = (
        registers.bp.unwrap_or(0) as i64,
        registers.sp as i64,
        registers.pc as i64,
    );
    let interrupted =
        hotpoll_sampler::unwind::walk_interrupted(&tables, &mut cache, &saved, &stack, &mut out);
    if registers.bp.is_some() {
        assert!(interrupted.frames >= found.frames);
        assert_eq!(out[..found.frames], callchain);
    }

    // Evidence without rules is ours alone, and so is an rbp that is not known.
    if registers.bp.is_none() || found.guessed > 0 {
        return;
    }
    let gimli = gimli(&sections, registers, &stack);
    let agrees = |theirs: &[u64]| {
        callchain
            .iter()
            .zip(theirs)
            .all(|(ours, theirs)| ours == theirs)
    };
    if !module.mutated {
        assert!(
            agrees(&gimli),
            "{callchain:x?}, gimli {gimli:x?}, {found:?}"
        );
        // framehop goes on by the frame pointer where it fails; then gimli is on our side, for as long as framehop's walk.
        let theirs = framehop(&sections, registers, &stack);
        assert!(
            agrees(&theirs) || gimli.len() >= callchain.len(),
            "{callchain:x?}, framehop {theirs:x?}, gimli {gimli:x?}, {found:?}"
        );
    }
}

/// Step by step, by gimli's own evaluation.
fn gimli(
    sections: &UnwindSections<'_>,
    registers: Registers,
    stack: &impl StackReader,
) -> Vec<u64> {
    let gimli = Gimli::new(sections);
    let mut context = UnwindContext::new();
    let (mut sp, mut bp, mut lookup) = (registers.sp, registers.bp, registers.pc);
    let mut callchain = vec![lookup];
    let memory = |address| stack.read(address);
    while let Some(known_bp) = bp
        && callchain.len() < DEPTH
        && let Ok(fde) =
            gimli
                .eh_frame
                .fde_for_address(&gimli.bases, lookup, EhFrame::cie_from_offset)
        && let Ok(row) =
            fde.unwind_info_for_address(&gimli.eh_frame, &gimli.bases, &mut context, lookup)
    {
        let before = Before {
            pc: lookup,
            sp,
            bp: known_bp,
            others: &|_| 0,
            memory: &memory,
        };
        match gimli.step(row, fde.cie().encoding(), before) {
            After::Caller { sp: caller, ra, .. } if caller <= sp || ra == 0 => break,
            After::Caller {
                sp: caller_sp,
                bp: caller_bp,
                ra,
            } => {
                (sp, bp, lookup) = (caller_sp, caller_bp, ra.wrapping_sub(1));
                callchain.push(ra);
            }
            _ => break,
        }
    }
    callchain
}

fn framehop(
    sections: &UnwindSections<'_>,
    registers: Registers,
    stack: &impl StackReader,
) -> Vec<u64> {
    let mut unwinder = UnwinderX86_64::new();
    let info = ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: Some(sections.text.clone()),
        eh_frame_svma: Some(EH_FRAME..EH_FRAME + sections.eh_frame.len() as u64),
        eh_frame: Some(sections.eh_frame.to_vec()),
        ..Default::default()
    };
    unwinder.add_module(Module::new(
        "made up".to_owned(),
        sections.text.clone(),
        0,
        info,
    ));
    let start = UnwindRegsX86_64::new(registers.pc, registers.sp, registers.bp.unwrap_or(0));
    let mut cache = CacheX86_64::<framehop::MayAllocateDuringUnwind>::new_in();
    let mut read = |address| stack.read(address).ok_or(());
    let mut frames = unwinder.iter_frames(registers.pc, start, &mut cache, &mut read);
    let mut callchain = Vec::new();
    while callchain.len() < DEPTH
        && let Ok(Some(frame)) = frames.next()
    {
        callchain.push(frame.address());
    }
    callchain
}
