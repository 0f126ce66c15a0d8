//! How to get from one frame to its caller, and how to say it in 21 bits.
//!
//! Nearly every rule of compiled code is "CFA = rsp or rbp + a multiple of eight; the return address just below it; rbp either kept, or
//! saved among the first registers pushed". Those fit into a table row. The rest ([`FullRule`]) stands in a side table.

/// The bits of a [`PackedRule`].
pub(crate) const RULE_BITS: u32 = 21;
const RULE_MASK: u32 = (1 << RULE_BITS) - 1;

const KIND_MASK: u32 = 0b11;
const KIND_SPECIAL: u32 = 0;
const KIND_SP: u32 = 1;
const KIND_BP: u32 = 2;
const KIND_SIDE: u32 = 3;

const BP_SHIFT: u32 = 2;
const BP_MASK: u32 = 0b1111;
/// rbp is what it was in the frame before.
const BP_SAME: u32 = 0;
/// Codes 1 to 14: rbp was saved at CFA - 16 to CFA - 120.
const BP_LAST_SLOT: u32 = 14;
/// The caller's rbp is lost.
const BP_UNDEFINED: u32 = 15;

const OFFSET_SHIFT: u32 = 6;
const OFFSET_MAX: u32 = RULE_MASK >> OFFSET_SHIFT;

const INDEX_SHIFT: u32 = 2;
/// How many side rules one module can have.
pub(crate) const MAX_SIDE_RULES: usize = ((RULE_MASK >> INDEX_SHIFT) + 1) as usize;

/// A rule as table rows and the cache hold it. All zero is [`PackedRule::NO_MODULE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PackedRule(u32);

/// A [`PackedRule`] taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unpacked {
    /// CFA = the register + `offset`; the return address is at CFA - 8.
    Frame {
        from_bp: bool,
        offset: u64,
        bp: PackedBp,
    },
    /// The rule with this index in the module's side table.
    Side(u32),
    NoModule,
    NoUnwindInfo,
    Unsupported,
    Outermost,
}

/// Where a packed rule finds the caller's rbp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PackedBp {
    Same,
    Undefined,
    /// At CFA - this many bytes.
    BelowCfa(u64),
}

impl PackedRule {
    /// The address lies in no known module.
    pub(crate) const NO_MODULE: Self = Self::special(0);
    /// The module says nothing about this address.
    pub(crate) const NO_UNWIND_INFO: Self = Self::special(1);
    /// The module says something that these tables cannot express.
    pub(crate) const UNSUPPORTED: Self = Self::special(2);
    /// There is no caller: the thread starts here.
    pub(crate) const OUTERMOST: Self = Self::special(3);

    const fn special(code: u32) -> Self {
        Self(KIND_SPECIAL | code << INDEX_SHIFT)
    }

    /// From the low bits of a row or a cache entry; the others are ignored.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits & RULE_MASK)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The rule at this index of the side table.
    pub(crate) fn side(index: usize) -> Option<Self> {
        if index < MAX_SIDE_RULES {
            Some(Self(KIND_SIDE | (index as u32) << INDEX_SHIFT))
        } else {
            None
        }
    }

    /// The rule, if it is of the usual form.
    pub(crate) fn pack(rule: &FullRule) -> Option<Self> {
        let CfaRule::Offset { base, offset } = rule.cfa else {
            return None;
        };
        if rule.signal || rule.ra != RaRule::AtCfa(-8) || offset < 0 || offset % 8 != 0 {
            return None;
        }
        let offset = offset as u32 / 8;
        if offset > OFFSET_MAX {
            return None;
        }
        let kind = match base {
            Base::Sp => KIND_SP,
            Base::Bp => KIND_BP,
            Base::Saved(_) => return None,
        };
        let bp = match rule.bp {
            BpRule::Same => BP_SAME,
            BpRule::Undefined => BP_UNDEFINED,
            BpRule::AtCfa(at)
                if at <= -16 && at % 8 == 0 && at.unsigned_abs() / 8 - 1 <= BP_LAST_SLOT =>
            {
                at.unsigned_abs() / 8 - 1
            }
            _ => return None,
        };
        Some(Self(kind | bp << BP_SHIFT | offset << OFFSET_SHIFT))
    }

