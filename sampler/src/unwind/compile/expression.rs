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
    /// rsp + offset, and eight more from the push in a PLT stub on
    Plt { offset: i32, pushed_at: u8 },
}

impl Known {
    /// As the rule for the CFA.
    pub(super) fn cfa(self) -> CfaRule {
        match self {
            Self::Address { base, offset } => CfaRule::Offset { base, offset },
            Self::Deref { base, offset, add } => CfaRule::Deref { base, offset, add },
            Self::Plt { offset, pushed_at } => CfaRule::Plt { offset, pushed_at },
        }
    }
}

pub(super) fn base(register: Register) -> Option<Base> {
    match register {
        X86_64::RSP => Some(Base::Sp),
        X86_64::RBP => Some(Base::Bp),
        _ => None,
    }
}

/// Says what an expression computes, if it is one that the tables know.
pub(super) fn recognise(bytes: Slice<'_>, encoding: Encoding) -> Option<Known> {
    use Operation::{And, Deref, Ge, Plus, PlusConstant, RegisterOffset, Shl, UnsignedConstant};
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
    fn others_are_not_known() {
        check(&[], None);
        check(&[0x73, 8], None); // another register
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
