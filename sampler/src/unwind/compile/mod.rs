//! From a module's `.eh_frame` to its [`ModuleTable`].
//!
//! The bytes come from whatever file somebody loaded, so nothing in them is trusted: work and memory are bounded by their length, an entry
//! that makes no sense is counted and skipped, and a rule that the table cannot express is a row that says so. gimli reads the entries and
//! instructions; they are carried out here ([`state`]), so that gimli's own evaluation stays an independent check for tests.

mod expression;
mod order;
mod state;

use std::ops::Range;

use gimli::{
    BaseAddresses, CommonInformationEntry, EhFrame, EhFrameOffset, EndianSlice, LittleEndian,
    UnwindSection,
};

use super::builder::TableBuilder;
use super::rule::PackedRule;
use super::table::ModuleTable;
use order::{Entry, Order};
use state::State;

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Cie<'a> = CommonInformationEntry<Slice<'a>>;

/// What a module says about unwinding, and where it lies in memory. All addresses are those of the running process.
#[derive(Clone, Debug)]
pub struct UnwindSections<'a> {
    /// `.eh_frame`; may reach beyond the section's end, which its terminator marks.
    pub eh_frame: &'a [u8],
    /// The address of its first byte.
    pub eh_frame_address: u64,
    /// `.eh_frame_hdr`; empty when there is none.
    pub eh_frame_hdr: &'a [u8],
    /// The address of its first byte.
    pub eh_frame_hdr_address: u64,
    /// The module's code; offsets in the table count from its start. Code beyond 4 GB of it has no table.
    pub text: Range<u64>,
}

/// Compiles a module's unwind table. Takes about as long as reading the section; for ordinary code on a background thread.
pub fn compile(sections: &UnwindSections<'_>) -> ModuleTable {
    let text_end = sections
        .text
        .end
        .min(sections.text.start.saturating_add(u32::MAX as u64));
    if text_end <= sections.text.start {
        return ModuleTable::empty();
    }
    let text = sections.text.start..text_end;
    let length = (text.end - text.start) as u32;
    if let Some(order) = Order::from_header(sections) {
        let mut compiler = Compiler::new(sections, text.clone());
        order.visit(&mut |entry, next| compiler.entry(entry, next));
        if !compiler.met_empty {
            return compiler.builder.finish(length);
        }
    }
    // A header is only an index. Without one that makes sense, find the entries by reading the section from its start. So too where it names an entry
    // without a length: of two at one address linkers index the first.
    let mut compiler = Compiler::new(sections, text);
    let (order, malformed) = Order::from_section(&compiler.eh_frame, &compiler.bases);
    (0..malformed).for_each(|_| compiler.builder.malformed());
    order.visit(&mut |entry, next| compiler.entry(entry, next));
    compiler.builder.finish(length)
}

/// The CIE used last. Nearly all entries of a module share a few.
struct KnownCie<'a> {
    offset: EhFrameOffset,
    cie: Cie<'a>,
    /// The state after its instructions; nothing when they make no sense.
    initial: Option<State>,
}

struct Compiler<'a> {
    eh_frame: EhFrame<Slice<'a>>,
    bases: BaseAddresses,
    text: Range<u64>,
    builder: TableBuilder,
    cie: Option<KnownCie<'a>>,
    /// Whether an entry had no length.
    met_empty: bool,
}

impl<'a> Compiler<'a> {
    fn new(sections: &UnwindSections<'a>, text: Range<u64>) -> Self {
        Self {
            eh_frame: EhFrame::new(sections.eh_frame, LittleEndian),
            bases: BaseAddresses::default()
                .set_eh_frame(sections.eh_frame_address)
                .set_eh_frame_hdr(sections.eh_frame_hdr_address)
                .set_text(sections.text.start),
            text,
            builder: TableBuilder::new(),
            cie: None,
            met_empty: false,
        }
    }

    /// Adds one entry's rows, up to where the next entry starts.
    fn entry(&mut self, entry: Entry, next_start: u64) {
        if entry.start < self.text.start || entry.start >= self.text.end {
            return;
        }
        if self.rows(entry, next_start).is_none() {
            self.builder.malformed();
        }
    }

