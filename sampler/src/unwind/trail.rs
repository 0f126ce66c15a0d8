//! What the walk before this one met, in its order: from there a walk takes its rules as long as it meets the same.
//!
//! Consecutive walks of a thread mostly agree from the root up to somewhere near the leaf. A rule looked up by an address waits for that address to come
//! from the stack, and the next address waits for the rule. Taken from the trail it waits for nothing: the processor goes on to the next frames
//! while the addresses that prove it right are still on their way.

use super::rule::{PackedRule, RULE_BITS};
use crate::record::Agreement;

/// Frames of a walk that are noted; those beyond are looked up each time.
pub const TRAIL_LENGTH: usize = 384;

/// One frame of a trail: the lower bits of its stack pointer, in words, and its rule.
pub type Note = u64;

/// The walk before, and the notes of the one under way. A rule depends on its address alone, so whatever the trail is of, a rule is taken from it only where
/// the addresses agree, and only if they are of the same tables.
pub struct Trail<'t> {
    /// The callchain that the walk before wrote.
    before: &'t [u64],
    /// What it noted, frame by frame.
    notes: &'t [Note],
    /// Where this walk notes.
    into: &'t mut [Note],
    /// The frame of the walk before that is expected next.
    next: usize,
    agreement: Agreement,
}

impl<'t> Trail<'t> {
    /// `before` and `notes` are what the walk before wrote by the same tables; either may be empty. Called in SIGPROF.
    #[inline(always)]
    pub fn new(before: &'t [u64], notes: &'t [Note], into: &'t mut [Note]) -> Self {
        Self {
            before,
            notes,
            into,
            next: 0,
            agreement: Agreement::default(),
        }
    }

    /// No walk before, and nobody after.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self::new(&[], &[], &mut [])
    }

    /// The frames that are expected from here on, and where they are noted: the walk's own frame `frame` is the first. All three are as long as the
    /// shortest of them and `most`. Called in SIGPROF.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn ahead(&mut self, frame: usize, most: usize) -> (&[u64], &[Note], &mut [Note]) {
        let before = self.before.get(self.next..).unwrap_or_default();
        let notes = self.notes.get(self.next..).unwrap_or_default();
        let into = self.into.get_mut(frame..).unwrap_or_default();
        let length = before.len().min(notes.len()).min(into.len()).min(most);
        (
            before.get(..length).unwrap_or_default(),
            notes.get(..length).unwrap_or_default(),
            into.get_mut(..length).unwrap_or_default(),
        )
    }

    /// So many of the expected frames were met, from the walk's own frame `frame` on. Called in SIGPROF.
    #[inline(always)]
    pub(super) fn met(&mut self, frame: usize, frames: usize) {
        self.agreement = Agreement {
            here: frame,
            before: self.next,
            frames,
        };
        self.next = self.next.wrapping_add(frames);
    }

    /// The last frames in which the two agreed.
    #[inline(always)]
    pub fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// A frame that was not expected: notes it, and looks for what is as deep in the stack as its caller. Called in SIGPROF.
    ///
    /// A leaf is compared with leaves only: its address is the instruction's own, which as a return address would be that of another rule.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn note(&mut self, frame: usize, sp: u64, rule: PackedRule, caller_sp: u64) {
        if let Some(place) = self.into.get_mut(frame) {
            *place = note(sp, rule);
        }
        let caller = note(caller_sp, PackedRule::NO_MODULE);
        self.next = self.next.max(1);
        while let Some(noted) = self.notes.get(self.next)
            && *noted < caller
        {
            self.next = self.next.wrapping_add(1);
        }
    }
}

/// Stacks are in words of eight bytes; the bits that are lost are the same for all of one stack.
#[inline(always)]
pub(super) fn note(sp: u64, rule: PackedRule) -> Note {
    sp >> 3 << RULE_BITS | rule.bits() as u64
}

/// How many words above this stack pointer the noted frame's own was; nothing where the next frame's place does not follow from that alone.
pub(crate) fn step_by_sp(noted: Note, sp: u64) -> Option<u64> {
    let rule = PackedRule::from_bits(noted as u32);
    let first = note(sp, PackedRule::NO_MODULE);
    let words = (noted >> RULE_BITS).wrapping_sub(first >> RULE_BITS) & (u64::MAX >> RULE_BITS);
    (rule.is_usual() && !rule.uses_bp()).then_some(words)
}
