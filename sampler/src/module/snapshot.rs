//! The loader's list of modules, copied out while its lock is held.
//!
//! Nothing is allocated in the callbacks: the lock is the loader's, and an allocator that profiles itself may wait for it. So room is made
//! before, and the list is taken again when there was too little.
#![allow(unsafe_code)] // dl_iterate_phdr, and memory of the modules that it shows.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::slice;

use libc::{Elf64_Ehdr, Elf64_Phdr, dl_phdr_info};

use super::headers::Layout;
use super::vdso;
use crate::fork_gate;

const FIRST_MODULES: usize = 128;
const FIRST_NAME_BYTES: usize = 16 * 1024;
/// Room doubles at most this often: 8 million modules.
const MAX_ATTEMPTS: u32 = 16;

/// How often the loader has added and removed modules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    pub(super) added: u64,
    pub(super) removed: u64,
}

/// What sort of module the loader listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    /// The program itself: never unloaded.
    Executable,
    /// Given by the kernel: never unloaded.
    Vdso,
    /// A shared library: may be unloaded at any time.
    Library,
}

/// One module of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) sort: Sort,
    pub(super) layout: Layout,
    /// The name that the loader knows it by; empty for the executable.
    pub(super) name: String,
}

/// The loader's counters, cheaply: looks at the first module only. Nothing when this loader does not count.
pub(super) fn changes() -> Option<Changes> {
    unsafe extern "C" fn first(info: *mut dl_phdr_info, size: usize, out: *mut c_void) -> c_int {
        // SAFETY: dl_iterate_phdr passes a valid info of `size` bytes, and the pointer given to it below.
        unsafe { *out.cast::<Option<Changes>>() = counters(info, size) };
        1
    }
    let mut changes: Option<Changes> = None;
    // SAFETY: the callback has the right type, and its pointer outlives the call.
    unsafe { fork_gate::list_modules(first, (&raw mut changes).cast()) };
    changes
}

/// # Safety
/// `info` points to `size` valid bytes of a `dl_phdr_info`.
unsafe fn counters(info: *const dl_phdr_info, size: usize) -> Option<Changes> {
    if size < std::mem::offset_of!(dl_phdr_info, dlpi_subs) + size_of::<u64>() {
        return None;
    }
    // SAFETY: the fields are there (just checked).
    unsafe {
        Some(Changes {
            added: (*info).dlpi_adds,
            removed: (*info).dlpi_subs,
        })
    }
}

struct Collector {
    modules: Vec<(Sort, Layout, usize)>,
    names: Vec<u8>,
    changes: Option<Changes>,
    vdso: Option<u64>,
    seen: usize,
    full: bool,
}

/// All modules, and the loader's counters at that moment.
pub(super) fn take() -> (Vec<Listed>, Option<Changes>) {
    let vdso = vdso::address();
    let (mut modules_room, mut names_room) = (FIRST_MODULES, FIRST_NAME_BYTES);
    for _ in 0..MAX_ATTEMPTS {
        let mut collector = Collector {
            modules: Vec::with_capacity(modules_room),
            names: Vec::with_capacity(names_room),
            changes: None,
            vdso,
            seen: 0,
            full: false,
        };
        // SAFETY: the callback has the right type, and its pointer outlives the call.
        unsafe { fork_gate::list_modules(collect, (&raw mut collector).cast()) };
        if !collector.full {
            return (collector.listed(), collector.changes);
        }
        modules_room *= 2;
        names_room *= 2;
    }
    (Vec::new(), None)
}

/// Called with the loader's lock held: must not allocate.
unsafe extern "C" fn collect(
    info: *mut dl_phdr_info,
    size: usize,
    collector: *mut c_void,
) -> c_int {
    // SAFETY: dl_iterate_phdr passes a valid info, and the pointer that `take` gave it; nobody else uses the collector meanwhile.
    let (info, collector) = unsafe { (&*info, &mut *collector.cast::<Collector>()) };
    if collector.seen == 0 {
        // SAFETY: as above.
        collector.changes = unsafe { counters(info, size) };
    }
    // SAFETY: the module is loaded while its callback runs; its name, if any, ends with a zero byte.
    let (layout, name) = unsafe { (read_layout(info), name(info)) };
    let sort = match collector.vdso {
        Some(vdso) if layout.text().contains(&vdso) => Sort::Vdso,
        _ if collector.seen == 0 => Sort::Executable,
        _ => Sort::Library,
    };
    collector.seen += 1;
    if collector.modules.len() == collector.modules.capacity()
        || collector.names.capacity() - collector.names.len() < name.len()
    {
        collector.full = true;
        return 1;
    }
    collector.names.extend_from_slice(name);
    collector.modules.push((sort, layout, name.len()));
    0
}

/// # Safety
/// `info` is what dl_iterate_phdr passed to a callback that is still running.
unsafe fn read_layout(info: &dl_phdr_info) -> Layout {
    // SAFETY: the loader's headers are valid while the callback runs, and so is the module (the caller).
    unsafe {
        Layout::read(
            info.dlpi_addr,
            phdrs(info.dlpi_phdr, info.dlpi_phnum as usize),
        )
    }
}

