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
    let mut compiler = Compiler {
        eh_frame: EhFrame::new(sections.eh_frame, LittleEndian),
        bases: BaseAddresses::default()
            .set_eh_frame(sections.eh_frame_address)
            .set_eh_frame_hdr(sections.eh_frame_hdr_address)
            .set_text(sections.text.start),
        text: sections.text.start..text_end,
        builder: TableBuilder::new(),
        cie: None,
    };
    match Order::from_header(sections) {
        Some(order) => order.visit(&mut |entry, next| compiler.entry(entry, next)),
        None => {
            // A header is only an index. Without one that makes sense, find the entries by reading the section from its start.
            let (order, malformed) = Order::from_section(&compiler.eh_frame, &compiler.bases);
            (0..malformed).for_each(|_| compiler.builder.malformed());
            order.visit(&mut |entry, next| compiler.entry(entry, next));
        }
    }
    let length = compiler.text.end - compiler.text.start;
    compiler.builder.finish(length as u32)
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
}

impl<'a> Compiler<'a> {
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