    fn rows(&mut self, entry: Entry, next_start: u64) -> Option<()> {
        let partial = self
            .eh_frame
            .partial_fde_from_offset(&self.bases, EhFrameOffset(entry.offset))
            .ok()?;
        let cie_offset = partial.cie_offset();
        if self
            .cie
            .as_ref()
            .is_none_or(|known| known.offset != cie_offset)
        {
            let cie = self
                .eh_frame
                .cie_from_offset(&self.bases, cie_offset)
                .ok()?;
            let initial = State::from_cie(&cie, &self.eh_frame, &self.bases);
            self.cie = Some(KnownCie {
                offset: cie_offset,
                cie,
                initial,
            });
        }
        let known = self.cie.as_ref()?;
        let fde = partial.parse(|_, _, _| Ok(known.cie.clone())).ok()?;
        let end = fde
            .initial_address()
            .checked_add(fde.len())?
            .min(next_start)
            .min(self.text.end);
        if fde.initial_address() != entry.start {
            return None;
        }
        self.met_empty |= fde.len() == 0;
        if end <= entry.start {
            return Some(());
        }
        let offset = |address: u64| address.wrapping_sub(self.text.start) as u32;
        let builder = &mut self.builder;
        let Some(initial) = known.initial else {
            builder.start_function(offset(entry.start), PackedRule::UNSUPPORTED);
            builder.rule(offset(end), PackedRule::NO_UNWIND_INFO);
            return Some(());
        };
        let signal = known.cie.is_signal_trampoline();
        let mut first = true;
        state::run(
            &fde,
            initial,
            &self.eh_frame,
            &self.bases,
            end,
            &mut |address, state| {
                let rule = match state {
                    Some(state) => state.rule(builder, signal),
                    None => PackedRule::UNSUPPORTED,
                };
                if first {
                    builder.start_function(offset(address), rule)
                } else {
                    builder.rule(offset(address), rule)
                }
                first = false;
            },
        );
        builder.rule(offset(end), PackedRule::NO_UNWIND_INFO);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unwind::Rule;

    const EH_FRAME: u64 = 0x1000;
    const HEADER: u64 = 0x3000;
    const TEXT: u64 = 0x9000;

    fn push(eh_frame: &mut Vec<u8>, cie_pointer: u32, body: &[u8]) {
        let length = (4 + body.len()).next_multiple_of(4);
        eh_frame.extend((length as u32).to_le_bytes());
        eh_frame.extend(cie_pointer.to_le_bytes());
        eh_frame.extend(body);
        eh_frame.resize(eh_frame.len() + length - 4 - body.len(), 0);
    }

    /// An entry without a length before the one that has it, as BOLT writes them: `libLLVM.so` lost functions. With a header of the first alone, and without.
    #[test]
    fn an_entry_without_a_length_hides_no_other() {
        let mut eh_frame = Vec::new();
        // CIE: version 1, "zR", code 1, data -8, return address 16, pcrel sdata4; CFA = rsp + 8, return address at CFA - 8.
        let cie = [1, b'z', b'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1];
        push(&mut eh_frame, 0, &cie);
        let mut first = None;
        for length in [0u32, 18] {
            let at = eh_frame.len() as u64;
            first.get_or_insert(EH_FRAME + at);
            let start = TEXT.wrapping_sub(EH_FRAME + at + 8) as i32;
            let mut body = Vec::from(start.to_le_bytes());
            body.extend(length.to_le_bytes());
            body.push(0);
            let pointer = at as u32 + 4;
            push(&mut eh_frame, pointer, &body);
        }
        eh_frame.extend([0; 4]);
        let mut header = vec![1, 0x1b, 3, 0x3b];
        let relative = |address: u64, to: u64| (address.wrapping_sub(to) as i32).to_le_bytes();
        header.extend(relative(EH_FRAME, HEADER + 4));
        header.extend(1i32.to_le_bytes());
        header.extend(relative(TEXT, HEADER));
        header.extend(relative(first.unwrap(), HEADER));
        for eh_frame_hdr in [&header[..], &[]] {
            let table = compile(&UnwindSections {
                eh_frame: &eh_frame,
                eh_frame_address: EH_FRAME,
                eh_frame_hdr,
                eh_frame_hdr_address: HEADER,
                text: TEXT..TEXT + 64,
            });
            assert_eq!(table.function_start(17), Some(0));
            assert!(matches!(table.rule(17), Rule::Frame(_)));
            assert_eq!(table.rule(18), Rule::NoUnwindInfo);
        }
    }
}
