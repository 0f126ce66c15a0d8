//! Where the handler finds slots: two fixed tables, by number and by perf descriptor.
//!
//! In: numbers from a siginfo, which may be junk. Out: a slot, or nothing. Entries are set by the agent under the registry's lock.
#![allow(unsafe_code)] // It maps slots into memory and hands out references to them.

use super::Slot;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// The most threads that can be sampled at once: what 16 bits of a cookie can name.
pub(crate) const MAX_SLOTS: usize = 1 << 16;
/// perf descriptors above this number are not used.
pub(crate) const MAX_DESCRIPTOR: usize = 1 << 16;

static SLOTS: [AtomicPtr<Slot>; MAX_SLOTS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_SLOTS];
/// How many entries of `SLOTS` were ever used.
static USED: AtomicU32 = AtomicU32::new(0);
/// perf descriptor -> `generation << 16 | slot number`, with bit 63 set when valid; bit 62 when it was ours and is closed.
static BY_DESCRIPTOR: [AtomicU64; MAX_DESCRIPTOR] = [const { AtomicU64::new(0) }; MAX_DESCRIPTOR];
const VALID: u64 = 1 << 63;
const CLOSED: u64 = 1 << 62;

/// Names one use of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotId {
    pub number: u16,
    pub generation: u16,
}

/// What a perf descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descriptor {
    Foreign,
    /// It was ours: a late signal.
    Closed,
    Slot(SlotId),
}

/// The slot with this number. Called in SIGPROF.
pub(crate) fn slot(number: u16) -> Option<&'static Slot> {
    // Acquire: pairs with the Release in map_slot(), so the slot's memory is initialised (it is zero, which is a valid slot).
    let pointer = SLOTS.get(usize::from(number))?.load(Ordering::Acquire);
    // SAFETY: a non-null entry points to a mapping made in map_slot(), which is never unmapped.
    unsafe { pointer.as_ref() }
}

/// What this descriptor stands for. Called in SIGPROF.
pub(crate) fn by_descriptor(descriptor: i32) -> Descriptor {
    let entry = usize::try_from(descriptor)
        .ok()
        .and_then(|index| BY_DESCRIPTOR.get(index))
        // Acquire: pairs with the Release in set_descriptor().
        .map_or(0, |entry| entry.load(Ordering::Acquire));
    if entry & VALID != 0 {
        Descriptor::Slot(SlotId {
            number: entry as u16,
            generation: (entry >> 16) as u16,
        })
    } else if entry & CLOSED != 0 {
        Descriptor::Closed
    } else {
        Descriptor::Foreign
    }
}

/// Says which slot a perf descriptor serves (`None`: it is about to be closed). Returns false when the descriptor is too large for the table.
pub(crate) fn set_descriptor(descriptor: i32, id: Option<SlotId>) -> bool {
    let Some(entry) = usize::try_from(descriptor)
        .ok()
        .and_then(|index| BY_DESCRIPTOR.get(index))
    else {
        return false;
    };
    let value = match id {
        Some(id) => VALID | u64::from(id.generation) << 16 | u64::from(id.number),
        None => CLOSED,
    };
    // Release: whoever reads the entry in the handler also sees the slot prepared before.
    entry.store(value, Ordering::Release);
    true
}

/// Every slot that was ever used.
pub(crate) fn used() -> impl Iterator<Item = &'static Slot> {
    let used = USED.load(Ordering::Acquire);
    (0..used).filter_map(|number| slot(number as u16))
}

/// How many slots were ever used: their numbers are below it.
pub(crate) fn used_count() -> usize {
    USED.load(Ordering::Acquire) as usize
}

/// Maps memory for the next slot. `None` when the table or the memory is used up. Callers hold the registry's lock.
pub(crate) fn map_slot() -> Option<(u16, &'static Slot)> {
    let number = USED.load(Ordering::Relaxed);
    let entry = SLOTS.get(number as usize)?;
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no existing memory.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size_of::<Slot>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return None;
    }
    // Release: pairs with the Acquire in slot().
    entry.store(memory.cast(), Ordering::Release);
    USED.store(number + 1, Ordering::Release);
    Some((number as u16, slot(number as u16)?))
}

/// Gives the slot's memory back to the system; it reads as zero afterwards. The slot is free: its thread is dead, no handler runs on it.
pub(crate) fn release_memory(slot: &'static Slot) {
    let scratch = slot.scratch.get().cast::<libc::c_void>();
    let length = size_of::<Slot>() - std::mem::offset_of!(Slot, scratch);
    let page = 4096;
    let start = (scratch as usize).next_multiple_of(page);
    let end = scratch as usize + length;
    if start < end {
        // SAFETY: the range lies inside the slot's own anonymous mapping, and nobody reads or writes it: the thread that the slot served is
        // dead (thread/scan.rs), and the agent calls this after its last drain. Zero is a valid content of every field in it.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    }
}

/// Forgets all slots: in a forked child, where the parent's slots are only copies.
pub(crate) fn forget_all() {
    USED.store(0, Ordering::Release);
    for entry in &SLOTS {
        if !entry.load(Ordering::Relaxed).is_null() {
            entry.store(std::ptr::null_mut(), Ordering::Release);
        }
    }
    for entry in &BY_DESCRIPTOR {
        if entry.load(Ordering::Relaxed) != 0 {
            entry.store(0, Ordering::Release);
        }
    }
}

// SAFETY: a slot is shared between its thread's handler and the agent. Everything but `scratch` is atomic; `scratch` is touched by the
// handler of one thread only while the slot is attached, and by the agent only while it is not (release_memory).
unsafe impl Sync for Slot {}
