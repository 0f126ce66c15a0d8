//! Any bytes as `.eh_frame` and `.eh_frame_hdr`: the compiler must not panic, must stay within bounds that follow from the input's length, and
//! what its table says must be what gimli says. For random tests and for the fuzzer.

use gimli::{CieOrFde, EhFrame, UnwindContext, UnwindSection};
use hotpoll_sampler::unwind::{ModuleTable, Rule, UnwindSections, compile};

use super::oracle::{After, Before, Gimli, step};

const EH_FRAME: u64 = 0x60_0000;
const HEADER: u64 = 0x5f_0000;
const TEXT: u64 = 0x40_0000;
const TEXT_LENGTH: u64 = 0x1f_0000;

/// Compiles the bytes, and compares.
pub fn check(data: &[u8]) {
    // The first two bytes say how much of the rest is the header.
    let Some((length, rest)) = data.split_first_chunk() else {
        return;
    };
    let (eh_frame_hdr, eh_frame) =
        rest.split_at(rest.len().min(u16::from_le_bytes(*length) as usize));
    let sections = UnwindSections {
        eh_frame,
        eh_frame_address: EH_FRAME,
        eh_frame_hdr,
        eh_frame_hdr_address: HEADER,
        text: TEXT..TEXT + TEXT_LENGTH,
    };
    let table = compile(&sections);
    check_bounds(&table, data.len());
    // A header may leave entries out; without it the table is the section's.
    let table = compile(&UnwindSections {
        eh_frame_hdr: &[],
        ..sections.clone()
    });
    check_bounds(&table, data.len());
    compare(&table, &sections);
}

fn check_bounds(table: &ModuleTable, input: usize) {
    let size = table.size();
    // Each row but the gaps and the first takes an instruction; each entry takes many bytes.
    assert!(size.rows <= 2 * input + 2, "{size:?}");
    assert!(size.side_rules <= input);
    assert!(
        size.bytes <= 64 * input + 2 * TEXT_LENGTH as usize / 256 + 64,
        "{size:?}"
    );
    for offset in (0..TEXT_LENGTH as u32 + 4096).step_by(0x3fb) {
        if let Some(start) = table.function_start(offset) {
            assert!(start <= offset);
            assert_ne!(table.rule(offset), Rule::NoUnwindInfo);
        }
    }
}

fn scrambled(address: u64) -> u64 {
    address.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) & 0x7fff_ffff_fff8
}

fn compare(table: &ModuleTable, sections: &UnwindSections<'_>) {
    let gimli = Gimli::new(sections);
    let mut context = UnwindContext::new();
    let mut starts = Vec::new();
    let mut entries = gimli.eh_frame.entries(&gimli.bases);
    while let Ok(Some(entry)) = entries.next() {
        if let CieOrFde::Fde(partial) = entry
            && let Ok(fde) = partial.parse(EhFrame::cie_from_offset)
        {
            starts.push(fde.initial_address());
        }
    }
    starts.sort_unstable();
    let mut entries = gimli.eh_frame.entries(&gimli.bases);
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let Ok(fde) = partial.parse(EhFrame::cie_from_offset) else {
            continue;
        };
        let start = fde.initial_address();
        // Where entries overlap, which one holds is nobody's promise. Neither is the register of another architecture.
        let after = starts.partition_point(|&other| other <= start);
        if after > 0
            && starts[..after]
                .iter()
                .filter(|&&other| other == start)
                .count()
                > 1
            || fde.cie().return_address_register() != gimli::X86_64::RA
        {
            continue;
        }
        let next = starts.get(after).copied().unwrap_or(u64::MAX);
        let Ok(mut rows) = fde.rows(&gimli.eh_frame, &gimli.bases, &mut context) else {
            continue;
        };
        while let Ok(Some(row)) = rows.next_row() {
            let end = row
                .end_address()
                .min(fde.end_address())
                .min(next)
                .min(sections.text.end);
            if start < sections.text.start
                || row.start_address() >= end
                || fde.end_address() < start
            {
                continue;
            }
            for address in [row.start_address(), end - 1] {
                let memory = |address| Some(scrambled(address));
                let others = |number: u16| scrambled(address ^ number as u64);
                let before = Before {
                    pc: address,
                    sp: scrambled(address),
                    bp: scrambled(!address),
                    others: &others,
                    memory: &memory,
                };
                let ours = step(table.rule((address - sections.text.start) as u32), before);
                let theirs = gimli.step(row, fde.cie().encoding(), before);
                // Saying less is always allowed: that a rule is beyond the tables, or that rbp is lost.
                let agreed = match (ours, theirs) {
                    (After::BeyondTables, _) => true,
                    (
                        After::Caller { sp, bp: None, ra },
                        After::Caller {
                            sp: their_sp,
                            ra: their_ra,
                            ..
                        },
                    ) => sp == their_sp && ra == their_ra,
                    _ => ours == theirs,
                };
                assert!(
                    agreed,
                    "{address:#x}: {ours:x?}, gimli {theirs:x?}, {row:?}"
                );
            }
        }
    }
}