    /// Whether this is a rule of the usual form, of which the next five speak. Called in SIGPROF.
    #[inline(always)]
    pub(crate) const fn is_usual(self) -> bool {
        let kind = self.0 & KIND_MASK;
        kind == KIND_SP || kind == KIND_BP
    }

    /// Whether the CFA is found from rbp, rather than rsp.
    #[inline(always)]
    pub(crate) const fn uses_bp(self) -> bool {
        self.0 & KIND_MASK == KIND_BP
    }

    /// What is added to the register.
    #[inline(always)]
    pub(crate) const fn offset(self) -> u64 {
        (self.0 >> OFFSET_SHIFT) as u64 * 8
    }

    const fn bp_code(self) -> u32 {
        self.0 >> BP_SHIFT & BP_MASK
    }

    /// Whether the caller's rbp is on the stack.
    #[inline(always)]
    pub(crate) const fn saves_bp(self) -> bool {
        self.bp_code().wrapping_sub(1) < BP_LAST_SLOT
    }

    /// Whether the caller's rbp is lost.
    #[inline(always)]
    pub(crate) const fn loses_bp(self) -> bool {
        self.bp_code() == BP_UNDEFINED
    }

    /// How far below the CFA the caller's rbp is.
    #[inline(always)]
    pub(crate) const fn bp_distance(self) -> u64 {
        self.bp_code() as u64 * 8 + 8
    }

    fn bp(self) -> PackedBp {
        match self.bp_code() {
            BP_SAME => PackedBp::Same,
            BP_UNDEFINED => PackedBp::Undefined,
            _ => PackedBp::BelowCfa(self.bp_distance()),
        }
    }

    /// Takes the rule apart. Called in SIGPROF.
    #[inline]
    pub(crate) fn unpack(self) -> Unpacked {
        if self.is_usual() {
            return Unpacked::Frame {
                from_bp: self.uses_bp(),
                offset: self.offset(),
                bp: self.bp(),
            };
        }
        if self.0 & KIND_MASK == KIND_SIDE {
            return Unpacked::Side(self.0 >> INDEX_SHIFT);
        }
        match self {
            Self::NO_MODULE => Unpacked::NoModule,
            Self::NO_UNWIND_INFO => Unpacked::NoUnwindInfo,
            Self::OUTERMOST => Unpacked::Outermost,
            _ => Unpacked::Unsupported,
        }
    }
}

/// What a table says about an address, written out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// The module says nothing about this address.
    NoUnwindInfo,
    /// The module says something that these tables cannot express.
    Unsupported,
    /// There is no caller: the thread starts here.
    Outermost,
    /// There is a caller, found like this.
    Frame(FullRule),
}

/// A register that a frame is found from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Base {
    /// rsp
    Sp,
    /// rbp
    Bp,
    /// Another register, known only where the thread was interrupted: its place in [`SavedRegisters`].
    Saved(u8),
}

/// The registers of an interrupted thread, as Linux saves them (`uc_mcontext.gregs`).
pub type SavedRegisters = [i64; 23];

/// How to find the caller's frame, in full.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FullRule {
    /// Where the canonical frame address is: the caller's rsp once the call has returned.
    pub cfa: CfaRule,
    /// Where the caller's rbp is.
    pub bp: BpRule,
    /// Where the return address is.
    pub ra: RaRule,
    /// The frame was put there by the kernel to deliver a signal: the "return address" is an interrupted instruction, not one after a call.
    pub signal: bool,
}

/// Where the canonical frame address is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CfaRule {
    /// base + offset
    Offset {
        /// The register.
        base: Base,
        /// What is added to it.
        offset: i32,
    },
    /// \[base + offset\] + add: frames that were aligned, and signal frames.
    Deref {
        /// The register.
        base: Base,
        /// What is added to it before reading.
        offset: i32,
        /// What is added to what was read.
        add: i32,
    },
    /// \[rsp + offset + 8 * register\] + add: multiplication loops of OpenSSL and its children.
    DerefIndexed {
        /// What is added to rsp before reading.
        offset: i32,
        /// The register that counts words, known only where the thread was interrupted: its place in [`SavedRegisters`].
        index: u8,
        /// What is added to what was read.
        add: i32,
    },
    /// rsp + offset, and eight more once the stub has pushed its number: `pc & 15 >= pushed_at`. Linkers write this for the PLT.
    Plt {
        /// What is added to rsp before the push.
        offset: i32,
        /// The offset in each 16-byte stub from which on the number is on the stack.
        pushed_at: u8,
    },
}

