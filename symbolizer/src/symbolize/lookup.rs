//! Reads symbol tables and debug info for a module's addresses. Everything it opens is closed, and its memory given back, when it returns.

use std::path::PathBuf;

use super::{
    Source,
    arena::Arena,
    dwarf::Dwarf,
    elf::{Elf, ElfFile},
    frame::{Answers, RawFrame},
    locate::Plan,
    mini,
    sections::{LoadError, Sections},
    split::{MAX_DWO_FILES, SplitFiles},
    symbol_table::SymbolTable,
};

/// How much memory may be used.
struct Memory {
    /// Sections of debug info that are read or decompressed.
    max_section_bytes: u64,
    /// Units of debug info that are parsed at a time.
    max_parsed_bytes: usize,
    /// The file of names inside a stripped file.
    max_mini_bytes: u64,
}

impl Memory {
    /// Files are mapped: a command does, and its memory is its own. Only compressed sections take memory.
    const COMMAND: Self = Self {
        max_section_bytes: 4 << 30,
        max_parsed_bytes: 256 << 20,
        max_mini_bytes: 256 << 20,
    };

    /// Files are read: we are a guest in somebody's process, which keeps what its allocator does not give back.
    const GUEST: Self = Self {
        max_section_bytes: 256 << 20,
        max_parsed_bytes: 8 << 20,
        max_mini_bytes: 8 << 20,
    };
}

impl Memory {
    fn of(map_files: bool) -> Self {
        if map_files {
            Self::COMMAND
        } else {
            Self::GUEST
        }
    }
}

/// Decompressed sections of a module: some for each `.dwo` file.
const MAX_SECTIONS: usize = 8 * MAX_DWO_FILES;

/// What a module's files told.
pub(super) struct Outcome {
    /// One entry for each address asked.
    pub(super) answers: Answers,
    pub(super) source: Source,
    /// Split files that were looked for in vain.
    pub(super) missing: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
}

/// Looks the addresses (as the object file has them) up in the plan's files.
pub(super) fn look_up(plan: &Plan<'_>, addresses: &[u64], map_files: bool) -> Outcome {
    let mut outcome = Outcome {
        answers: addresses.iter().map(|&at| (at, Vec::new())).collect(),
        source: if plan.is_replaced {
            Source::BuildIdMismatch
        } else {
            Source::NotFound
        },
        missing: Vec::new(),
        notes: Vec::new(),
    };
    let Some(object) = plan.object.as_ref().and_then(|file| file.parse()) else {
        return outcome;
    };
    let separate = plan.debug.as_ref().and_then(|(file, _)| file.parse());
    let is_full = |file: &ElfFile| file.facts.has_full_symbols;
    let has_names = plan.object.as_ref().is_some_and(is_full)
        || plan.debug.as_ref().is_some_and(|(file, _)| is_full(file));
    let mini = if has_names {
        None
    } else {
        mini::read(&object, Memory::of(map_files).max_mini_bytes)
    };
    let mini = mini.as_ref().and_then(|file| file.parse());
    let made = Arena::new(1);
    let symbols = SymbolTable::read(&object, separate.as_ref(), mini.as_ref(), &made);
    if look_up_debug_info(
        plan,
        &object,
        separate.as_ref(),
        &symbols,
        map_files,
        &mut outcome,
    ) {
        return outcome;
    }
    for (&address, frames) in &mut outcome.answers {
        frames.extend(symbols.find(address).map(|symbol| RawFrame {
            symbol: symbol.to_string(),
            ..RawFrame::default()
        }));
    }
    // A stripped program still has the few dynamic symbols that the loader wants.
    let is_named = outcome.answers.values().any(|frames| !frames.is_empty());
    outcome.source = if symbols.is_full() || is_named {
        Source::SymbolTable
    } else {
        Source::Stripped
    };
    outcome
}

/// Answers from debug info; `false` where there is none that can be read.
fn look_up_debug_info<'a>(
    plan: &'a Plan<'_>,
    object: &Elf<'a>,
    separate: Option<&Elf<'a>>,
    symbols: &SymbolTable<'a>,
    map_files: bool,
    outcome: &mut Outcome,
) -> bool {
    let (elf, source) = match (separate, &plan.debug, &plan.object) {
        (Some(elf), Some((file, source)), _) if file.facts.has_debug_info => (elf, *source),
        (_, _, Some(file)) if file.facts.has_debug_info => (object, Source::Dwarf),
        _ => return false,
    };
    let decompressed = Arena::new(MAX_SECTIONS);
    let files = Arena::new(MAX_DWO_FILES);
    let memory = Memory::of(map_files);
    let sections = Sections::new(&decompressed, !map_files, memory.max_section_bytes);
    let supplement = plan.supplement.as_ref().and_then(|file| file.parse());
    let package = plan.package.as_ref().and_then(|file| file.parse());
    let opened = Dwarf::open(elf, supplement.as_ref(), &sections, memory.max_parsed_bytes);
    let mut dwarf = match opened {
        Ok(dwarf) => dwarf,
        Err(LoadError::TooBig) => {
            outcome.notes.push(format!(
                "its debug info is too big to be read inside the process (more than {} MB): ask with the command",
                memory.max_section_bytes >> 20
            ));
            return false;
        }
        Err(LoadError::Damaged) => {
            outcome.notes.push("its debug info is damaged".to_string());
            return false;
        }
    };
    let split = SplitFiles::new(package.as_ref(), &files, &sections, &plan.search);
    for (&address, frames) in &mut outcome.answers {
        *frames = dwarf.frames(address, symbols, &split);
    }
    outcome.source = if split.used_package() {
        Source::Dwp
    } else if split.used_files() {
        Source::Dwo
    } else {
        source
    };
    outcome.missing = split.into_missing();
    true
}
