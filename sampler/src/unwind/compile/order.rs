//! The entries of `.eh_frame` by rising address, without holding them.

use gimli::{BaseAddresses, CieOrFde, EhFrame, UnwindSection};

use super::{Slice, UnwindSections};

/// Where an entry (FDE) stands in the section, and the first address that it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) start: u64,
    pub(super) offset: usize,
}

/// Version 1; `.eh_frame`'s address relative to its own place; a 4-byte count; a table relative to the header, 4 bytes a field. Every linker
/// writes exactly this; anything else is read without the header's help.
const USUAL_HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
const HEADER_LENGTH: usize = 12;
const ROW_LENGTH: usize = 8;

/// The entries by strictly rising address.
pub(super) enum Order<'a> {
    /// As the header's sorted table has them.
    Header {
        table: &'a [u8],
        header_address: u64,
        eh_frame_address: u64,
    },
    /// Collected from the section and sorted.
    Sorted(Vec<Entry>),
}

impl<'a> Order<'a> {
    /// The header's table, when it is of the usual form and truly sorted.
    pub(super) fn from_header(sections: &UnwindSections<'a>) -> Option<Self> {
        let header = sections.eh_frame_hdr;
        if header.get(..4)? != USUAL_HEADER {
            return None;
        }
        let field = i32_at(header, 4)?;
        if sections
            .eh_frame_hdr_address
            .wrapping_add(4)
            .wrapping_add_signed(field as i64)
            != sections.eh_frame_address
        {
            return None;
        }
        let count = i32_at(header, 8)? as u32 as usize;
        let table = header
            .get(HEADER_LENGTH..HEADER_LENGTH.checked_add(count.checked_mul(ROW_LENGTH)?)?)?;
        let order = Self::Header {
            table,
            header_address: sections.eh_frame_hdr_address,
            eh_frame_address: sections.eh_frame_address,
        };
        // Strictly rising addresses also mean that no entry is visited twice, which bounds the work.
        let mut previous = None;
        for index in 0..count {
            let entry = order.get(index)?;
            if previous.is_some_and(|previous| previous >= entry.start) {
                return None;
            }
            previous = Some(entry.start);
        }
        // An empty table is no help: some linkers leave it out and keep the section.
        if count == 0 { None } else { Some(order) }
    }

    /// Reads the whole section. Also says how many entries could not be read; one that breaks the chain of lengths ends the reading.
    pub(super) fn from_section(
        eh_frame: &EhFrame<Slice<'a>>,
        bases: &BaseAddresses,
    ) -> (Self, usize) {
        let mut found = Vec::new();
        let mut malformed = 0;
        let mut entries = eh_frame.entries(bases);
        loop {
            match entries.next() {
                Ok(Some(CieOrFde::Fde(partial))) => match partial.parse(EhFrame::cie_from_offset) {
                    // BOLT leaves entries without a length where it has folded functions, at the addresses of others that have one.
                    Ok(fde) if fde.len() == 0 => {}
                    Ok(fde) => found.push(Entry {
                        start: fde.initial_address(),
                        offset: fde.offset(),
                    }),
                    Err(_) => malformed += 1,
                },
                Ok(Some(CieOrFde::Cie(_))) => {}
                Ok(None) => break,
                Err(_) => {
                    malformed += 1;
                    break;
                }
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|entry| entry.start);
        (Self::Sorted(found), malformed)
    }

    fn get(&self, index: usize) -> Option<Entry> {
        match self {
            Self::Header {
                table,
                header_address,
                eh_frame_address,
            } => {
                let at = index.checked_mul(ROW_LENGTH)?;
                let start = header_address.wrapping_add_signed(i32_at(table, at)? as i64);
                let entry =
                    header_address.wrapping_add_signed(i32_at(table, at.checked_add(4)?)? as i64);
                Some(Entry {
                    start,
                    offset: usize::try_from(entry.checked_sub(*eh_frame_address)?).ok()?,
                })
            }
            Self::Sorted(entries) => entries.get(index).copied(),
        }
    }

    /// Calls with each entry, and the address at which the next one starts.
    pub(super) fn visit(&self, each: &mut dyn FnMut(Entry, u64)) {
        let mut index = 0;
        let mut current = self.get(0);
        while let Some(entry) = current {
            index += 1;
            current = self.get(index);
            each(entry, current.map_or(u64::MAX, |next| next.start));
        }
    }
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
