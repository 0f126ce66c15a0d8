//! One ELF file: what its headers say, before any symbol is read.

use std::{
    fs::Metadata,
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use object::{
    LittleEndian, Object, ObjectSection,
    elf::{self, PF_X, PT_LOAD},
    read::elf::{ElfFile64, FileHeader, ProgramHeader, SectionHeader},
};

use super::{
    file_bytes::{FileBytes, FileRef},
    mini,
};

/// A parsed ELF file. Only 64-bit little-endian files are read: that is what the sampler runs on.
pub(super) type Elf<'a> = ElfFile64<'a, LittleEndian, FileRef<'a>>;

/// An open ELF file and what its headers say.
pub(super) struct ElfFile {
    pub(super) path: PathBuf,
    pub(super) bytes: FileBytes,
    pub(super) facts: Facts,
}

impl ElfFile {
    /// Opens the file and reads its headers; the error is a sentence for a person.
    pub(super) fn open(path: &Path, map: bool) -> Result<Self, OpenError> {
        let bytes = FileBytes::open(path, map).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::Missing,
            _ => OpenError::Unreadable(format!("{} cannot be read: {error}", path.display())),
        })?;
        let stamp = path.metadata().map(|data| Stamp::of(&data)).ok();
        Self::from_bytes(path.to_path_buf(), bytes, stamp).ok_or_else(|| {
            OpenError::Unreadable(format!(
                "{} is not a 64-bit little-endian ELF file",
                path.display()
            ))
        })
    }

    /// An ELF image that is in memory.
    pub(super) fn from_bytes(
        path: PathBuf,
        bytes: FileBytes,
        stamp: Option<Stamp>,
    ) -> Option<Self> {
        let facts = Facts::of(&Elf::parse(FileRef(&bytes)).ok()?, stamp);
        Some(Self { path, bytes, facts })
    }

    /// The file, parsed again: borrowing parts of oneself is not worth the trouble for a few headers.
    pub(super) fn parse(&self) -> Option<Elf<'_>> {
        Elf::parse(FileRef(&self.bytes)).ok()
    }
}

/// Why a file could not be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// There is none: look elsewhere.
    Missing,
    /// There is one; the sentence says what is wrong with it.
    Unreadable(String),
}

/// Tells one content of a path from another when there is no build ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    /// Since 1970.
    pub(super) modified_ns: i64,
    pub(super) changed_ns: i64,
}

impl Stamp {
    pub(super) fn of(data: &Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified_ns: ns(data.mtime(), data.mtime_nsec()),
            changed_ns: ns(data.ctime(), data.ctime_nsec()),
        }
    }

    pub(super) fn hash(&self) -> u64 {
        let mut hash = Fnv::default();
        for word in [
            self.device,
            self.inode,
            self.size,
            self.modified_ns as u64,
            self.changed_ns as u64,
        ] {
            hash.add(&word.to_le_bytes());
        }
        hash.finish()
    }
}

/// What the headers of an ELF file say.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Empty when it has none.
    pub(super) build_id: Vec<u8>,
    pub(super) has_debug_info: bool,
    /// Functions can be named: a full symbol table or the dynamic one.
    pub(super) has_symbols: bool,
    pub(super) has_full_symbols: bool,
    /// File name and CRC-32 of the separate debug file.
    pub(super) debug_link: Option<(PathBuf, u32)>,
    /// File and build ID of the supplementary file that dwz made.
    pub(super) alt_link: Option<(PathBuf, Vec<u8>)>,
    /// Loaded at an address of the loader's choice: a load bias of 0 means that nobody noted it.
    pub(super) position_independent: bool,
    pub(super) code_segments: Vec<CodeSegment>,
    /// Of the section headers and the build ID: the same build with and without debug info differ.
    pub(super) layout: u64,
    pub(super) stamp: Option<Stamp>,
}

/// An executable part of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct CodeSegment {
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Facts {
    fn of(elf: &Elf<'_>, stamp: Option<Stamp>) -> Self {
        let endian = LittleEndian;
        let path = |name: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(name));
        let has_bytes = |name: &str| {
            elf.section_by_name(name).is_some_and(|section| {
                section.size() > 0
                    && section.elf_section_header().sh_type(endian) != elf::SHT_NOBITS
            })
        };
        let build_id = elf.build_id().ok().flatten().unwrap_or_default().to_vec();
        Self {
            has_debug_info: has_bytes(".debug_info"),
            has_symbols: has_bytes(".symtab") || has_bytes(".dynsym") || mini::is_in(elf),
            has_full_symbols: has_bytes(".symtab"),
            debug_link: elf
                .gnu_debuglink()
                .ok()
                .flatten()
                .map(|(name, crc)| (path(name), crc)),
            alt_link: elf
                .gnu_debugaltlink()
                .ok()
                .flatten()
                .map(|(name, id)| (path(name), id.to_vec())),
            position_independent: elf.elf_header().e_type(endian) == elf::ET_DYN,
            code_segments: elf
                .elf_program_headers()
                .iter()
                .filter(|segment| {
                    segment.p_type(endian) == PT_LOAD
                        && segment.p_flags(endian).contains(PF_X)
                        // A file of debug info alone has no code, and says of it where in itself it is not.
                        && segment.p_filesz(endian) != 0
                })
                .map(|segment| CodeSegment {
                    address: segment.p_vaddr(endian),
                    offset: segment.p_offset(endian),
                    size: segment.p_memsz(endian),
                })
                .collect(),
            layout: layout(elf, &build_id),
            build_id,
            stamp,
        }
    }

    /// What stands for the content in the cache on disk: the layout where a build ID vouches for the rest, the stamp where none does.
    pub(super) fn identity(&self) -> u64 {
        match (&self.stamp, self.build_id.is_empty()) {
            (Some(stamp), true) => stamp.hash(),
            _ => self.layout,
        }
    }
}

fn layout(elf: &Elf<'_>, build_id: &[u8]) -> u64 {
    let endian = LittleEndian;
    let mut hash = Fnv::default();
    hash.add(build_id);
    for section in elf.elf_section_table().iter() {
        hash.add(&section.sh_type(endian).0.to_le_bytes());
        hash.add(&section.sh_offset(endian).to_le_bytes());
        hash.add(&section.sh_size(endian).to_le_bytes());
    }
    hash.finish()
}

/// FNV-1a: small, and the same in every release, which the standard library's hasher does not promise.
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub(super) fn finish(&self) -> u64 {
        self.0
    }
}
