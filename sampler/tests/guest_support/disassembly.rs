//! A program's machine code as objdump prints it: its functions, whom they call, and the stack that they take.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

/// One function.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    /// Stack that its own frame takes, the return address included.
    pub frame: u64,
    pub calls: Vec<Call>,
    /// How many system call instructions it has.
    pub system_calls: usize,
    /// Its instructions that touch a thread-local variable at a fixed place. (The thread's descriptor is read at an offset in a register.)
    pub thread_locals: Vec<String>,
}

/// Where control goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// To another function of the program, by its address.
    Function(u64),
    /// To a function of a library.
    Library(String),
    /// To an address that is only known when it runs.
    Unknown(String),
}

/// All functions, by address.
pub struct Disassembly(pub BTreeMap<u64, Function>);

/// Instruction prefixes that objdump prints as words of their own.
const PREFIXES: [&str; 8] = [
    "addr32", "notrack", "bnd", "data16", "rep", "repz", "lock", "cs",
];
/// A jump table's address is computed at most this many instructions before the jump.
const JUMP_TABLE_WINDOW: usize = 12;

impl Disassembly {
    /// Disassembles a program. `None` when objdump is not there.
    pub fn of(program: &Path) -> Option<Self> {
        let objdump = |arguments: &[&str]| {
            let output = Command::new("objdump")
                .args(arguments)
                .arg(program)
                .output()
                .ok()?;
            assert!(output.status.success(), "objdump failed: {output:?}");
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let relocations = relocations(&objdump(&["-R"])?);
        let text = objdump(&["-d", "-C", "--no-show-raw-insn"])?;
        let mut blocks: Vec<(u64, &str, Vec<&str>)> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_suffix(">:")
                && let Some((address, name)) = name.split_once(" <")
                && let Ok(address) = u64::from_str_radix(address, 16)
            {
                blocks.push((address, name, Vec::new()));
            } else if let Some((_, instruction)) = line.split_once(":\t")
                && let Some((_, _, instructions)) = blocks.last_mut()
            {
                instructions.push(instruction.trim());
            }
        }
        // The linker's stubs jump to what the loader has put in place, or else to the loader.
        blocks.retain(|(_, name, _)| !name.ends_with("@plt-0x10"));
        let starts: Vec<(u64, &str)> = blocks
            .iter()
            .map(|(address, name, _)| (*address, *name))
            .collect();
        let functions = blocks
            .iter()
            .map(|(address, name, instructions)| {
                let function = Function {
                    name: (*name).to_owned(),
                    frame: frame(instructions),
                    calls: calls(*address, instructions, &starts, &relocations),
                    system_calls: instructions
                        .iter()
                        .filter(|instruction| parts(instruction).0 == "syscall")
                        .count(),
                    thread_locals: instructions
                        .iter()
                        .filter(|instruction| {
                            instruction.contains("%fs:") && !instruction.contains("%fs:(")
                        })
                        .map(|instruction| (*instruction).to_owned())
                        .collect(),
                };
                (*address, function)
            })
            .collect();
        Some(Self(functions))
    }

    /// The functions whose name ends so.
    pub fn named<'a>(&'a self, end: &'a str) -> impl Iterator<Item = u64> + 'a {
        self.0
            .iter()
            .filter(move |(_, function)| function.name.ends_with(end))
            .map(|(&address, _)| address)
    }

    /// Everything that can be reached from a function without entering one that `leave_out` names, each with the way there.
    pub fn reachable(
        &self,
        from: u64,
        leave_out: &dyn Fn(&str) -> bool,
    ) -> Vec<(&Function, String)> {
        let mut seen = vec![(from, self.0[&from].name.clone())];
        let mut next = 0;
        while let Some((address, way)) = seen.get(next).cloned() {
            next += 1;
            for call in &self.0[&address].calls {
                if let Call::Function(target) = call
                    && !seen.iter().any(|(seen, _)| seen == target)
                    && !leave_out(&self.0[target].name)
                {
                    seen.push((*target, format!("{way} > {}", self.0[target].name)));
                }
            }
        }
        seen.into_iter()
            .map(|(address, way)| (&self.0[&address], way))
            .collect()
    }

    /// The stack that a call of this function takes at most, and the functions on the way there. Calls that are not known count nothing.
    pub fn deepest(&self, from: u64, leave_out: &dyn Fn(&str) -> bool) -> (u64, Vec<String>) {
        let mut known = HashMap::new();
        self.deepest_known(from, leave_out, &mut Vec::new(), &mut known)
    }

    fn deepest_known(
        &self,
        from: u64,
        leave_out: &dyn Fn(&str) -> bool,
        path: &mut Vec<u64>,
        known: &mut HashMap<u64, (u64, Vec<String>)>,
    ) -> (u64, Vec<String>) {
        if let Some(known) = known.get(&from) {
            return known.clone();
        }
        let function = &self.0[&from];
        assert!(
            !path.contains(&from),
            "{} calls itself: its stack has no bound",
            function.name
        );
        path.push(from);
        let mut deepest = (0, Vec::new());
        for call in &function.calls {
            let below = match call {
                Call::Function(target) if leave_out(&self.0[target].name) => continue,
                Call::Function(target) => self.deepest_known(*target, leave_out, path, known),
                Call::Library(name) if leave_out(name) => continue,
                Call::Library(name) => (LIBRARY_FRAME, vec![name.clone()]),
                Call::Unknown(_) => continue,
            };
            if below.0 > deepest.0 {
                deepest = below;
            }
        }
        path.pop();
        deepest.0 += function.frame;
        deepest
            .1
            .insert(0, format!("{} ({})", function.name, function.frame));
        known.insert(from, deepest.clone());
        deepest
    }
}

