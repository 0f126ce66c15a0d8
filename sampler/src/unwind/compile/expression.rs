//! The few DWARF expressions that unwind sections use, told apart by their operations.

use gimli::{Encoding, Operation, Register, X86_64};

use super::super::rule::{Base, CfaRule};
use super::Slice;

/// The longest expression looked at, the PLT's, has nine operations.
const MAX_OPERATIONS: usize = 10;

/// An expression that the tables know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// register + offset
    Address { base: Base, offset: i32 },
    /// \[register + offset\] + add
    Deref { base: Base, offset: i32, add: i32 },
    /// \[rsp + offset + 8 * register\] + add
    DerefIndexed { offset: i32, index: u8, add: i32 },
    /// rsp + offset, and eight more from the push in a PLT stub on
    Plt { offset: i32, pushed_at: u8 },
}

impl Known {
    /// As the rule for the CFA.
    pub(super) fn cfa(self) -> CfaRule {
        match self {
            Self::Address { base, offset } => CfaRule::Offset { base, offset },
            Self::Deref { base, offset, add } => CfaRule::Deref { base, offset, add },
            Self::DerefIndexed { offset, index, add } => {
                CfaRule::DerefIndexed { offset, index, add }
            }
            Self::Plt { offset, pushed_at } => CfaRule::Plt { offset, pushed_at },
        }
    }
}

/// A register as a base; nothing when it is not a general one.
pub(super) fn base(register: Register) -> Option<Base> {
    match register {
        X86_64::RSP => Some(Base::Sp),
        X86_64::RBP => Some(Base::Bp),
        other => Some(Base::Saved(saved(other)?)),
    }
}

/// Where Linux saves a general register ([`super::super::rule::SavedRegisters`]).
pub(super) fn saved(register: Register) -> Option<u8> {
    let place = match register {
        X86_64::RAX => libc::REG_RAX,
        X86_64::RBX => libc::REG_RBX,
        X86_64::RCX => libc::REG_RCX,
        X86_64::RDX => libc::REG_RDX,
        X86_64::RSI => libc::REG_RSI,
        X86_64::RDI => libc::REG_RDI,
        X86_64::R8 => libc::REG_R8,
        X86_64::R9 => libc::REG_R9,
        X86_64::R10 => libc::REG_R10,
        X86_64::R11 => libc::REG_R11,
        X86_64::R12 => libc::REG_R12,
        X86_64::R13 => libc::REG_R13,
        X86_64::R14 => libc::REG_R14,
        X86_64::R15 => libc::REG_R15,
        _ => return None,
    };
    u8::try_from(place).ok()
}

/// Says what an expression computes, if it is one that the tables know.
pub(super) fn recognise(bytes: Slice<'_>, encoding: Encoding) -> Option<Known> {
    use Operation::{
        And, Deref, Ge, Mul, Plus, PlusConstant, RegisterOffset, Shl, UnsignedConstant,
    };
    let mut operations = [const { Operation::Nop }; MAX_OPERATIONS];
    let mut count = 0;
    let mut rest = gimli::Expression(bytes).operations(encoding);
    while let Some(operation) = rest.next().ok()? {
        *operations.get_mut(count)? = operation;
        count += 1;
    }
    let (
        &RegisterOffset {
            register, offset, ..
        },
        rest,
    ) = operations.get(..count)?.split_first()?
    else {
        return None;
    };
    let base = base(register)?;
    let offset = i32::try_from(offset).ok()?;
    match *rest {
        [] => Some(Known::Address { base, offset }),
        [
            Deref {
                size: 8,
                space: false,
                ..
            },
        ] => Some(Known::Deref {
            base,
            offset,
            add: 0,
        }),
        [
            Deref {
                size: 8,
                space: false,
                ..
            },
            PlusConstant { value },
        ] => Some(Known::Deref {
            base,
            offset,
            add: i32::try_from(value).ok()?,
        }),
        [
            RegisterOffset {
                register: X86_64::RA,
                offset: 0,
                ..
            },
            UnsignedConstant { value: 15 },
            And,
            UnsignedConstant { value: pushed_at },
            Ge,
            UnsignedConstant { value: 3 },
            Shl,
            Plus,
        ] if base == Base::Sp => Some(Known::Plt {
            offset,
            pushed_at: u8::try_from(pushed_at).ok()?,
        }),
        [
            RegisterOffset {
                register,
                offset: 0,
                ..
            },
            UnsignedConstant { value: 8 },
            Mul,
            Plus,
            Deref {
                size: 8,
                space: false,
                ..
            },
            PlusConstant { value },
        ] if base == Base::Sp => Some(Known::DerefIndexed {
            offset,
            index: saved(register)?,
            add: i32::try_from(value).ok()?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use gimli::{EndianSlice, Format, LittleEndian};

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<Known>) {
        let encoding = Encoding {
            format: Format::Dwarf32,
            version: 1,
            address_size: 8,
        };
        assert_eq!(
            recognise(EndianSlice::new(bytes, LittleEndian), encoding),
            expected
        );
    }

    #[test]
    fn plt_of_binutils() {
        let plt = [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];
        check(
            &plt,
            Some(Known::Plt {
                offset: 8,
                pushed_at: 11,
            }),
        );
        check(&plt[..10], None);
    }

    #[test]
    fn frames_aligned_by_gcc_and_hand() {
        // breg6 -8; deref
        check(
            &[0x76, 0x78, 0x06],
            Some(Known::Deref {
                base: Base::Bp,
                offset: -8,
                add: 0,
            }),
        );
        // breg7 152; deref; plus_uconst 8
        check(
            &[0x77, 0x98, 0x01, 0x06, 0x23, 8],
            Some(Known::Deref {
                base: Base::Sp,
                offset: 152,
                add: 8,
            }),
        );
    }

    #[test]
    fn signal_frame_of_glibc() {
        // breg7 160; deref
        check(
            &[0x77, 0xa0, 0x01, 0x06],
            Some(Known::Deref {
                base: Base::Sp,
                offset: 160,
                add: 0,
            }),
        );
        // breg7 120
        check(
            &[0x77, 0xf8, 0x00],
            Some(Known::Address {
                base: Base::Sp,
                offset: 120,
            }),
        );
    }

    #[test]
    fn multiplication_of_openssl() {
        // breg7 8; breg9 0; lit8; mul; plus; deref; plus_uconst 8
        let bytes = [0x77, 8, 0x79, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8];
        check(
            &bytes,
            Some(Known::DerefIndexed {
                offset: 8,
                index: 1,
                add: 8,
            }),
        );
    }

    #[test]
    fn stack_pointer_kept_in_another_register() {
        // breg13 0; deref
        check(
            &[0x7d, 0, 0x06],
            Some(Known::Deref {
                base: Base::Saved(5),
                offset: 0,
                add: 0,
            }),
        );
    }

    #[test]
    fn others_are_not_known() {
        check(&[], None);
        check(&[0x81, 8], None); // a register that is not a general one
        check(&[0x77], None); // cut short
        check(&[0x77, 8, 0x94, 4], None); // a read of four bytes
        check(
            &[
                0x77, 8, 0x96, 0x96, 0x96, 0x96, 0x96, 0x96, 0x96, 0x96, 0x96, 0x96, 0x96,
            ],
            None,
        ); // too long
    }
}
