//! gimli's own evaluation of unwind rows, as a second opinion on the compiled tables.

use gimli::{
    BaseAddresses, CfaRule as GimliCfa, EhFrame, EndianSlice, EvaluationResult, Expression,
    LittleEndian, Location, Register, RegisterRule, UnwindTableRow, Value, X86_64,
};
use hotpoll_sampler::unwind::{Base, BpRule, CfaRule, RaRule, Rule, UnwindSections};

pub type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The registers before a step, and what memory holds.
#[derive(Clone, Copy)]
pub struct Before<'m> {
    pub pc: u64,
    pub sp: u64,
    pub bp: u64,
    /// The other general registers, by their DWARF number.
    pub others: &'m dyn Fn(u16) -> u64,
    pub memory: &'m dyn Fn(u64) -> Option<u64>,
}

/// What one step leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// The caller: its stack pointer, frame pointer (if it is known), and the return address.
    Caller { sp: u64, bp: Option<u64>, ra: u64 },
    /// There is no caller.
    Outermost,
    /// Nothing is known here, or memory could not be read.
    Unknown,
    /// There is a rule, and it is not one for the tables: it needs another register, or computes something unusual.
    BeyondTables,
}

/// DWARF's number of each register that Linux saves, in the order of its `enum REG_*`: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp.
const DWARF_NUMBERS: [u16; 16] = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7];

/// A step by our rule.
pub fn step(rule: Rule, before: Before<'_>) -> After {
    let rule = match rule {
        Rule::Frame(rule) => rule,
        Rule::Outermost => return After::Outermost,
        Rule::Unsupported => return After::BeyondTables,
        _ => return After::Unknown,
    };
    let saved = |place: u8| (before.others)(DWARF_NUMBERS[place as usize]);
    let base = |base| match base {
        Base::Sp => before.sp,
        Base::Bp => before.bp,
        Base::Saved(place) => saved(place),
    };
    let read =
        |address: u64, offset: i32| (before.memory)(address.wrapping_add_signed(offset as i64));
    let step = || {
        let cfa = match rule.cfa {
            CfaRule::Offset {
                base: register,
                offset,
            } => base(register).wrapping_add_signed(offset as i64),
            CfaRule::Deref {
                base: register,
                offset,
                add,
            } => read(base(register), offset)?.wrapping_add_signed(add as i64),
            CfaRule::DerefIndexed { offset, index, add } => {
                let at = before.sp.wrapping_add(saved(index).wrapping_mul(8));
                read(at, offset)?.wrapping_add_signed(add as i64)
            }
            CfaRule::Plt { offset, pushed_at } => before
                .sp
                .wrapping_add_signed(offset as i64)
                .wrapping_add(if before.pc & 15 >= pushed_at as u64 {
                    8
                } else {
                    0
                }),
        };
        let ra = match rule.ra {
            RaRule::AtCfa(offset) => read(cfa, offset)?,
            RaRule::AtSp(offset) => read(before.sp, offset)?,
            RaRule::AtBp(offset) => read(before.bp, offset)?,
            RaRule::Saved(place) => saved(place),
        };
        let bp = match rule.bp {
            BpRule::Same => Some(before.bp),
            BpRule::Undefined => None,
            BpRule::AtCfa(offset) => Some(read(cfa, offset)?),
            BpRule::AtSp(offset) => Some(read(before.sp, offset)?),
            BpRule::AtBp(offset) => Some(read(before.bp, offset)?),
        };
        Some(After::Caller { sp: cfa, bp, ra })
    };
    step().unwrap_or(After::Unknown)
}

/// gimli over one module's sections.
pub struct Gimli<'a> {
    pub eh_frame: EhFrame<Slice<'a>>,
    pub bases: BaseAddresses,
}

impl<'a> Gimli<'a> {
    pub fn new(sections: &UnwindSections<'a>) -> Self {
        Self {
            eh_frame: EhFrame::new(sections.eh_frame, LittleEndian),
            bases: BaseAddresses::default()
                .set_eh_frame(sections.eh_frame_address)
                .set_eh_frame_hdr(sections.eh_frame_hdr_address)
                .set_text(sections.text.start),
        }
    }

