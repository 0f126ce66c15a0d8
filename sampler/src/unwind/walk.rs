//! The walk itself: registers and a way to read the stack in, addresses out. Everything here is called in SIGPROF.
//!
//! Stack is short there, in dev builds too, where each temporary has a place of its own. Hence small functions, few `Option`s and no `?`: a
//! step that fails says why in [`Frame::end`] and computes on with zeros until somebody looks.

use hotpoll_profile::Truncation;

use super::cache::RuleCache;
use super::rule::{Base, BpRule, CfaRule, FullRule, PackedRule, RaRule, SavedRegisters, Unpacked};
use super::stack::StackReader;
use super::tables::Tables;
use super::trail::{Trail, note};

/// The registers that a walk starts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registers {
    /// rip: the instruction that was executing.
    pub pc: u64,
    /// rsp
    pub sp: u64,
    /// rbp, where it is known. A walk that needs it and does not have it ends with [`Truncation::UnknownFramePointer`].
    pub bp: Option<u64>,
}

/// What a walk did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// How many addresses were written.
    pub frames: usize,
    /// Why it ended.
    pub end: Truncation,
    /// How many steps had no unwind information and were taken on the evidence of the stack: a return address at rsp, or a frame pointer.
    pub guessed: u32,
}

/// How many signal frames one walk passes: each may lead to another stack, lower than the one before.
const MAX_SIGNAL_FRAMES: u8 = 8;

/// An address below this is no code: it was a call through a null pointer, or through a field of an object at a null pointer.
const NULL_CALL_LIMIT: u64 = 0x1000;

/// How many frames without unwind information a chain of frame pointers may pass before it must come back to known code.
const MAX_FOREIGN_FRAMES: u32 = 128;

/// Writes the callchain, leaf first: the executing instruction's address, then return addresses.
///
/// An instruction that a signal interrupted is written as if it were a return address, one byte further, so that "return address minus one"
/// holds for every address but the first. The walk goes no deeper than `out` is long.
#[inline]
pub fn walk<S: StackReader>(
    tables: &Tables,
    cache: &mut RuleCache,
    registers: Registers,
    stack: &S,
    out: &mut [u64],
) -> Walk {
    walk_from(
        tables,
        cache,
        &mut Trail::none(),
        registers,
        None,
        stack,
        out,
    )
}

/// [`walk`], along a trail: afterwards it says where each frame was.
#[inline]
pub(crate) fn walk_along<S: StackReader>(
    tables: &Tables,
    cache: &mut RuleCache,
    trail: &mut Trail<'_>,
    registers: Registers,
    stack: &S,
    out: &mut [u64],
) -> Walk {
    walk_from(tables, cache, trail, registers, None, stack, out)
}

/// [`walk`] for a thread that was interrupted, with all its registers: hand-written code (cryptography, mostly) may keep its frame's address
/// in any of them.
#[inline]
pub fn walk_interrupted<S: StackReader>(
    tables: &Tables,
    cache: &mut RuleCache,
    saved: &SavedRegisters,
    stack: &S,
    out: &mut [u64],
) -> Walk {
    walk_interrupted_along(tables, cache, &mut Trail::none(), saved, stack, out)
}

/// The same, along the trail of the walk before. Afterwards the trail says where the two agree.
#[inline]
pub fn walk_interrupted_along<S: StackReader>(
    tables: &Tables,
    cache: &mut RuleCache,
    trail: &mut Trail<'_>,
    saved: &SavedRegisters,
    stack: &S,
    out: &mut [u64],
) -> Walk {
    let registers = Registers {
        pc: saved[libc::REG_RIP as usize] as u64,
        sp: saved[libc::REG_RSP as usize] as u64,
        bp: Some(saved[libc::REG_RBP as usize] as u64),
    };
    walk_from(tables, cache, trail, registers, Some(saved), stack, out)
}

