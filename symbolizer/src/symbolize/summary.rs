//! What symbolizing found, module by module.

use std::{path::PathBuf, time::Duration};

/// What [`symbolize`](super::symbolize) found.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// One entry for each module that addresses were looked up in, the one with most addresses first.
    pub modules: Vec<ModuleSymbols>,
    /// Addresses that lie in no module.
    pub outside_modules: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// Where one module's names came from.
#[derive(Debug, Clone)]
pub struct ModuleSymbols {
    /// The module's path as the process saw it.
    pub path: String,
    /// Distinct addresses looked up.
    pub addresses: usize,
    /// How many of them have a function's name.
    pub named: usize,
    /// How many of them have a source line.
    pub with_lines: usize,
    /// Where names came from.
    pub source: Source,
    /// Whether every answer came from the cache on disk.
    pub cached: bool,
    /// The file that was read, where one was.
    pub file: Option<PathBuf>,
    /// What a person should know or do: sentences without a final full stop, separated by `; `.
    pub hint: Option<String>,
}

/// Where a module's names came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Debug info in the file itself.
    Dwarf,
    /// Debug info in the separate file that `.gnu_debuglink` names.
    DebugLink,
    /// Debug info in a separate file found by build ID.
    BuildIdFile,
    /// Split debug info in `.dwo` files.
    Dwo,
    /// Split debug info in a `.dwp` package.
    Dwp,
    /// A symbol table alone: functions, no inlined frames, no lines.
    SymbolTable,
    /// The file was found, and it has no symbols.
    Stripped,
    /// No file was found, or none could be read.
    NotFound,
    /// A file was found, but it is another build than the one that ran.
    BuildIdMismatch,
    /// The kernel's vDSO, by its own symbols.
    Vdso,
}

impl Source {
    /// Every source; the position is its code in the cache on disk.
    const ALL: [Self; 10] = [
        Self::Dwarf,
        Self::DebugLink,
        Self::BuildIdFile,
        Self::Dwo,
        Self::Dwp,
        Self::SymbolTable,
        Self::Stripped,
        Self::NotFound,
        Self::BuildIdMismatch,
        Self::Vdso,
    ];

    /// The word for it in a report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dwarf => "debug info",
            Self::DebugLink => "debug link",
            Self::BuildIdFile => "debug file by build ID",
            Self::Dwo => "split debug info (.dwo)",
            Self::Dwp => "split debug info (.dwp)",
            Self::SymbolTable => "symbol table",
            Self::Stripped => "stripped",
            Self::NotFound => "not found",
            Self::BuildIdMismatch => "another build",
            Self::Vdso => "vDSO",
        }
    }

    pub(super) fn code(self) -> u8 {
        Self::ALL
            .iter()
            .position(|&source| source == self)
            .unwrap_or_default() as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// How much it can tell: what a cached answer must at least match to stand against what is on disk now.
    pub(super) fn quality(self) -> Quality {
        match self {
            Self::Dwarf | Self::DebugLink | Self::BuildIdFile | Self::Dwo | Self::Dwp => {
                Quality::Lines
            }
            Self::SymbolTable | Self::Vdso => Quality::Functions,
            Self::Stripped | Self::NotFound | Self::BuildIdMismatch => Quality::Nothing,
        }
    }
}

/// How much a source of names can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quality {
    Nothing,
    Functions,
    Lines,
}
