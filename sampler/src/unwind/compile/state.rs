//! Carrying out call frame instructions, for the three columns that a callchain needs: CFA, rbp, return address.

use gimli::{
    BaseAddresses, CallFrameInstruction, EhFrame, FrameDescriptionEntry, Register,
    UnwindExpression, X86_64,
};

use super::super::builder::TableBuilder;
use super::super::rule::{Base, BpRule, CfaRule, FullRule, PackedRule, RaRule};
use super::expression::{self, Known};
use super::{Cie, Slice};

/// How many states one entry can put aside; compilers put aside one or two.
const MAX_REMEMBERED: usize = 16;
/// How many instructions a CIE can have. They are carried out once for many entries, so they would multiply.
const MAX_CIE_INSTRUCTIONS: usize = 256;

/// Where the caller's CFA, rbp and return address are, as far as the instructions so far say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    cfa: Cfa,
    bp: Column,
    ra: Column,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cfa {
    /// No instruction has said yet.
    Unset,
    Register {
        register: Register,
        offset: i64,
    },
    Expression(Known),
    Unsupported,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    /// No instruction has said: for rbp the same value, as callees keep it.
    Unset,
    Same,
    Undefined,
    /// Saved at CFA + this.
    AtCfa(i64),
    /// Saved where this expression says.
    At(Known),
    /// In another register.
    Register(Register),
    Unsupported,
}

impl State {
    const NEW: Self = Self {
        cfa: Cfa::Unset,
        bp: Column::Unset,
        ra: Column::Unset,
    };

    /// The state that each entry of this CIE starts with.
    pub(super) fn from_cie<'a>(
        cie: &Cie<'a>,
        eh_frame: &EhFrame<Slice<'a>>,
        bases: &BaseAddresses,
    ) -> Option<Self> {
        if cie.return_address_register() != X86_64::RA {
            return None;
        }
        let mut machine = Machine {
            state: Self::NEW,
            initial: None,
            cie,
            eh_frame,
            remembered: Vec::new(),
        };
        let mut instructions = cie.instructions(eh_frame, bases);
        for _ in 0..MAX_CIE_INSTRUCTIONS {
            match instructions.next().ok()? {
                Some(instruction) => match machine.carry_out(instruction)? {
                    Step::Stay => {}
                    // A CIE has no address to move from.
                    Step::Advance(_) | Step::SetLocation(_) => return None,
                },
                None => return Some(machine.state),
            }
        }
        None
    }

    /// The state as a rule of the table.
    pub(super) fn rule(&self, builder: &mut TableBuilder, signal: bool) -> PackedRule {
        // An outermost frame's CFA may be anything: nobody asks.
        if self.ra == Column::Undefined {
            return PackedRule::OUTERMOST;
        }
        match self.full(signal) {
            Some(full) => builder.pack(full),
            None => PackedRule::UNSUPPORTED,
        }
    }

    fn full(&self, signal: bool) -> Option<FullRule> {
        let cfa = match self.cfa {
            Cfa::Register { register, offset } => CfaRule::Offset {
                base: expression::base(register)?,
                offset: i32::try_from(offset).ok()?,
            },
            Cfa::Expression(known) => known.cfa(),
            Cfa::Unset | Cfa::Unsupported => return None,
        };
        let bp = match self.bp {
            Column::Unset | Column::Same => BpRule::Same,
            // A walk that does not need rbp goes on; one that does says so.
            Column::Undefined | Column::Register(_) | Column::Unsupported => BpRule::Undefined,
            Column::AtCfa(offset) => match i32::try_from(offset) {
                // Compilers do not say that an epilogue has popped rbp: its slot is then below rsp, outside the stack, and rbp is restored.
                // They write that CFA as register and offset; an expression with the same value was meant as it stands.
                Ok(offset)
                    if matches!(self.cfa, Cfa::Register { .. }) && slot_is_popped(cfa, offset) =>
                {
                    BpRule::Same
                }
                Ok(offset) => BpRule::AtCfa(offset),
                Err(_) => BpRule::Undefined,
            },
            Column::At(known) => match known {
                Known::Address {
                    base: Base::Sp,
                    offset,
                } => BpRule::AtSp(offset),
                Known::Address {
                    base: Base::Bp,
                    offset,
                } => BpRule::AtBp(offset),
                _ => BpRule::Undefined,
            },
        };
        let ra = match self.ra {
            Column::AtCfa(offset) => RaRule::AtCfa(i32::try_from(offset).ok()?),
            Column::At(Known::Address {
                base: Base::Sp,
                offset,
            }) => RaRule::AtSp(offset),
            Column::At(Known::Address {
                base: Base::Bp,
                offset,
            }) => RaRule::AtBp(offset),
            Column::Register(register) => RaRule::Saved(expression::saved(register)?),
            _ => return None,
        };
        Some(FullRule {
            cfa,
            bp,
            ra,
            signal,
        })
    }
}

fn slot_is_popped(cfa: CfaRule, offset: i32) -> bool {
    match cfa {
        CfaRule::Offset {
            base: Base::Sp,
            offset: cfa,
        } => cfa.saturating_add(offset) < 0,
        _ => false,
    }
}

enum Step {
    Stay,
    Advance(u64),
    SetLocation(u64),
}

struct Machine<'m, 'a> {
    state: State,
    /// What `restore` goes back to; nothing while the CIE itself is carried out.
    initial: Option<State>,
    cie: &'m Cie<'a>,
    eh_frame: &'m EhFrame<Slice<'a>>,
    remembered: Vec<State>,
}