#[inline]
fn walk_from<S: StackReader>(
    tables: &Tables,
    cache: &mut RuleCache,
    trail: &mut Trail<'_>,
    registers: Registers,
    saved: Option<&SavedRegisters>,
    stack: &S,
    out: &mut [u64],
) -> Walk {
    cache.sync(tables.generation());
    let mut frame = Frame::leaf(registers);
    let mut frames = 0;
    while frame.end.is_none() {
        let expected = frame.follow(trail, frames, stack, out);
        frames = frames.wrapping_add(expected);
        let Some(place) = out.get_mut(frames) else {
            frame.end = Some(Truncation::Depth);
            break;
        };
        *place = frame.lookup.wrapping_add((frames != 0) as u64);
        let rule = match cache.get(frame.lookup) {
            Some(rule) => rule,
            None => look_up(tables, cache, frame.lookup),
        };
        let sp = frame.sp;
        if rule.is_usual() {
            frame.step(rule, stack);
        } else {
            // Only the leaf's registers are those that were saved.
            let saved = if frames == 0 { saved } else { None };
            // On a copy, so that in the loop the frame can stay in registers.
            let mut copy = frame;
            copy.unusual_step(tables, rule, saved, stack);
            frame = copy;
        }
        trail.note(frames, sp, rule, frame.sp);
        frames = frames.wrapping_add(1);
    }
    Walk {
        frames,
        end: frame.end.unwrap_or(Truncation::Depth),
        guessed: frame.guessed,
    }
}

/// Takes a rule from the tables into the cache.
#[inline(never)]
fn look_up(tables: &Tables, cache: &mut RuleCache, lookup: u64) -> PackedRule {
    let rule = tables.packed_rule(lookup);
    cache.put(lookup, rule);
    rule
}

/// The frame that a walk has come to.
#[derive(Clone, Copy)]
struct Frame {
    /// The address whose rule is looked up: the instruction itself, or the last byte of the call before a return address.
    lookup: u64,
    sp: u64,
    bp: u64,
    bp_known: bool,
    /// The frame was interrupted anywhere, rather than left by a call.
    interrupted: bool,
    /// Why there is no next frame, once that is known.
    end: Option<Truncation>,
    signal_frames: u8,
    guessed: u32,
    /// Up to this frame pointer the chain is known to come back to known code.
    trusted_bp: u64,
}

/// What changes from one expected frame to the next.
struct Cursor {
    address: u64,
    sp: u64,
    bp: u64,
    bp_known: bool,
}

impl Cursor {
    /// A step by a rule of the usual form. Where it cannot be made nothing has changed.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn step<S: StackReader>(&mut self, rule: PackedRule, stack: &S) -> bool {
        if !rule.is_usual() || (rule.uses_bp() && !self.bp_known) {
            return false;
        }
        let base = if rule.uses_bp() { self.bp } else { self.sp };
        let cfa = base.wrapping_add(rule.offset());
        if cfa <= self.sp {
            return false;
        }
        let ra = stack.read(cfa.wrapping_sub(8)).unwrap_or(0);
        if ra == 0 {
            return false;
        }
        if rule.saves_bp() {
            let Some(saved) = stack.read(cfa.wrapping_sub(rule.bp_distance())) else {
                return false;
            };
            self.bp = saved;
            self.bp_known = true;
        } else if rule.loses_bp() {
            self.bp_known = false;
        }
        self.sp = cfa;
        self.address = ra;
        true
    }
}

impl Frame {
    #[inline]
    fn leaf(registers: Registers) -> Self {
        Self {
            lookup: registers.pc,
            sp: registers.sp,
            bp: registers.bp.unwrap_or(0),
            bp_known: registers.bp.is_some(),
            interrupted: true,
            end: None,
            signal_frames: 0,
            guessed: 0,
            trusted_bp: 0,
        }
    }

    /// Ends the walk; the first reason counts.
    #[inline]
    fn fail(&mut self, end: Truncation) {
        if self.end.is_none() {
            self.end = Some(end);
        }
    }

    /// A word of the stack, or 0 and the end of the walk.
    #[inline]
    fn read<S: StackReader>(&mut self, stack: &S, address: u64) -> u64 {
        match stack.read(address) {
            Some(word) => word,
            None => {
                self.fail(Truncation::StackRead);
                0
            }
        }
    }

    /// To the caller, whose call pushed this address. Zero is how threads say that they start here when they have no unwind information.
    #[inline]
    fn returned(&mut self, ra: u64) {
        if ra == 0 {
            self.fail(Truncation::Complete);
        }
        self.lookup = ra.wrapping_sub(1);
        self.interrupted = false;
    }

