//! The kernel's vDSO: it is no file, but every process of this boot has the same one, ours included.

use std::{fs::File, os::unix::fs::FileExt, path::PathBuf};

use super::{elf::ElfFile, file_bytes::FileBytes, proc_maps};

/// The vDSO is two or three pages; more than this is something else.
const MAX_BYTES: u64 = 1 << 20;

/// Our own vDSO, read as a file would be.
pub(super) fn own() -> Option<ElfFile> {
    let ranges = proc_maps::of("self");
    let range = &ranges
        .iter()
        .find(|range| range.path == "[vdso]")?
        .addresses;
    let size = range
        .end
        .checked_sub(range.start)
        .filter(|&size| size <= MAX_BYTES)?;
    let mut image = vec![0; size as usize];
    File::open("/proc/self/mem")
        .ok()?
        .read_exact_at(&mut image, range.start)
        .ok()?;
    ElfFile::from_bytes(PathBuf::from("[vdso]"), FileBytes::Image(image), None)
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_an_elf_file_with_a_build_id_and_symbols() {
        let vdso = super::own().expect("this kernel maps a vDSO");
        assert!(!vdso.facts.build_id.is_empty());
        assert!(vdso.facts.has_symbols);
    }
}