/// What a small function of the C library such as memset may take.
const LIBRARY_FRAME: u64 = 64;

/// What the loader puts where: the address of a word, and the symbol or address that it will hold.
fn relocations(text: &str) -> HashMap<u64, Call> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let place = u64::from_str_radix(words.next()?, 16).ok()?;
            let kind = words.next()?;
            let value = words.next()?;
            let call = match value.strip_prefix("*ABS*+0x") {
                Some(address) => Call::Function(u64::from_str_radix(address, 16).ok()?),
                None => Call::Library(value.split('@').next()?.to_owned()),
            };
            kind.starts_with("R_X86_64_").then_some((place, call))
        })
        .collect()
}

/// The instruction's name without prefixes, and its operands.
fn parts(instruction: &str) -> (&str, &str) {
    let mut rest = instruction;
    loop {
        let (word, operands) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if !PREFIXES.contains(&word) {
            return (word, operands.trim());
        }
        rest = operands.trim();
    }
}

/// The stack that a function takes: what it pushes, what it subtracts from the stack pointer, its return address, and what a leaf uses below
/// the stack pointer.
fn frame(instructions: &[&str]) -> u64 {
    let mut bytes = 8;
    let mut red_zone = 0;
    for instruction in instructions {
        let (name, operands) = parts(instruction);
        if let Some((before, _)) = operands.split_once("(%rsp")
            && let Some((_, below)) = before.rsplit_once("-0x")
            && let Ok(below) = u64::from_str_radix(below, 16)
        {
            red_zone = red_zone.max(below);
        }
        let number = || {
            let (number, _) = operands.strip_prefix('$')?.split_once(',')?;
            u64::from_str_radix(number.strip_prefix("0x")?, 16).ok()
        };
        if name == "push" {
            bytes += 8;
        } else if operands.ends_with(",%rsp") {
            bytes += match name {
                "sub" => number().unwrap_or(u64::MAX / 2),
                // Small frames are made by adding a negative number.
                "add" => number()
                    .map(|number| (number as i64).min(0).unsigned_abs())
                    .unwrap_or(u64::MAX / 2),
                "and" => number().map_or(u64::MAX / 2, |mask| (mask as i64).unsigned_abs() - 1),
                _ => 0,
            };
        }
    }
    bytes + red_zone
}

fn calls(
    own: u64,
    instructions: &[&str],
    starts: &[(u64, &str)],
    relocations: &HashMap<u64, Call>,
) -> Vec<Call> {
    let call_to = |address: u64| {
        let after = starts.partition_point(|&(start, _)| start <= address);
        let (start, name) = starts[after.saturating_sub(1)];
        match name.strip_suffix("@plt") {
            Some(name) => Call::Library(name.to_owned()),
            None => Call::Function(start),
        }
    };
    let mut calls = Vec::new();
    for (index, instruction) in instructions.iter().enumerate() {
        let (name, operands) = parts(instruction);
        if !(name.starts_with("call") || name.starts_with('j')) {
            continue;
        }
        let call = match operands.strip_prefix('*') {
            None => {
                let address = operands.split_whitespace().next().unwrap_or("");
                match u64::from_str_radix(address, 16) {
                    Ok(address) => call_to(address),
                    Err(_) => Call::Unknown((*instruction).to_owned()),
                }
            }
            Some(place) => match indirect(place, &instructions[..index], relocations) {
                Some(call) => call,
                None if name.starts_with('j') && is_table(place, &instructions[..index]) => {
                    continue;
                }
                None => Call::Unknown((*instruction).to_owned()),
            },
        };
        // Jumps within the function are not calls; a call of itself is.
        if call != Call::Function(own) || name.starts_with("call") {
            calls.push(call);
        }
    }
    calls
}

/// The target of `call *PLACE`: a word that the loader fills in, directly or through a register.
fn indirect(place: &str, before: &[&str], relocations: &HashMap<u64, Call>) -> Option<Call> {
    if let Some((_, comment)) = place.split_once("# ") {
        let address = comment.split_whitespace().next()?;
        return relocations
            .get(&u64::from_str_radix(address, 16).ok()?)
            .cloned();
    }
    if !place.starts_with('%') {
        return None;
    }
    // The word is loaded into a register first: unoptimised just before, optimised before a loop.
    let load = before
        .iter()
        .rev()
        .find(|instruction| writes(instruction, place))?;
    let (name, operands) = parts(load);
    let (_, comment) = operands.split_once("# ")?;
    let address = u64::from_str_radix(comment.split_whitespace().next()?, 16).ok()?;
    match name {
        "mov" => relocations.get(&address).cloned(),
        "lea" => Some(Call::Function(address)),
        _ => None,
    }
}

/// Whether an instruction's last operand is this register.
fn writes(instruction: &str, register: &str) -> bool {
    let (_, operands) = parts(instruction);
    let operands = operands.split('#').next().unwrap_or("").trim();
    operands
        .rsplit(',')
        .next()
        .is_some_and(|last| last == register)
}

/// Whether `jmp *REGISTER` goes through a table of offsets inside the function.
fn is_table(register: &str, before: &[&str]) -> bool {
    let window = &before[before.len().saturating_sub(JUMP_TABLE_WINDOW)..];
    window
        .iter()
        .any(|instruction| instruction.starts_with("movslq") && instruction.contains(",4),"))
        && window
            .iter()
            .any(|instruction| instruction.starts_with("add") && writes(instruction, register))
}
