//! Frames by DWARF: inlined functions and lines of an address.

use std::{cell::OnceCell, collections::HashSet, sync::Arc};

use addr2line::{Context, FrameIter, LookupContinuation, LookupResult};
use gimli::DwLang;

use super::{
    closure::name_closures,
    declaration::Declarations,
    elf::Elf,
    frame::RawFrame,
    scope::Crates,
    sections::{LoadError, Reader, Sections},
    split::SplitFiles,
    symbol_table::SymbolTable,
};

/// Deeper inlining than this is a damaged file.
const MAX_FRAMES_PER_ADDRESS: usize = 1024;

/// How far from an instruction without a line one with a line is looked for, and how many of them are asked on either side.
const BESIDE_BYTES: u64 = 1024;
const MAX_BESIDE: usize = 32;

/// Debug info that can be asked.
pub(super) struct Dwarf<'a> {
    sections: Arc<gimli::Dwarf<Reader<'a>>>,
    /// What was parsed of the units that were asked. It only grows: it is made anew when it has grown too big.
    context: Context<Reader<'a>>,
    declarations: Declarations<'a>,
    /// Read when the first bare name is met.
    crates: OnceCell<Crates>,
    /// The units that the context has parsed, by offset.
    parsed: HashSet<gimli::DebugInfoOffset>,
    parsed_bytes: usize,
    /// How many bytes of units may be parsed at a time. They take one to two times as much memory.
    max_parsed_bytes: usize,
}

impl<'a> Dwarf<'a> {
    /// Reads the units' headers; functions and lines of a unit are read when an address falls into it.
    pub(super) fn open(
        elf: &Elf<'a>,
        supplement: Option<&Elf<'a>>,
        sections: &Sections<'a>,
        max_parsed_bytes: usize,
    ) -> Result<Self, LoadError> {
        sections.check_room(elf)?;
        let mut dwarf = gimli::Dwarf::load(|id| sections.load_if_needed(elf, id, id.name()))?;
        if let Some(supplement) = supplement {
            dwarf.load_sup(|id| sections.load_if_needed(supplement, id, id.name()))?;
        }
        dwarf.populate_abbreviations_cache(gimli::AbbreviationsCacheStrategy::Duplicates);
        let sections = Arc::new(dwarf);
        Ok(Self {
            context: Context::from_arc_dwarf(sections.clone())?,
            sections,
            declarations: Declarations::default(),
            crates: OnceCell::new(),
            parsed: HashSet::new(),
            parsed_bytes: 0,
            max_parsed_bytes,
        })
    }

    /// The frames at an address, innermost inlined first; empty when nothing is known. What DWARF cannot name, the symbol table does.
    pub(super) fn frames(
        &mut self,
        address: u64,
        symbols: &SymbolTable<'_>,
        split: &SplitFiles<'a>,
    ) -> Vec<RawFrame> {
        self.forget_if_too_big();
        let mut frames = self
            .inlined_frames(address, split)
            .unwrap_or_else(|_| self.line_only(address));
        if let Some(outermost) = frames.last_mut()
            && !is_mangled(&outermost.symbol)
            && let Some(symbol) = symbols.find(address)
            && (outermost.symbol.is_empty() || is_mangled(symbol))
        {
            // The symbol table has the whole name where DWARF has a bare one, or none.
            outermost.symbol = symbol.to_string();
            outermost.scope.clear();
        }
        if frames.is_empty()
            && let Some(symbol) = symbols.find(address)
        {
            frames.push(RawFrame {
                symbol: symbol.to_string(),
                ..RawFrame::default()
            });
        }
        self.note_parsed(address);
        frames
    }

    /// Starts a new context when the old one holds too much.
    fn forget_if_too_big(&mut self) {
        if self.parsed_bytes > self.max_parsed_bytes
            && let Ok(context) = Context::from_arc_dwarf(self.sections.clone())
        {
            self.context = context;
            self.declarations = Declarations::default();
            self.parsed.clear();
            self.parsed_bytes = 0;
        }
    }

    fn note_parsed(&mut self, address: u64) {
        let unit = self.context.find_dwarf_and_unit(address).skip_all_loads();
        // Split units all begin at 0 in files of their own, and count once: those files stay open anyway.
        if let Some(unit) = unit
            && unit
                .header
                .debug_info_offset()
                .is_some_and(|offset| self.parsed.insert(offset))
        {
            self.parsed_bytes += unit.header.length_including_self();
        }
    }

