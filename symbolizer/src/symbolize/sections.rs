//! Sections of debug info, brought into memory as far as they must be.

use std::{borrow::Cow, cell::Cell};

use gimli::{LittleEndian, SectionId};
use object::{CompressedFileRange, CompressionFormat, Object, ObjectSection};

use super::{arena::Arena, elf::Elf};

/// What DWARF is read with: borrowed, because a look-up clones it by the thousand.
pub(super) type Reader<'a> = gimli::EndianSlice<'a, LittleEndian>;

/// The sections that look-ups need. The others (locations, macros, type units, accelerator tables) are left in the file.
const NEEDED: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// Why debug info could not be brought into memory.
#[derive(Debug)]
pub(super) enum LoadError {
    /// It is not what its headers say.
    Damaged,
    /// It would take more memory than allowed.
    TooBig,
}

impl From<gimli::Error> for LoadError {
    fn from(_: gimli::Error) -> Self {
        Self::Damaged
    }
}

/// Loads sections of object files, and keeps those that had to be decompressed.
pub(super) struct Sections<'a> {
    decompressed: &'a Arena<Vec<u8>>,
    /// Bytes that may still be brought into memory of our own.
    budget: Cell<u64>,
    /// The files are read, not mapped, so that every section counts.
    copies: bool,
}

impl<'a> Sections<'a> {
    pub(super) fn new(decompressed: &'a Arena<Vec<u8>>, copies: bool, budget: u64) -> Self {
        Self {
            decompressed,
            budget: Cell::new(budget),
            copies,
        }
    }

    /// Asks for room for all sections that look-ups need, before the first is read for nothing.
    pub(super) fn check_room(&self, elf: &Elf<'a>) -> Result<(), LoadError> {
        let needed = NEEDED
            .iter()
            .filter_map(|id| elf.section_by_name(id.name()))
            .filter_map(|section| section.compressed_file_range().ok())
            .filter(|range| self.takes_memory(range))
            .fold(0, |sum: u64, range| {
                sum.saturating_add(range.uncompressed_size)
            });
        if needed > self.budget.get() {
            return Err(LoadError::TooBig);
        }
        Ok(())
    }

    fn takes_memory(&self, range: &CompressedFileRange) -> bool {
        self.copies || range.format != CompressionFormat::None
    }

    /// The section if look-ups need it, else nothing.
    pub(super) fn load_if_needed(
        &self,
        elf: &Elf<'a>,
        id: SectionId,
        name: &str,
    ) -> Result<Reader<'a>, LoadError> {
        if NEEDED.contains(&id) {
            self.load(elf, name)
        } else {
            Ok(Reader::new(&[], LittleEndian))
        }
    }

    /// The section, decompressed; empty where the file has none.
    pub(super) fn load(&self, elf: &Elf<'a>, name: &str) -> Result<Reader<'a>, LoadError> {
        let Some(section) = elf.section_by_name(name) else {
            return Ok(Reader::new(&[], LittleEndian));
        };
        let range = section
            .compressed_file_range()
            .map_err(|_| LoadError::Damaged)?;
        if self.takes_memory(&range) {
            let left = self.budget.get().checked_sub(range.uncompressed_size);
            self.budget.set(left.ok_or(LoadError::TooBig)?);
        }
        let bytes = match section.uncompressed_data() {
            Ok(Cow::Borrowed(bytes)) => bytes,
            Ok(Cow::Owned(bytes)) => self.decompressed.keep(bytes).ok_or(LoadError::TooBig)?,
            Err(_) => return Err(LoadError::Damaged),
        };
        Ok(Reader::new(bytes, LittleEndian))
    }
}