/// # Safety
/// Null, or an array of `count` headers that stays valid.
unsafe fn phdrs<'m>(headers: *const Elf64_Phdr, count: usize) -> &'m [Elf64_Phdr] {
    if headers.is_null() {
        return &[];
    }
    // SAFETY: the caller.
    unsafe { slice::from_raw_parts(headers, count) }
}

/// # Safety
/// As for [`read_layout`].
unsafe fn name(info: &dl_phdr_info) -> &[u8] {
    if info.dlpi_name.is_null() {
        return &[];
    }
    // SAFETY: the loader's names end with a zero byte, and are valid while the callback runs.
    unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes()
}

impl Collector {
    fn listed(&self) -> Vec<Listed> {
        let mut names = &self.names[..];
        let mut listed = Vec::with_capacity(self.modules.len() + 1);
        for &(sort, layout, length) in &self.modules {
            let (name, rest) = names.split_at(length);
            names = rest;
            listed.push(Listed {
                sort,
                layout,
                name: String::from_utf8_lossy(name).into_owned(),
            });
        }
        // glibc lists the vDSO; musl and static programs may not.
        if let Some(address) = self.vdso
            && !listed.iter().any(|module| module.sort == Sort::Vdso)
            && let Some(layout) = vdso_layout(address)
        {
            listed.push(Listed {
                sort: Sort::Vdso,
                layout,
                name: String::new(),
            });
        }
        listed
    }
}

fn vdso_layout(address: u64) -> Option<Layout> {
    let header = address as usize as *const Elf64_Ehdr;
    // SAFETY: the kernel mapped a whole ELF image there (AT_SYSINFO_EHDR), and never unmaps it.
    let header = unsafe { &*header };
    if !header.e_ident.starts_with(b"\x7fELF") {
        return None;
    }
    let headers = address.checked_add(header.e_phoff)? as usize as *const Elf64_Phdr;
    // SAFETY: likewise: the headers are part of the image.
    let headers = unsafe { phdrs(headers, header.e_phnum as usize) };
    let first = headers
        .iter()
        .find(|header| header.p_type == libc::PT_LOAD)?;
    // SAFETY: the vDSO is never unloaded.
    Some(unsafe { Layout::read(address.wrapping_sub(first.p_vaddr), headers) })
}

/// A library's unwind sections, copied.
pub(super) struct Copied {
    pub(super) eh_frame: Vec<u8>,
    pub(super) eh_frame_hdr: Vec<u8>,
}

struct Copier<'w> {
    wanted: &'w Layout,
    copied: Copied,
    found: bool,
}

/// Copies a library's unwind sections, so that unloading it cannot take them away. Nothing when it is no longer there.
pub(super) fn copy_sections(wanted: &Layout) -> Option<Copied> {
    let length = |(start, end): (u64, u64)| end.saturating_sub(start) as usize;
    let mut copier = Copier {
        wanted,
        // Room up to the segment's end; only what the section truly takes is touched.
        copied: Copied {
            eh_frame: Vec::with_capacity(length(wanted.eh_frame)),
            eh_frame_hdr: Vec::with_capacity(length(wanted.eh_frame_hdr)),
        },
        found: false,
    };
    // SAFETY: the callback has the right type, and its pointer outlives the call.
    unsafe { fork_gate::list_modules(copy, (&raw mut copier).cast()) };
    copier.found.then_some(copier.copied)
}

/// Called with the loader's lock held, so that the module cannot go away; must not allocate.
unsafe extern "C" fn copy(info: *mut dl_phdr_info, _size: usize, copier: *mut c_void) -> c_int {
    // SAFETY: as in `collect`.
    let (info, copier) = unsafe { (&*info, &mut *copier.cast::<Copier<'_>>()) };
    // SAFETY: as in `collect`. The whole layout is compared: another module may have taken the place of the one that is wanted.
    if info.dlpi_addr != copier.wanted.bias || unsafe { read_layout(info) } != *copier.wanted {
        return 0;
    }
    // SAFETY: Layout::read found both ranges inside readable segments of this module, and it is still loaded.
    let (eh_frame, eh_frame_hdr) = unsafe {
        (
            bytes(copier.wanted.eh_frame),
            bytes(copier.wanted.eh_frame_hdr),
        )
    };
    copier
        .copied
        .eh_frame
        .extend_from_slice(up_to_terminator(eh_frame));
    copier.copied.eh_frame_hdr.extend_from_slice(eh_frame_hdr);
    copier.found = true;
    1
}

/// The memory between two addresses.
///
/// # Safety
/// It is readable, and stays so while the bytes are used.
pub(super) unsafe fn bytes<'m>((start, end): (u64, u64)) -> &'m [u8] {
    if end <= start {
        return &[];
    }
    // SAFETY: the caller.
    unsafe {
        slice::from_raw_parts(
            ptr::with_exposed_provenance(start as usize),
            (end - start) as usize,
        )
    }
}

/// The entries up to the zero length that ends `.eh_frame`; all of it when the chain of lengths leads outside.
fn up_to_terminator(section: &[u8]) -> &[u8] {
    let mut at = 0;
    // Each turn moves at least four bytes on.
    while let Some(&length) = section.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        at += 4;
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 {
            return &section[..at];
        }
        at = at.saturating_add(length);
    }
    section
}