    /// A step by gimli's row.
    pub fn step(
        &self,
        row: &UnwindTableRow<usize>,
        encoding: gimli::Encoding,
        before: Before<'_>,
    ) -> After {
        if row.register(X86_64::RA) == Some(RegisterRule::Undefined) {
            return After::Outermost;
        }
        let register = |register| match register {
            X86_64::RSP => Some(before.sp),
            X86_64::RBP => Some(before.bp),
            X86_64::RA => Some(before.pc),
            Register(number @ 0..16) => Some((before.others)(number)),
            _ => None,
        };
        let cfa = match row.cfa() {
            GimliCfa::RegisterAndOffset {
                register: base,
                offset,
            } => match register(*base) {
                Some(base) if *offset == *offset as i32 as i64 => base.wrapping_add_signed(*offset),
                _ => return After::BeyondTables,
            },
            GimliCfa::Expression(expression) => {
                match self.evaluate(expression, encoding, before, &register) {
                    Evaluated::Value(value) => value,
                    Evaluated::Unreadable => return After::Unknown,
                    Evaluated::OtherRegister => return After::BeyondTables,
                }
            }
        };
        let from_sp = matches!(
            row.cfa(),
            GimliCfa::RegisterAndOffset {
                register: X86_64::RSP,
                ..
            }
        );
        let saved = |column| match row.register(column) {
            None | Some(RegisterRule::SameValue) => Ok(register(column)),
            // A slot below rsp was popped, and the register with it; compilers leave that unsaid.
            Some(RegisterRule::Offset(offset))
                if column == X86_64::RBP
                    && from_sp
                    && cfa.wrapping_add_signed(offset) < before.sp =>
            {
                Ok(Some(before.bp))
            }
            Some(RegisterRule::Offset(offset)) => (before.memory)(cfa.wrapping_add_signed(offset))
                .map(Some)
                .ok_or(After::Unknown),
            Some(RegisterRule::Expression(expression)) => {
                match self.evaluate(&expression, encoding, before, &register) {
                    Evaluated::Value(address) => {
                        (before.memory)(address).map(Some).ok_or(After::Unknown)
                    }
                    Evaluated::Unreadable => Err(After::Unknown),
                    Evaluated::OtherRegister => Ok(None),
                }
            }
            Some(RegisterRule::Register(other)) if column == X86_64::RA => Ok(register(other)),
            // Undefined, or held in a register that the tables do not follow.
            _ => Ok(None),
        };
        let ra = match row.register(X86_64::RA) {
            None | Some(RegisterRule::SameValue) => return After::BeyondTables,
            _ => saved(X86_64::RA),
        };
        match (ra, saved(X86_64::RBP)) {
            (Ok(Some(ra)), Ok(bp)) => After::Caller { sp: cfa, bp, ra },
            (Ok(None), _) => After::BeyondTables,
            (Err(end), _) | (_, Err(end)) => end,
        }
    }

    fn evaluate(
        &self,
        expression: &gimli::UnwindExpression<usize>,
        encoding: gimli::Encoding,
        before: Before<'_>,
        register: &dyn Fn(Register) -> Option<u64>,
    ) -> Evaluated {
        let expression: Expression<Slice<'a>> = expression
            .get(&self.eh_frame)
            .expect("gimli read it before");
        let mut evaluation = expression.evaluation(encoding);
        let mut result = evaluation.evaluate();
        loop {
            result = match result {
                Ok(EvaluationResult::Complete) => break,
                Ok(EvaluationResult::RequiresMemory {
                    address, size: 8, ..
                }) => match (before.memory)(address) {
                    Some(word) => evaluation.resume_with_memory(Value::Generic(word)),
                    None => return Evaluated::Unreadable,
                },
                Ok(EvaluationResult::RequiresRegister {
                    register: wanted, ..
                }) => match register(wanted) {
                    Some(value) => evaluation.resume_with_register(Value::Generic(value)),
                    None => return Evaluated::OtherRegister,
                },
                _ => return Evaluated::OtherRegister,
            };
        }
        match evaluation.as_result().last().map(|piece| &piece.location) {
            Some(Location::Address { address }) => Evaluated::Value(*address),
            _ => Evaluated::OtherRegister,
        }
    }
}

enum Evaluated {
    Value(u64),
    Unreadable,
    OtherRegister,
}
