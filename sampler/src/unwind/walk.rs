//! The walk itself: registers and a way to read the stack in, addresses out. Everything here is called in SIGPROF.

use hotpoll_profile::Truncation;

use super::cache::RuleCache;
use super::rule::{
    Base, BpRule, CfaRule, FullRule, PackedBp, PackedRule, RaRule, SavedRegisters, Unpacked,
};
use super::stack::StackReader;
use super::tables::Tables;

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
const MAX_SIGNAL_FRAMES: u32 = 8;

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
    walk_from(tables, cache, registers, None, stack, out)
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
    let register = |place: libc::c_int| saved.get(place as usize).map_or(0, |&value| value as u64);
    let registers = Registers {
        pc: register(libc::REG_RIP),
        sp: register(libc::REG_RSP),
        bp: Some(register(libc::REG_RBP)),
    };
    walk_from(tables, cache, registers, Some(saved), stack, out)
}

#[inline(always)]
fn walk_from<S: StackReader>(
    tables: &Tables,
    cache: &mut RuleCache,
    registers: Registers,
    saved: Option<&SavedRegisters>,
    stack: &S,
    out: &mut [u64],
) -> Walk {
    cache.sync(tables.generation());
    let mut walker = Walker {
        sp: registers.sp,
        bp: registers.bp,
        interrupted: true,
        trusted_bp: 0,
        signal_frames: 0,
        guessed: 0,
    };
    // The address whose rule is looked up: the instruction itself, or the last byte of the call before a return address.
    let mut lookup = registers.pc;
    let mut frames = 0;
    for place in out.iter_mut() {
        let leaf = frames == 0;
        *place = lookup.wrapping_add(!leaf as u64);
        frames += 1;
        let rule = match cache.get(lookup) {
            Some(rule) => rule,
            None => look_up(tables, cache, lookup),
        };
        let step = match rule.unpack() {
            Unpacked::Frame {
                from_bp,
                offset,
                bp,
            } => walker.usual(from_bp, offset, bp, stack),
            // Only the leaf's registers are those that were saved.
            _ => walker.unusual(tables, rule, lookup, if leaf { saved } else { None }, stack),
        };
        match step {
            Ok(next) => lookup = next,
            Err(end) => {
                return Walk {
                    frames,
                    end,
                    guessed: walker.guessed,
                };
            }
        }
    }
    Walk {
        frames,
        end: Truncation::Depth,
        guessed: walker.guessed,
    }
}

/// Takes a rule from the tables into the cache.
#[inline(never)]
fn look_up(tables: &Tables, cache: &mut RuleCache, lookup: u64) -> PackedRule {
    let rule = tables.packed_rule(lookup);
    cache.put(lookup, rule);
    rule
}

/// The state of a walk between two frames.
struct Walker {
    sp: u64,
    bp: Option<u64>,
    /// The frame was interrupted anywhere, rather than left by a call.
    interrupted: bool,
    /// Up to this frame pointer the chain is known to come back to known code.
    trusted_bp: u64,
    signal_frames: u32,
    guessed: u32,
}

/// A step's result: which address to look up next, or why there is none.
type Step = Result<u64, Truncation>;

/// A return address of zero is how threads say that they start here when they have no unwind information for it.
#[inline(always)]
fn returned(ra: u64) -> Step {
    if ra == 0 {
        Err(Truncation::Complete)
    } else {
        Ok(ra.wrapping_sub(1))
    }
}

#[inline(always)]
fn read<S: StackReader>(stack: &S, address: u64) -> Step {
    match stack.read(address) {
        Some(word) => Ok(word),
        None => Err(Truncation::StackRead),
    }
}

impl Walker {
    /// A step by a rule of the usual form.
    #[inline(always)]
    fn usual<S: StackReader>(
        &mut self,
        from_bp: bool,
        offset: u64,
        bp: PackedBp,
        stack: &S,
    ) -> Step {
        let base = match (from_bp, self.bp) {
            (false, _) => self.sp,
            (true, Some(bp)) => bp,
            (true, None) => return Err(Truncation::UnknownFramePointer),
        };
        let cfa = base.wrapping_add(offset);
        if cfa <= self.sp {
            return Err(Truncation::NoProgress);
        }
        let ra = read(stack, cfa.wrapping_sub(8))?;
        match bp {
            PackedBp::Same => {}
            PackedBp::Undefined => self.bp = None,
            PackedBp::BelowCfa(distance) => {
                self.bp = Some(read(stack, cfa.wrapping_sub(distance))?)
            }
        }
        self.sp = cfa;
        self.interrupted = false;
        returned(ra)
    }

    #[cold]
    #[inline(never)]
    fn unusual<S: StackReader>(
        &mut self,
        tables: &Tables,
        rule: PackedRule,
        lookup: u64,
        saved: Option<&SavedRegisters>,
        stack: &S,
    ) -> Step {
        let interrupted = std::mem::replace(&mut self.interrupted, false);
        match rule.unpack() {
            Unpacked::Side(index) => match tables.side_rule(lookup, index) {
                Some(rule) => self.full(rule, lookup, saved, stack),
                None => Err(Truncation::UnsupportedRule),
            },
            Unpacked::Outermost => Err(Truncation::Complete),
            Unpacked::NoModule => self
                .guess(tables, interrupted && lookup < NULL_CALL_LIMIT, stack)
                .ok_or(Truncation::NoModule),
            Unpacked::NoUnwindInfo => self
                .guess(tables, interrupted, stack)
                .ok_or(Truncation::NoUnwindInfo),
            Unpacked::Unsupported | Unpacked::Frame { .. } => Err(Truncation::UnsupportedRule),
        }
    }

