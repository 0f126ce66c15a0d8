//! What the program headers of a loaded module say, read from its memory.
#![allow(unsafe_code)] // Reads the module's own segments.

use std::ops::Range;
use std::slice;

use gimli::{BaseAddresses, EhFrameHdr, LittleEndian, Pointer};
use libc::Elf64_Phdr;

use super::note;

/// How many executable segments of one module are kept; linkers write one, and one more when asked to split code.
pub(super) const MAX_CODE: usize = 4;
const PAGE: u64 = 4096;

/// An executable segment, rounded to pages as it is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Code {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) file_offset: u64,
}

/// A module's place in memory. Nothing of it is on the heap, so that it can be filled in while the loader's lock is held: an allocator that
/// profiles itself may hold a lock of its own and wait for the loader's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// What was added to the file's addresses.
    pub(super) bias: u64,
    /// Where the program headers are; with the bias this tells modules apart.
    headers: u64,
    code: [Code; MAX_CODE],
    build_id: [u8; note::MAX_BUILD_ID],
    build_id_length: usize,
    /// `.eh_frame_hdr`, empty when there is none.
    pub(super) eh_frame_hdr: (u64, u64),
    /// From the start of `.eh_frame` to the end of its segment, empty when there is none.
    pub(super) eh_frame: (u64, u64),
}

impl Layout {
    /// Reads a module's headers.
    ///
    /// # Safety
    /// The headers are those of a module that is loaded with this bias, and it stays loaded during the call.
    pub(super) unsafe fn read(bias: u64, headers: &[Elf64_Phdr]) -> Self {
        let mut layout = Self {
            bias,
            headers: headers.as_ptr() as u64,
            code: [Code::default(); MAX_CODE],
            build_id: [0; note::MAX_BUILD_ID],
            build_id_length: 0,
            eh_frame_hdr: (0, 0),
            eh_frame: (0, 0),
        };
        let segments = Segments { bias, headers };
        let mut codes = layout.code.iter_mut();
        for header in headers {
            let start = bias.wrapping_add(header.p_vaddr);
            match header.p_type {
                libc::PT_LOAD if header.p_flags & libc::PF_X != 0 => {
                    if let Some(code) = codes.next() {
                        *code = Code {
                            start: start & !(PAGE - 1),
                            end: start
                                .saturating_add(header.p_memsz)
                                .saturating_add(PAGE - 1)
                                & !(PAGE - 1),
                            file_offset: header.p_offset & !(PAGE - 1),
                        };
                    }
                }
                libc::PT_NOTE if layout.build_id_length == 0 => {
                    // SAFETY: the module is loaded (the caller).
                    let notes = unsafe { segments.bytes(start, header.p_memsz) };
                    if let Some(id) = notes.and_then(note::build_id) {
                        // note::build_id gives at most as many bytes as there is room for.
                        layout.build_id[..id.len()].copy_from_slice(id);
                        layout.build_id_length = id.len();
                    }
                }
                libc::PT_GNU_EH_FRAME => {
                    // SAFETY: likewise.
                    if let Some(bytes) = unsafe { segments.bytes(start, header.p_memsz) } {
                        layout.eh_frame_hdr = (start, start + bytes.len() as u64);
                        if let Some(eh_frame) = eh_frame_start(bytes, start)
                            && let Some(segment) = segments.around(eh_frame)
                        {
                            layout.eh_frame = (eh_frame, segment.end);
                        }
                    }
                }
                _ => {}
            }
        }
        layout
    }

    /// The executable segments.
    pub(super) fn code(&self) -> impl Iterator<Item = &Code> {
        self.code.iter().filter(|code| code.start < code.end)
    }

    /// From the first executable address to the last.
    pub(super) fn text(&self) -> Range<u64> {
        let start = self.code().map(|code| code.start).min().unwrap_or(0);
        let end = self.code().map(|code| code.end).max().unwrap_or(0);
        start..end
    }

    /// The GNU build ID; empty when there is none.
    pub(super) fn build_id(&self) -> &[u8] {
        &self.build_id[..self.build_id_length]
    }
}

/// The segments that are mapped and readable.
struct Segments<'h> {
    bias: u64,
    headers: &'h [Elf64_Phdr],
}

impl Segments<'_> {
    /// The part of the readable segment around this address that comes from the file.
    fn around(&self, address: u64) -> Option<Range<u64>> {
        self.headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_R != 0)
            .find_map(|header| {
                let start = self.bias.wrapping_add(header.p_vaddr);
                let range = start..start.checked_add(header.p_filesz)?;
                range.contains(&address).then_some(range)
            })
    }

    /// Memory of the module, when it lies in a readable segment. A header that points elsewhere is not followed.
    ///
    /// # Safety
    /// The module is loaded, and stays so while the bytes are used.
    unsafe fn bytes<'m>(&self, start: u64, length: u64) -> Option<&'m [u8]> {
        let segment = self.around(start)?;
        let length = length.min(segment.end - start);
        // SAFETY: inside a segment that the loader has mapped readable, of a module that stays loaded (the caller).
        Some(unsafe { slice::from_raw_parts(start as usize as *const u8, length as usize) })
    }
}

/// The address of `.eh_frame`, from `.eh_frame_hdr`.
fn eh_frame_start(header: &[u8], address: u64) -> Option<u64> {
    let bases = BaseAddresses::default().set_eh_frame_hdr(address);
    match EhFrameHdr::new(header, LittleEndian)
        .parse(&bases, 8)
        .ok()?
        .eh_frame_ptr()
    {
        Pointer::Direct(address) => Some(address),
        Pointer::Indirect(_) => None,
    }
}
