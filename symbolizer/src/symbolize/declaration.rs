//! Where a function is declared, by its entry in DWARF.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use gimli::{AttributeValue, DebugInfoOffset, UnitOffset, UnitRef};

use super::sections::Reader;

/// Longer chains of references between entries are a damaged file.
const MAX_REFERENCES: usize = 8;

/// Where a function's definition starts.
pub(super) struct Declared<'a> {
    pub(super) line: u32,
    /// The file's name without folders, where it could be read.
    file_name: Option<Reader<'a>>,
}

impl Declared<'_> {
    /// Whether the declaration may be in the file. Lines of macros from elsewhere are not in the function's file, and its first
    /// line is no line of theirs.
    pub(super) fn is_in(&self, file: &str) -> bool {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
        self.file_name
            .is_none_or(|declared| name(&declared.to_string_lossy()) == name(file))
    }
}

/// Finds declarations, and remembers the units that inlined functions of other units led to.
#[derive(Default)]
pub(super) struct Declarations<'a> {
    /// Of the main file, in order of their offsets.
    headers: OnceCell<Vec<gimli::UnitHeader<Reader<'a>>>>,
    /// By position in `headers`.
    units: RefCell<HashMap<usize, Option<Rc<gimli::Unit<Reader<'a>>>>>>,
}

impl<'a> Declarations<'a> {
    /// The declaration of a function or an inlined call of one. `None` in files that have none, such as line tables only.
    pub(super) fn find(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        entry: UnitOffset,
    ) -> Option<Declared<'a>> {
        self.follow(unit, entry, MAX_REFERENCES)
    }

    fn follow(
        &self,
        unit: UnitRef<'_, Reader<'a>>,
        entry: UnitOffset,
        references_left: usize,
    ) -> Option<Declared<'a>> {
        let entry = unit.entry(entry).ok()?;
        if let Some(line) = entry
            .attr_value(gimli::DW_AT_decl_line)
            .and_then(|line| line.udata_value())
        {
            return Some(Declared {
                line: u32::try_from(line).ok()?,
                file_name: entry
                    .attr_value(gimli::DW_AT_decl_file)
                    .and_then(|file| file_name(unit, file)),
            });
        }
        let references_left = references_left.checked_sub(1)?;
        match entry
            .attr_value(gimli::DW_AT_abstract_origin)
            .or_else(|| entry.attr_value(gimli::DW_AT_specification))?
        {
            AttributeValue::UnitRef(entry) => self.follow(unit, entry, references_left),
            AttributeValue::DebugInfoRef(entry) => {
                let other = self.unit_of(unit.dwarf, entry)?;
                let entry = entry.to_unit_offset(&other.header)?;
                self.follow(UnitRef::new(unit.dwarf, &other), entry, references_left)
            }
            _ => None,
        }
    }

    /// The unit that holds an entry. Link-time optimisation inlines across units.
    fn unit_of(
        &self,
        dwarf: &gimli::Dwarf<Reader<'a>>,
        entry: DebugInfoOffset,
    ) -> Option<Rc<gimli::Unit<Reader<'a>>>> {
        if dwarf.file_type != gimli::DwarfFileType::Main {
            return None;
        }
        let headers = self.headers.get_or_init(|| {
            let mut units = dwarf.units();
            std::iter::from_fn(|| units.next().ok().flatten()).collect()
        });
        let next = headers.partition_point(|header| {
            header
                .debug_info_offset()
                .is_some_and(|start| start.0 <= entry.0)
        });
        let index = next.checked_sub(1)?;
        self.units
            .borrow_mut()
            .entry(index)
            .or_insert_with(|| dwarf.unit(headers[index]).ok().map(Rc::new))
            .clone()
    }
}

fn file_name<'a>(
    unit: UnitRef<'_, Reader<'a>>,
    file: AttributeValue<Reader<'a>>,
) -> Option<Reader<'a>> {
    let index = match file {
        AttributeValue::FileIndex(index) => index,
        other => other.udata_value()?,
    };
    let program = unit.line_program.as_ref()?;
    let entry = program.header().file(index)?;
    unit.attr_string(entry.path_name()).ok()
}