    /// A step by a rule of the side table.
    fn full<S: StackReader>(
        &mut self,
        rule: &FullRule,
        lookup: u64,
        saved: Option<&SavedRegisters>,
        stack: &S,
    ) -> Step {
        let base = |base, offset: i32| {
            self.base(base, saved)
                .map(|value| value.wrapping_add_signed(offset as i64))
        };
        let cfa = match rule.cfa {
            CfaRule::Offset {
                base: register,
                offset,
            } => base(register, offset)?,
            CfaRule::Deref {
                base: register,
                offset,
                add,
            } => read(stack, base(register, offset)?)?.wrapping_add_signed(add as i64),
            CfaRule::DerefIndexed { offset, index, add } => {
                let words = base(Base::Saved(index), 0)?;
                let at = base(Base::Sp, offset)?.wrapping_add(words.wrapping_mul(8));
                read(stack, at)?.wrapping_add_signed(add as i64)
            }
            CfaRule::Plt { offset, pushed_at } => {
                base(Base::Sp, offset)?.wrapping_add(if lookup & 15 >= pushed_at as u64 {
                    8
                } else {
                    0
                })
            }
        };
        let at_cfa = |offset: i32| cfa.wrapping_add_signed(offset as i64);
        let ra = match rule.ra {
            RaRule::AtCfa(offset) => read(stack, at_cfa(offset))?,
            RaRule::AtSp(offset) => read(stack, base(Base::Sp, offset)?)?,
            RaRule::AtBp(offset) => read(stack, base(Base::Bp, offset)?)?,
            RaRule::Saved(place) => base(Base::Saved(place), 0)?,
        };
        let bp = match rule.bp {
            BpRule::Same => self.bp,
            BpRule::Undefined => None,
            BpRule::AtCfa(offset) => Some(read(stack, at_cfa(offset))?),
            BpRule::AtSp(offset) => Some(read(stack, base(Base::Sp, offset)?)?),
            BpRule::AtBp(offset) => Some(read(stack, base(Base::Bp, offset)?)?),
        };
        if rule.signal {
            // The interrupted code may run on another stack, below or above this one, so progress cannot be asked for; a bound can.
            self.signal_frames = self.signal_frames.wrapping_add(1);
            if self.signal_frames > MAX_SIGNAL_FRAMES {
                return Err(Truncation::NoProgress);
            }
        } else if cfa <= self.sp && !(cfa == self.sp && matches!(rule.ra, RaRule::Saved(_))) {
            // A leaf that has popped its return address into a register is about to jump there; it is asked for once.
            return Err(Truncation::NoProgress);
        }
        (self.sp, self.bp) = (cfa, bp);
        // What a signal interrupted is looked up as it is: it may be the first instruction of a function.
        self.interrupted = rule.signal;
        if rule.signal { Ok(ra) } else { returned(ra) }
    }

    fn base(&self, base: Base, saved: Option<&SavedRegisters>) -> Step {
        match base {
            Base::Sp => Ok(self.sp),
            Base::Bp => self.bp.ok_or(Truncation::UnknownFramePointer),
            Base::Saved(place) => match saved.and_then(|saved| saved.get(place as usize)) {
                Some(&value) => Ok(value as u64),
                None => Err(Truncation::UnsupportedRule),
            },
        }
    }

    /// A step without a rule, on evidence alone.
    ///
    /// `at_call`: the code may have pushed nothing yet, as after a call through a null pointer, and in PLT stubs and small assembly functions.
    fn guess<S: StackReader>(&mut self, tables: &Tables, at_call: bool, stack: &S) -> Option<u64> {
        if at_call
            && let Some(ra) = stack.read(self.sp)
            && tables.knows(ra.wrapping_sub(1))
        {
            self.sp = self.sp.wrapping_add(8);
            self.guessed = self.guessed.wrapping_add(1);
            return Some(ra.wrapping_sub(1));
        }
        // Generated code usually keeps frame pointers.
        let bp = self.bp?;
        if bp < self.sp {
            return None;
        }
        if bp > self.trusted_bp {
            self.trusted_bp = chain_end(tables, bp, stack)?;
        }
        let caller_bp = stack.read(bp)?;
        let ra = stack.read(bp.wrapping_add(8))?;
        self.bp = Some(caller_bp);
        self.sp = bp.wrapping_add(16);
        self.guessed = self.guessed.wrapping_add(1);
        Some(ra.wrapping_sub(1))
    }
}

/// Follows frame pointers to the first one that returns into known code, so that a register which only looks like a frame pointer is not
/// taken for one.
fn chain_end<S: StackReader>(tables: &Tables, mut bp: u64, stack: &S) -> Option<u64> {
    for _ in 0..MAX_FOREIGN_FRAMES {
        let caller_bp = stack.read(bp)?;
        if tables.knows(stack.read(bp.wrapping_add(8))?.wrapping_sub(1)) {
            return Some(bp);
        }
        if caller_bp <= bp {
            return None;
        }
        bp = caller_bp;
    }
    None
}

#[cfg(test)]
mod tests;
