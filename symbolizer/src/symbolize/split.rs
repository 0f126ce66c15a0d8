//! Split DWARF: `.dwo` files beside the build, or all of them in one `.dwp` package.

use std::{
    cell::{Cell, RefCell},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use addr2line::SplitDwarfLoad;
use gimli::LittleEndian;

use super::{
    arena::Arena,
    elf::Elf,
    file_bytes::{FileBytes, FileRef},
    search_path::SearchPath,
    sections::{LoadError, Reader, Sections},
};

/// How many `.dwo` files may be opened for one module, and how many missing ones are remembered.
pub(super) const MAX_DWO_FILES: usize = 4096;

/// Finds the split parts of debug info.
pub(super) struct SplitFiles<'a> {
    package: Option<gimli::DwarfPackage<Reader<'a>>>,
    files: &'a Arena<FileBytes>,
    sections: &'a Sections<'a>,
    search: &'a SearchPath<'a>,
    used_package: Cell<bool>,
    used_files: Cell<usize>,
    /// Where files were looked for and not found.
    missing: RefCell<Vec<PathBuf>>,
}

impl<'a> SplitFiles<'a> {
    pub(super) fn new(
        package: Option<&Elf<'a>>,
        files: &'a Arena<FileBytes>,
        sections: &'a Sections<'a>,
        search: &'a SearchPath<'a>,
    ) -> Self {
        Self {
            package: package.and_then(|elf| open_package(elf, sections).ok()),
            files,
            sections,
            search,
            used_package: Cell::new(false),
            used_files: Cell::new(0),
            missing: RefCell::default(),
        }
    }

    /// Whether the package told something.
    pub(super) fn used_package(&self) -> bool {
        self.used_package.get()
    }

    /// Whether a `.dwo` file told something.
    pub(super) fn used_files(&self) -> bool {
        self.used_files.get() > 0
    }

    /// Where files were looked for and not found.
    pub(super) fn into_missing(self) -> Vec<PathBuf> {
        self.missing.into_inner()
    }

    /// The split part of a unit, from the package or from its file.
    pub(super) fn load(
        &self,
        wanted: &SplitDwarfLoad<Reader<'a>>,
    ) -> Option<Arc<gimli::Dwarf<Reader<'a>>>> {
        if let Some(package) = &self.package
            && let Ok(Some(unit)) = package.find_cu(wanted.dwo_id, &wanted.parent)
        {
            self.used_package.set(true);
            return Some(Arc::new(unit));
        }
        let path_of = |reader: &Reader<'a>| PathBuf::from(OsStr::from_bytes(reader.slice()));
        let name = wanted.path.as_ref().map(path_of)?;
        let built_in = wanted.comp_dir.as_ref().map(path_of).unwrap_or_default();
        let built_as = built_in.join(&name);
        for path in self.search.split_files(&built_as) {
            if let Some(unit) = self.open(&path, wanted) {
                self.used_files.set(self.used_files.get() + 1);
                return Some(Arc::new(unit));
            }
        }
        let mut missing = self.missing.borrow_mut();
        if missing.len() < MAX_DWO_FILES {
            missing.push(built_as);
        }
        None
    }

    fn open(
        &self,
        path: &Path,
        wanted: &SplitDwarfLoad<Reader<'a>>,
    ) -> Option<gimli::Dwarf<Reader<'a>>> {
        let bytes = FileBytes::open(path, self.search.map_files()).ok()?;
        let elf = Elf::parse(FileRef(self.files.keep(bytes)?)).ok()?;
        let mut dwarf = gimli::Dwarf::load(|id| match id.dwo_name() {
            Some(name) => self.sections.load_if_needed(&elf, id, name),
            None => Ok(Reader::new(&[], LittleEndian)),
        })
        .ok()?;
        let header = dwarf.units().next().ok()??;
        // A file of an older or newer build of the same unit has another id.
        if dwarf.unit(header).ok()?.dwo_id != Some(wanted.dwo_id) {
            return None;
        }
        dwarf.make_dwo(&wanted.parent);
        Some(dwarf)
    }
}

fn open_package<'a>(
    elf: &Elf<'a>,
    sections: &Sections<'a>,
) -> Result<gimli::DwarfPackage<Reader<'a>>, LoadError> {
    // All sections, needed or not: the package's index points into each of them.
    gimli::DwarfPackage::load(
        |id| match id.dwo_name() {
            Some(name) => sections.load(elf, name),
            None => Ok(Reader::new(&[], LittleEndian)),
        },
        Reader::new(&[], LittleEndian),
    )
}
