//! Whole walks by gimli's own evaluation, with all registers followed as DWARF has it: the third opinion where two differ.

use std::collections::BTreeMap;
use std::ops::Range;

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, EhFrame, EhFrameOffset, EvaluationResult, Expression,
    LittleEndian, Location, Register, RegisterRule, UnwindContext, UnwindExpression, UnwindSection,
    Value, X86_64,
};
use hotpoll_profile::Module;
use hotpoll_sampler::unwind::StackReader;

use super::elf::ElfSections;
use super::oracle::Slice;

/// The general registers by DWARF number, and the return address column: the current instruction.
pub type AllRegisters = [Option<u64>; 17];

/// gimli over the files that are mapped in this process.
pub struct GimliWalk {
    modules: Vec<Loaded>,
    context: UnwindContext<usize>,
}

struct Loaded {
    range: Range<u64>,
    bias: u64,
    eh_frame: Vec<u8>,
    eh_frame_address: u64,
    /// Entries by their start.
    entries: BTreeMap<u64, usize>,
}

impl GimliWalk {
    pub fn new<'m>(modules: impl Iterator<Item = &'m Module>, vdso: &[u8]) -> Self {
        let modules = modules.filter_map(|module| {
            let file = if module.path == "[vdso]" {
                ElfSections::parse("[vdso]", vdso)
            } else {
                ElfSections::read(&module.path)
            }?;
            let sections = file.sections();
            let mut loaded = Loaded {
                range: module.start..module.end,
                bias: module.load_bias,
                eh_frame: sections.eh_frame.to_vec(),
                eh_frame_address: sections.eh_frame_address,
                entries: BTreeMap::new(),
            };
            let (eh_frame, bases) = loaded.section();
            let mut found = BTreeMap::new();
            let mut entries = eh_frame.entries(&bases);
            while let Ok(Some(entry)) = entries.next() {
                if let CieOrFde::Fde(partial) = entry {
                    let fde = partial.parse(EhFrame::cie_from_offset).unwrap();
                    found.insert(fde.initial_address(), fde.offset());
                }
            }
            loaded.entries = found;
            Some(loaded)
        });
        Self {
            modules: modules.collect(),
            context: UnwindContext::new(),
        }
    }

    /// The callchain as the walk under test writes it, and whether it reached the thread's start.
    pub fn walk(
        &mut self,
        mut registers: AllRegisters,
        stack: &impl StackReader,
        depth: usize,
    ) -> (Vec<u64>, bool) {
        let Some(pc) = registers[16] else {
            return (Vec::new(), false);
        };
        let mut callchain = vec![pc];
        let mut lookup = pc;
        while callchain.len() < depth {
            match self.step(&registers, lookup, stack) {
                Stepped::Caller(caller, signal) => {
                    let address = caller[16].unwrap_or(0);
                    if address == 0 && !signal {
                        return (callchain, true);
                    }
                    lookup = if signal { address } else { address - 1 };
                    callchain.push(lookup + 1);
                    registers = *caller;
                }
                Stepped::Outermost => return (callchain, true),
                Stepped::Lost => return (callchain, false),
            }
        }
        (callchain, false)
    }

    fn step(&mut self, registers: &AllRegisters, lookup: u64, stack: &impl StackReader) -> Stepped {
        let mut step = || {
            let module = self
                .modules
                .iter()
                .find(|module| module.range.contains(&lookup))?;
            let address = lookup - module.bias;
            let (eh_frame, bases) = module.section();
            let (_, &offset) = module.entries.range(..=address).next_back()?;
            let fde = eh_frame
                .fde_from_offset(&bases, EhFrameOffset(offset), EhFrame::cie_from_offset)
                .ok()?;
            let row = fde
                .unwind_info_for_address(&eh_frame, &bases, &mut self.context, address)
                .ok()?;
            if row.register(X86_64::RA) == Some(RegisterRule::Undefined) {
                return Some(Stepped::Outermost);
            }
            let evaluate = |expression: &UnwindExpression<usize>, start: Option<u64>| {
                let expression: Expression<Slice<'_>> = expression.get(&eh_frame).ok()?;
                let mut evaluation = expression.evaluation(fde.cie().encoding());
                if let Some(start) = start {
                    evaluation.set_initial_value(start);
                }
                let mut result = evaluation.evaluate();
                loop {
                    result = match result.ok()? {
                        EvaluationResult::Complete => break,
                        EvaluationResult::RequiresMemory { address, .. } => {
                            evaluation.resume_with_memory(Value::Generic(stack.read(address)?))
                        }
                        EvaluationResult::RequiresRegister { register, .. } => evaluation
                            .resume_with_register(Value::Generic(
                                (*registers.get(register.0 as usize)?)?,
                            )),
                        _ => return None,
                    };
                }
                match evaluation.as_result().last()?.location {
                    Location::Address { address } => Some(address),
                    _ => None,
                }
            };
            let cfa = match row.cfa() {
                CfaRule::RegisterAndOffset { register, offset } => {
                    (*registers.get(register.0 as usize)?)?.wrapping_add_signed(*offset)
                }
                CfaRule::Expression(expression) => evaluate(expression, None)?,
            };
            let mut caller: AllRegisters = [None; 17];
            for number in 0..17u16 {
                caller[number as usize] = match row.register(Register(number)) {
                    None if number == X86_64::RSP.0 => Some(cfa),
                    None | Some(RegisterRule::SameValue) => registers[number as usize],
                    Some(RegisterRule::Offset(offset)) => {
                        stack.read(cfa.wrapping_add_signed(offset))
                    }
                    Some(RegisterRule::ValOffset(offset)) => Some(cfa.wrapping_add_signed(offset)),
                    Some(RegisterRule::Register(other)) => {
                        registers.get(other.0 as usize).copied().flatten()
                    }
                    Some(RegisterRule::Expression(expression)) => {
                        evaluate(&expression, Some(cfa)).and_then(|address| stack.read(address))
                    }
                    Some(RegisterRule::ValExpression(expression)) => {
                        evaluate(&expression, Some(cfa))
                    }
                    Some(_) => None,
                };
            }
            caller[16]?;
            Some(Stepped::Caller(
                Box::new(caller),
                fde.is_signal_trampoline(),
            ))
        };
        step().unwrap_or(Stepped::Lost)
    }
}

enum Stepped {
    /// The caller's registers; whether it was interrupted by a signal rather than left by a call.
    Caller(Box<AllRegisters>, bool),
    Outermost,
    Lost,
}

impl Loaded {
    fn section(&self) -> (EhFrame<Slice<'_>>, BaseAddresses) {
        (
            EhFrame::new(&self.eh_frame, LittleEndian),
            BaseAddresses::default().set_eh_frame(self.eh_frame_address),
        )
    }
}
