//! MiniDebugInfo: some distributions strip their files, and leave a compressed ELF file with the names of local functions inside.

use std::{io::Read, path::PathBuf};

use object::{Object, ObjectSection};

use super::{
    elf::{Elf, ElfFile},
    file_bytes::FileBytes,
};

/// The section's name.
const SECTION: &str = ".gnu_debugdata";
/// What the decoder may take, in KB: the default level's dictionary is 8 MB.
const DECODER_KB: u32 = 32 << 10;

/// Whether the file has some.
pub(super) fn is_in(elf: &Elf<'_>) -> bool {
    elf.section_by_name(SECTION)
        .is_some_and(|section| section.size() > 0)
}

/// The file inside the file, if it is no longer than that.
pub(super) fn read(elf: &Elf<'_>, most_bytes: u64) -> Option<ElfFile> {
    let compressed = elf.section_by_name(SECTION)?.data().ok()?;
    let decoder = lzma_rust2::XzReader::new_mem_limit(compressed, false, DECODER_KB);
    let mut image = Vec::new();
    decoder
        .take(most_bytes + 1)
        .read_to_end(&mut image)
        .ok()
        .filter(|&length| length as u64 <= most_bytes)?;
    ElfFile::from_bytes(PathBuf::from(SECTION), FileBytes::Image(image), None)
}