    /// Steps as long as the trail's frames are met and their rules are of the usual form, and says how many those were. What fails is left for
    /// the step that says why.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn follow<S: StackReader>(
        &mut self,
        trail: &mut Trail<'_>,
        frames: usize,
        stack: &S,
        out: &mut [u64],
    ) -> usize {
        let out = out.get_mut(frames..).unwrap_or_default();
        let (before, notes, into) = trail.ahead(frames, out.len());
        // The address as callchains have it: the leaf's own, or what its caller returns to.
        let address = self.lookup.wrapping_add((frames != 0) as u64);
        let mut met = 0usize;
        let mut cursor = Cursor {
            address,
            sp: self.sp,
            bp: self.bp,
            bp_known: self.bp_known,
        };
        while let Some(noted) = notes.get(met) {
            let rule = PackedRule::from_bits(*noted as u32);
            let (address, sp) = (cursor.address, cursor.sp);
            if before.get(met) != Some(&address) || !cursor.step(rule, stack) {
                break;
            }
            if let (Some(into), Some(place)) = (into.get_mut(met), out.get_mut(met)) {
                *into = note(sp, rule);
                *place = address;
            }
            met = met.wrapping_add(1);
        }
        if met != 0 {
            trail.met(frames, met);
            self.sp = cursor.sp;
            self.bp = cursor.bp;
            self.bp_known = cursor.bp_known;
            self.returned(cursor.address);
        }
        met
    }

    /// A step by a rule of the usual form.
    #[inline]
    fn step<S: StackReader>(&mut self, rule: PackedRule, stack: &S) {
        let mut cfa = self.sp;
        if rule.uses_bp() {
            if !self.bp_known {
                return self.fail(Truncation::UnknownFramePointer);
            }
            cfa = self.bp;
        }
        cfa = cfa.wrapping_add(rule.offset());
        if cfa <= self.sp {
            return self.fail(Truncation::NoProgress);
        }
        let ra = self.read(stack, cfa.wrapping_sub(8));
        if rule.saves_bp() {
            self.bp = self.read(stack, cfa.wrapping_sub(rule.bp_distance()));
            self.bp_known = true;
        } else if rule.loses_bp() {
            self.bp_known = false;
        }
        self.sp = cfa;
        self.returned(ra);
    }

    #[cold]
    #[inline(never)]
    fn unusual_step<S: StackReader>(
        &mut self,
        tables: &Tables,
        rule: PackedRule,
        saved: Option<&SavedRegisters>,
        stack: &S,
    ) {
        match rule.unpack() {
            Unpacked::Side(index) => match tables.side_rule(self.lookup, index) {
                Some(rule) => self.side_step(rule, saved, stack),
                None => self.fail(Truncation::UnsupportedRule),
            },
            Unpacked::Outermost => self.fail(Truncation::Complete),
            // After a call through a null pointer, and in PLT stubs and small assembly functions, nothing else may be on the stack yet.
            Unpacked::NoModule => {
                let at_call = self.interrupted && self.lookup < NULL_CALL_LIMIT;
                self.guess(at_call, Truncation::NoModule, tables, stack);
            }
            Unpacked::NoUnwindInfo => {
                self.guess(self.interrupted, Truncation::NoUnwindInfo, tables, stack)
            }
            Unpacked::Unsupported | Unpacked::Frame { .. } => {
                self.fail(Truncation::UnsupportedRule)
            }
        }
    }

    /// A step by a rule of the side table.
    #[inline(never)]
    fn side_step<S: StackReader>(
        &mut self,
        rule: &FullRule,
        saved: Option<&SavedRegisters>,
        stack: &S,
    ) {
        let cfa = self.cfa(rule.cfa, saved, stack);
        let ra = match rule.ra {
            RaRule::AtCfa(offset) => self.read(stack, at(cfa, offset)),
            RaRule::AtSp(offset) => self.read(stack, at(self.sp, offset)),
            RaRule::AtBp(offset) => {
                let slot = at(self.base(Base::Bp, saved), offset);
                self.read(stack, slot)
            }
            RaRule::Saved(place) => self.base(Base::Saved(place), saved),
        };
        self.restore_bp(rule.bp, cfa, saved, stack);
        if rule.signal {
            // The interrupted code may run on another stack, below or above this one, so progress cannot be asked for; a bound can.
            self.signal_frames = self.signal_frames.wrapping_add(1);
            if self.signal_frames > MAX_SIGNAL_FRAMES {
                self.fail(Truncation::NoProgress);
            }
        } else if cfa < self.sp || (cfa == self.sp && !matches!(rule.ra, RaRule::Saved(_))) {
            // (A leaf that has popped its return address into a register has nothing left of its frame.)
            self.fail(Truncation::NoProgress);
        }
        self.sp = cfa;
        if rule.signal {
            stack.interrupted_at(cfa);
            // Looked up as it is: it may be the first instruction of a function.
            (self.lookup, self.interrupted) = (ra, true);
        } else {
            self.returned(ra);
        }
    }

    #[inline(never)]
    fn cfa<S: StackReader>(
        &mut self,
        rule: CfaRule,
        saved: Option<&SavedRegisters>,
        stack: &S,
    ) -> u64 {
        match rule {
            CfaRule::Offset { base, offset } => at(self.base(base, saved), offset),
            CfaRule::Deref { base, offset, add } => {
                let slot = at(self.base(base, saved), offset);
                at(self.read(stack, slot), add)
            }
            CfaRule::DerefIndexed { offset, index, add } => {
                let words = self.base(Base::Saved(index), saved);
                let slot = at(self.sp, offset).wrapping_add(words.wrapping_mul(8));
                at(self.read(stack, slot), add)
            }
            CfaRule::Plt { offset, pushed_at } => {
                let pushed = if self.lookup & 15 >= pushed_at as u64 {
                    8
                } else {
                    0
                };
                at(self.sp, offset).wrapping_add(pushed)
            }
        }
    }

    #[inline(never)]
    fn restore_bp<S: StackReader>(
        &mut self,
        rule: BpRule,
        cfa: u64,
        saved: Option<&SavedRegisters>,
        stack: &S,
    ) {
        let slot = match rule {
            BpRule::Same => return,
            BpRule::Undefined => {
                self.bp_known = false;
                return;
            }
            BpRule::AtCfa(offset) => at(cfa, offset),
            BpRule::AtSp(offset) => at(self.sp, offset),
            BpRule::AtBp(offset) => at(self.base(Base::Bp, saved), offset),
        };
        self.bp = self.read(stack, slot);
        self.bp_known = true;
    }

    /// A register's value, or 0 and the end of the walk.
    #[inline(never)]
    fn base(&mut self, base: Base, saved: Option<&SavedRegisters>) -> u64 {
        match (base, saved) {
            (Base::Sp, _) => self.sp,
            (Base::Bp, _) => {
                if !self.bp_known {
                    self.fail(Truncation::UnknownFramePointer);
                }
                self.bp
            }
            (Base::Saved(place), Some(saved)) => saved[place as usize % saved.len()] as u64,
            (Base::Saved(_), None) => {
                self.fail(Truncation::UnsupportedRule);
                0
            }
        }
    }

    /// A step without a rule, on the evidence of the stack.
    #[inline(never)]
    fn guess<S: StackReader>(
        &mut self,
        at_call: bool,
        otherwise: Truncation,
        tables: &Tables,
        stack: &S,
    ) {
        let guessed =
            (at_call && self.guess_at_call(tables, stack)) || self.guess_by_bp(tables, stack);
        if !guessed {
            self.fail(otherwise);
        }
    }

    /// A step without a rule: the code has pushed nothing, and its return address is on top of the stack.
    #[inline(never)]
    fn guess_at_call<S: StackReader>(&mut self, tables: &Tables, stack: &S) -> bool {
        let Some(ra) = stack.read(self.sp) else {
            return false;
        };
        if !tables.knows(ra.wrapping_sub(1)) {
            return false;
        }
        self.sp = self.sp.wrapping_add(8);
        self.guessed = self.guessed.wrapping_add(1);
        self.returned(ra);
        true
    }

    /// A step without a rule: generated code usually keeps frame pointers.
    #[inline(never)]
    fn guess_by_bp<S: StackReader>(&mut self, tables: &Tables, stack: &S) -> bool {
        if !self.bp_known || self.bp < self.sp {
            return false;
        }
        if self.bp > self.trusted_bp {
            self.trusted_bp = chain_end(tables, self.bp, stack);
        }
        if self.bp > self.trusted_bp {
            return false;
        }
        let slot = self.bp;
        let ra = self.read(stack, slot.wrapping_add(8));
        self.bp = self.read(stack, slot);
        self.sp = slot.wrapping_add(16);
        self.guessed = self.guessed.wrapping_add(1);
        self.returned(ra);
        true
    }
}

#[inline]
fn at(base: u64, offset: i32) -> u64 {
    base.wrapping_add(offset as u64)
}

/// Follows frame pointers to the first one that returns into known code, so that a register which only looks like a frame pointer is not
/// taken for one. 0 when there is none.
#[inline(never)]
fn chain_end<S: StackReader>(tables: &Tables, mut bp: u64, stack: &S) -> u64 {
    let mut passed = 0u32;
    while passed < MAX_FOREIGN_FRAMES {
        let Some(ra) = stack.read(bp.wrapping_add(8)) else {
            break;
        };
        if tables.knows(ra.wrapping_sub(1)) {
            return bp;
        }
        match stack.read(bp) {
            Some(caller_bp) if caller_bp > bp => bp = caller_bp,
            _ => break,
        }
        passed = passed.wrapping_add(1);
    }
    0
}

#[cfg(test)]
mod tests;