    fn inlined_frames(
        &self,
        address: u64,
        split: &SplitFiles<'a>,
    ) -> Result<Vec<RawFrame>, gimli::Error> {
        let mut found = self.ask(address, split)?;
        let unit = self.context.find_dwarf_and_unit(address).skip_all_loads();
        let mut frames = Vec::new();
        while let Some(frame) = found.next()? {
            if frames.len() == MAX_FRAMES_PER_ADDRESS {
                break;
            }
            let location = frame.location.as_ref();
            let mut raw = RawFrame {
                file: location
                    .and_then(|location| location.file)
                    .unwrap_or_default()
                    .to_string(),
                line: location
                    .and_then(|location| location.line)
                    .unwrap_or_default(),
                ..RawFrame::default()
            };
            let declared = match (unit, frame.dw_die_offset) {
                (Some(unit), Some(entry)) => self.declarations.find(unit, entry),
                _ => None,
            };
            if raw.line == 0 && frames.is_empty() && !raw.file.is_empty() {
                let beside = self.file_beside(address, frame.dw_die_offset, split);
                let is_declared_there = declared.as_ref().is_some_and(|at| at.is_in(&raw.file));
                if !beside.is_empty() || !is_declared_there {
                    raw.file = beside;
                }
            }
            if let Some(declared) = &declared
                && declared.is_in(&raw.file)
            {
                raw.start_line = declared.line;
            }
            if let Some(function) = frame.function {
                raw.symbol = function.raw_name()?.into_owned();
                if declared.is_none() && is_bare_rust(&raw.symbol, function.language) {
                    let crates = self.crates.get_or_init(|| Crates::read(&self.sections));
                    raw.scope = crates.scope(&raw.file);
                }
            }
            frames.push(raw);
        }
        name_closures(&mut frames);
        Ok(frames)
    }

    /// The source file of the function that an instruction without a line belongs to. Code that was merged from several places has line 0, and the file that
    /// stands there is the one of whatever code came before: a function would go by another crate's module. So it is that of the nearest instruction
    /// of the same function, or of the same inlined call, that has a line; empty where none is near.
    fn file_beside(
        &self,
        address: u64,
        function: Option<gimli::UnitOffset>,
        split: &SplitFiles<'a>,
    ) -> String {
        let (Some(function), Some(unit)) = (function, self.unit_at(address)) else {
            return String::new();
        };
        let lines = |low: u64, high: u64| {
            let rows = self.context.find_location_range(low, high);
            let rows = rows.into_iter().flatten();
            let with_line =
                rows.filter(|(_, _, location)| location.line.is_some_and(|line| line > 0));
            with_line.map(|(start, ..)| start).collect::<Vec<u64>>()
        };
        let mut before = lines(address.saturating_sub(BESIDE_BYTES), address);
        before.reverse();
        let after = lines(address, address.saturating_add(BESIDE_BYTES));
        let near = before
            .iter()
            .take(MAX_BESIDE)
            .chain(after.iter().take(MAX_BESIDE));
        for &start in near {
            let found = self.ask(start, split).and_then(|mut found| found.next());
            if let Ok(Some(frame)) = found
                && frame.dw_die_offset == Some(function)
                && self.unit_at(start) == Some(unit)
                && let Some(file) = frame.location.and_then(|location| location.file)
            {
                return file.to_string();
            }
        }
        String::new()
    }

    /// Which unit an address is in.
    fn unit_at(&self, address: u64) -> Option<gimli::UnitSectionOffset> {
        let unit = self.context.find_dwarf_and_unit(address).skip_all_loads();
        unit.map(|unit| unit.header.offset())
    }

    /// Asks the context, and brings it the split files it wants.
    fn ask(
        &self,
        address: u64,
        split: &SplitFiles<'a>,
    ) -> Result<FrameIter<'_, Reader<'a>>, gimli::Error> {
        let mut answer = self.context.find_frames(address);
        loop {
            match answer {
                LookupResult::Output(frames) => return frames,
                LookupResult::Load { load, continuation } => {
                    answer = continuation.resume(split.load(&load));
                }
            }
        }
    }

    /// The line alone, where a unit's functions cannot be read.
    fn line_only(&self, address: u64) -> Vec<RawFrame> {
        let Ok(Some(location)) = self.context.find_location(address) else {
            return Vec::new();
        };
        vec![RawFrame {
            file: location.file.unwrap_or_default().to_string(),
            line: location.line.unwrap_or_default(),
            ..RawFrame::default()
        }]
    }
}

/// Whether the name is in one of the forms that compilers mangle to: then it is whole.
pub(super) fn is_mangled(name: &str) -> bool {
    name.starts_with("_R") || name.starts_with("_Z") || name.starts_with("__R")
}

/// A Rust name that has lost its path. `extern "C"` functions have none either, but those are declared.
fn is_bare_rust(name: &str, language: Option<DwLang>) -> bool {
    language == Some(gimli::DW_LANG_Rust) && !is_mangled(name)
}
