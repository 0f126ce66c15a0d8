//! An ELF file's unwind sections, at the addresses that the file gives them.

use std::path::{Path, PathBuf};

use hotpoll_sampler::unwind::UnwindSections;
use object::{Object, ObjectSection, ObjectSegment, SegmentFlags};

/// The parts of a file that speak of unwinding.
pub struct ElfSections {
    pub path: PathBuf,
    eh_frame: (u64, Vec<u8>),
    eh_frame_hdr: (u64, Vec<u8>),
    text: std::ops::Range<u64>,
}

impl ElfSections {
    /// Reads them; nothing when the file is not there or has none.
    pub fn read(path: impl AsRef<Path>) -> Option<Self> {
        Self::parse(&path, &std::fs::read(&path).ok()?)
    }

    /// The same from an image in memory.
    pub fn parse(path: impl AsRef<Path>, image: &[u8]) -> Option<Self> {
        let file = object::File::parse(image).ok()?;
        let section = |name| {
            let section = file.section_by_name(name)?;
            Some((section.address(), section.data().ok()?.to_vec()))
        };
        let executable = |flags| matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags.0 & object::elf::PF_X.0 != 0);
        let text = file
            .segments()
            .filter(|segment| executable(segment.flags()));
        let text =
            text.map(|segment| (segment.address() & !4095)..(segment.address() + segment.size()));
        let text = text.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end))?;
        Some(Self {
            path: path.as_ref().to_owned(),
            eh_frame: section(".eh_frame")?,
            eh_frame_hdr: section(".eh_frame_hdr").unwrap_or_default(),
            text,
        })
    }

    /// As the compiler takes them.
    pub fn sections(&self) -> UnwindSections<'_> {
        UnwindSections {
            eh_frame: &self.eh_frame.1,
            eh_frame_address: self.eh_frame.0,
            eh_frame_hdr: &self.eh_frame_hdr.1,
            eh_frame_hdr_address: self.eh_frame_hdr.0,
            text: self.text.clone(),
        }
    }
}