/// Where the caller's rbp is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BpRule {
    /// Still in rbp.
    Same,
    /// Lost, or in a register that is not followed.
    Undefined,
    /// At CFA + this.
    AtCfa(i32),
    /// At rsp + this.
    AtSp(i32),
    /// At rbp + this.
    AtBp(i32),
}

/// Where the return address is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RaRule {
    /// At CFA + this.
    AtCfa(i32),
    /// At rsp + this.
    AtSp(i32),
    /// At rbp + this.
    AtBp(i32),
    /// In a register, known only where the thread was interrupted: its place in [`SavedRegisters`].
    Saved(u8),
}

impl Unpacked {
    /// The same rule in full, when it is of the usual form.
    pub(crate) fn full(self) -> Option<FullRule> {
        let Self::Frame {
            from_bp,
            offset,
            bp,
        } = self
        else {
            return None;
        };
        Some(FullRule {
            cfa: CfaRule::Offset {
                base: if from_bp { Base::Bp } else { Base::Sp },
                offset: offset as i32,
            },
            bp: match bp {
                PackedBp::Same => BpRule::Same,
                PackedBp::Undefined => BpRule::Undefined,
                PackedBp::BelowCfa(distance) => BpRule::AtCfa(-(distance as i32)),
            },
            ra: RaRule::AtCfa(-8),
            signal: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(base: Base, offset: i32, bp: BpRule) -> FullRule {
        FullRule {
            cfa: CfaRule::Offset { base, offset },
            bp,
            ra: RaRule::AtCfa(-8),
            signal: false,
        }
    }

    #[track_caller]
    fn check(rule: FullRule, packs: bool) {
        let packed = PackedRule::pack(&rule);
        assert_eq!(packed.is_some(), packs, "{rule:?}");
        if let Some(packed) = packed {
            assert_eq!(packed.unpack().full(), Some(rule));
            assert_eq!(
                PackedRule::from_bits(packed.bits() | !RULE_MASK),
                packed,
                "other bits are ignored"
            );
        }
    }

    #[test]
    fn usual_rules_pack_and_come_back() {
        for base in [Base::Sp, Base::Bp] {
            for offset in [0, 8, 16, 4096, 122_336, 262_136] {
                check(rule(base, offset, BpRule::Same), true);
                check(rule(base, offset, BpRule::Undefined), true);
                for slot in (16..=120).step_by(8) {
                    check(rule(base, offset, BpRule::AtCfa(-slot)), true);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        check(rule(Base::Sp, 262_144, BpRule::Same), false);
        check(rule(Base::Sp, 12, BpRule::Same), false);
        check(rule(Base::Sp, -8, BpRule::Same), false);
        check(rule(Base::Sp, 8, BpRule::AtCfa(-128)), false);
        check(rule(Base::Sp, 8, BpRule::AtCfa(-8)), false);
        check(rule(Base::Sp, 8, BpRule::AtCfa(-17)), false);
        check(rule(Base::Sp, 8, BpRule::AtCfa(i32::MIN)), false);
        check(rule(Base::Sp, 8, BpRule::AtCfa(16)), false);
        check(rule(Base::Sp, 8, BpRule::AtSp(16)), false);
        check(
            FullRule {
                signal: true,
                ..rule(Base::Sp, 8, BpRule::Same)
            },
            false,
        );
        check(
            FullRule {
                ra: RaRule::AtCfa(-16),
                ..rule(Base::Sp, 8, BpRule::Same)
            },
            false,
        );
    }

    #[test]
    fn zero_is_no_module() {
        assert_eq!(PackedRule::from_bits(0), PackedRule::NO_MODULE);
        assert_eq!(PackedRule::NO_MODULE.unpack(), Unpacked::NoModule);
    }

    #[test]
    fn side_indices_come_back() {
        for index in [0, 1, MAX_SIDE_RULES - 1] {
            assert_eq!(
                PackedRule::side(index).unwrap().unpack(),
                Unpacked::Side(index as u32)
            );
        }
        assert_eq!(PackedRule::side(MAX_SIDE_RULES), None);
    }
}