impl Machine<'_, '_> {
    fn column(&mut self, register: Register) -> Option<&mut Column> {
        match register {
            X86_64::RBP => Some(&mut self.state.bp),
            X86_64::RA => Some(&mut self.state.ra),
            _ => None,
        }
    }

    fn set(&mut self, register: Register, value: Column) {
        if let Some(column) = self.column(register) {
            *column = value;
        }
    }

    fn factored(&self, offset: i64) -> i64 {
        offset.wrapping_mul(self.cie.data_alignment_factor())
    }

    fn known(&self, expression: UnwindExpression<usize>) -> Option<Known> {
        expression::recognise(expression.get(self.eh_frame).ok()?.0, self.cie.encoding())
    }

    /// Carries out one instruction; nothing when it makes no sense here.
    fn carry_out(&mut self, instruction: CallFrameInstruction<usize>) -> Option<Step> {
        use CallFrameInstruction as I;
        match instruction {
            I::SetLoc { address } => return Some(Step::SetLocation(address)),
            I::AdvanceLoc { delta } => {
                return Some(Step::Advance(
                    (delta as u64).checked_mul(self.cie.code_alignment_factor())?,
                ));
            }
            I::DefCfa { register, offset } => {
                self.state.cfa = Cfa::Register {
                    register,
                    offset: offset as i64,
                }
            }
            I::DefCfaSf {
                register,
                factored_offset,
            } => {
                self.state.cfa = Cfa::Register {
                    register,
                    offset: self.factored(factored_offset),
                };
            }
            I::DefCfaRegister { register } => match &mut self.state.cfa {
                Cfa::Register {
                    register: current, ..
                } => *current = register,
                _ => return None,
            },
            I::DefCfaOffset { offset } => match &mut self.state.cfa {
                Cfa::Register {
                    offset: current, ..
                } => *current = offset as i64,
                _ => return None,
            },
            I::DefCfaOffsetSf { factored_offset } => {
                let factored = self.factored(factored_offset);
                match &mut self.state.cfa {
                    Cfa::Register {
                        offset: current, ..
                    } => *current = factored,
                    _ => return None,
                }
            }
            I::DefCfaExpression { expression } => {
                self.state.cfa = self
                    .known(expression)
                    .map_or(Cfa::Unsupported, Cfa::Expression)
            }
            I::Undefined { register } => self.set(register, Column::Undefined),
            I::SameValue { register } => self.set(register, Column::Same),
            I::Offset {
                register,
                factored_offset,
            } => {
                let at = self.factored(factored_offset as i64);
                self.set(register, Column::AtCfa(at));
            }
            I::OffsetExtendedSf {
                register,
                factored_offset,
            } => {
                let at = self.factored(factored_offset);
                self.set(register, Column::AtCfa(at));
            }
            I::Expression {
                register,
                expression,
            } => {
                if self.column(register).is_some() {
                    let at = self
                        .known(expression)
                        .map_or(Column::Unsupported, Column::At);
                    self.set(register, at);
                }
            }
            I::ValOffset { register, .. }
            | I::ValOffsetSf { register, .. }
            | I::ValExpression { register, .. } => self.set(register, Column::Unsupported),
            I::Register {
                dest_register,
                src_register,
            } => self.set(dest_register, Column::Register(src_register)),
            I::Restore { register } => {
                let initial = self.initial?;
                match register {
                    X86_64::RBP => self.state.bp = initial.bp,
                    X86_64::RA => self.state.ra = initial.ra,
                    _ => {}
                }
            }
            I::RememberState => {
                if self.remembered.len() >= MAX_REMEMBERED {
                    return None;
                }
                self.remembered.push(self.state);
            }
            I::RestoreState => self.state = self.remembered.pop()?,
            I::ArgsSize { .. } | I::Nop => {}
            // Another architecture's, or one that gimli learns later.
            _ => return None,
        }
        Some(Step::Stay)
    }
}

/// Carries out an entry's instructions. Calls with each address, below `end`, from which on a state holds; with nothing instead of a state
/// where the instructions stop making sense.
pub(super) fn run<'a>(
    fde: &FrameDescriptionEntry<Slice<'a>>,
    initial: State,
    eh_frame: &EhFrame<Slice<'a>>,
    bases: &BaseAddresses,
    end: u64,
    row: &mut dyn FnMut(u64, Option<State>),
) {
    let mut machine = Machine {
        state: initial,
        initial: Some(initial),
        cie: fde.cie(),
        eh_frame,
        remembered: Vec::new(),
    };
    let mut instructions = fde.instructions(eh_frame, bases);
    let mut location = fde.initial_address();
    // Each turn reads at least one byte of the section.
    loop {
        let step = match instructions.next() {
            Ok(Some(instruction)) => machine.carry_out(instruction),
            Ok(None) => {
                row(location, Some(machine.state));
                return;
            }
            Err(_) => None,
        };
        let next = match step {
            Some(Step::Stay) => continue,
            Some(Step::Advance(delta)) => location.checked_add(delta),
            Some(Step::SetLocation(address)) => {
                Some(address).filter(|&address| address >= location)
            }
            None => None,
        };
        let Some(next) = next else {
            row(location, None);
            return;
        };
        if next > location {
            row(location, Some(machine.state));
        }
        if next >= end {
            return;
        }
        location = next;
    }
}
