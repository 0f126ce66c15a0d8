//! Names for the stubs through which a file calls into others: `malloc@plt`. No symbol table has them.
//!
//! A stub jumps through a slot, and relocations say for which function a slot is. A stub that only a lazily bound program runs pushes the
//! relocation's number instead.

use std::collections::HashMap;

use object::{
    LittleEndian, Object, ObjectSection, SymbolIndex, elf,
    read::elf::{SectionHeader, Sym},
};

use super::elf::Elf;

/// A stub: where it begins, one past its end, and for which function it is.
pub(super) struct Stub<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) target: Target<'a>,
}

/// What a stub leads to.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// A symbol by its name.
    Named(&'a [u8]),
    /// A function of this file that is chosen at start, by the address of what chooses.
    Chosen(u64),
}

/// Sections of stubs, and how long a stub is where the section does not say.
const SECTIONS: [(&str, u64); 3] = [(".plt", 16), (".plt.sec", 16), (".plt.got", 8)];
/// A stub is no longer than this.
const LONGEST_STUB: u64 = 64;
/// `jmp [rip + …]`
const JUMP: [u8; 2] = [0xff, 0x25];
/// `push …`
const PUSH: u8 = 0x68;
/// `endbr64`
const BRANCH_TARGET: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// The stubs of a file.
pub(super) fn stubs<'a>(file: &Elf<'a>) -> Vec<Stub<'a>> {
    let (by_slot, in_order) = slots(file);
    let mut stubs = Vec::new();
    for (name, usual_length) in SECTIONS {
        let Some(section) = file.section_by_name(name) else {
            continue;
        };
        let Ok(bytes) = section.data() else { continue };
        let length = match section.elf_section_header().sh_entsize(LittleEndian) {
            said @ 1..=LONGEST_STUB => said,
            _ => usual_length,
        };
        let starts = (section.address()..).step_by(length as usize);
        for (start, code) in starts.zip(bytes.chunks_exact(length as usize)) {
            let target = match slot(start, code) {
                Some(slot) => by_slot.get(&slot),
                None => pushed_number(code).and_then(|number| in_order.get(number)),
            };
            if let Some(&target) = target {
                let end = start.saturating_add(length);
                stubs.push(Stub { start, end, target });
            }
        }
    }
    stubs
}

/// Which function each slot is for, and the same in the order of `.rela.plt`.
fn slots<'a>(file: &Elf<'a>) -> (HashMap<u64, Target<'a>>, Vec<Target<'a>>) {
    let endian = LittleEndian;
    let (mut by_slot, mut in_order) = (HashMap::new(), Vec::new());
    let sections = file.elf_section_table();
    let Ok(symbols) = sections.symbols(endian, file.data(), elf::SHT_DYNSYM) else {
        return (by_slot, in_order);
    };
    for name in [".rela.plt", ".rela.dyn"] {
        let relocations = file
            .section_by_name(name)
            .and_then(|section| {
                let header = section.elf_section_header();
                header.rela(endian, file.data()).ok().flatten()
            })
            .map_or(&[][..], |(relocations, _)| relocations);
        for relocation in relocations {
            let kind = elf::RelocationType(relocation.r_info.get(endian) as u32);
            let number = (relocation.r_info.get(endian) >> 32) as usize;
            let target = match kind {
                elf::R_X86_64_JUMP_SLOT | elf::R_X86_64_GLOB_DAT => symbols
                    .symbol(SymbolIndex(number))
                    .and_then(|symbol| symbol.name(endian, symbols.strings()))
                    .ok()
                    .filter(|name| !name.is_empty())
                    .map(Target::Named),
                elf::R_X86_64_IRELATIVE => {
                    Some(Target::Chosen(relocation.r_addend.get(endian) as u64))
                }
                _ => None,
            };
            let target = target.unwrap_or(Target::Named(b""));
            by_slot.insert(relocation.r_offset.get(endian), target);
            if name == ".rela.plt" {
                in_order.push(target);
            }
        }
    }
    (by_slot, in_order)
}

/// The slot that the stub jumps through.
fn slot(start: u64, code: &[u8]) -> Option<u64> {
    let at = code.windows(2).position(|bytes| bytes == JUMP)? + JUMP.len();
    let distance = i32::from_le_bytes(*code.get(at..)?.first_chunk()?);
    let next = start.checked_add(at as u64 + 4)?;
    next.checked_add_signed(distance.into())
}

/// The relocation's number that the stub pushes.
fn pushed_number(code: &[u8]) -> Option<usize> {
    let [PUSH, number @ ..] = code.strip_prefix(&BRANCH_TARGET).unwrap_or(code) else {
        return None;
    };
    Some(u32::from_le_bytes(*number.first_chunk()?) as usize)
}
