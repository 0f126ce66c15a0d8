//! One module's compiled unwind table.
//!
//! A row is four bytes: where it begins inside its block of 1 KB of code (10 bits), whether a function starts there (1 bit), and the rule that
//! holds from there to the next row (21 bits). An index says where each block's rows are, so that a look-up reads two neighbouring words of
//! the index and halves a handful of rows. Rules of unusual form stand in a side table, once each.

use super::rule::{FullRule, PackedRule, RULE_BITS, Rule, Unpacked};

/// Code is divided into blocks of this many bytes.
pub(crate) const BLOCK_BITS: u32 = 32 - RULE_BITS - 1;
const BLOCK_MASK: u32 = (1 << BLOCK_BITS) - 1;
const START_BIT: u32 = 1 << RULE_BITS;
const PLACE_SHIFT: u32 = RULE_BITS + 1;

/// One row: its place in its block, the function-start mark, the rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(u32);

impl Row {
    pub(crate) fn new(offset: u32, starts_function: bool, rule: PackedRule) -> Self {
        Self(
            (offset & BLOCK_MASK) << PLACE_SHIFT
                | (starts_function as u32) << RULE_BITS
                | rule.bits(),
        )
    }

    fn place(self) -> u32 {
        self.0 >> PLACE_SHIFT
    }

    pub(crate) fn starts_function(self) -> bool {
        self.0 & START_BIT != 0
    }

    pub(crate) fn rule(self) -> PackedRule {
        PackedRule::from_bits(self.0)
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "+{:#x}{} {:?}",
            self.place(),
            if self.starts_function() { " start" } else { "" },
            self.rule().unpack()
        )
    }
}

/// What a table takes, and what it could not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TableSize {
    /// Memory held: rows, index and side rules.
    pub bytes: usize,
    /// Rows, gaps between functions included.
    pub rows: usize,
    /// Functions: entries of `.eh_frame` that lie in the module's code.
    pub functions: usize,
    /// Rules of unusual form, each counted once.
    pub side_rules: usize,
    /// Rows whose rule these tables cannot express: a walk ends there.
    pub unsupported_rows: usize,
    /// Entries of `.eh_frame` that could not be read.
    pub malformed_entries: usize,
}

/// One module's compiled unwind table: from an offset into its code to a rule. Nothing in it changes once it is built.
#[derive(Debug, Default)]
pub struct ModuleTable {
    pub(super) rows: Vec<Row>,
    /// For each block the number of rows before it, and one more at the end.
    pub(super) index: Vec<u32>,
    pub(super) side: Vec<FullRule>,
    pub(super) size: TableSize,
}

impl ModuleTable {
    /// A table that says nothing about any address.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The table's size, and what it could not say.
    pub fn size(&self) -> TableSize {
        self.size
    }

    /// How many rows begin at or before this offset: the last of them holds. 0 beyond the table. Called in SIGPROF.
    #[inline]
    fn rows_up_to(&self, offset: u32) -> usize {
        let block = (offset >> BLOCK_BITS) as usize;
        let (Some(&low), Some(&high)) =
            (self.index.get(block), self.index.get(block.wrapping_add(1)))
        else {
            return 0;
        };
        let (mut low, mut high) = (low as usize, high as usize);
        let place = offset & BLOCK_MASK;
        // The rows of one block are halved in each turn: at most BLOCK_BITS + 1 turns. Their predecessor may stand in an earlier block.
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.rows.get(middle) {
                Some(row) if row.place() <= place => low = middle.wrapping_add(1),
                _ => high = middle,
            }
        }
        low
    }

    /// The rule at this offset from the start of the module's code. Called in SIGPROF.
    #[inline]
    pub(crate) fn packed_rule(&self, offset: u32) -> PackedRule {
        match self.rows.get(self.rows_up_to(offset).wrapping_sub(1)) {
            Some(row) => row.rule(),
            None => PackedRule::NO_UNWIND_INFO,
        }
    }

    /// A rule of the side table. Called in SIGPROF.
    #[inline]
    pub(crate) fn side_rule(&self, index: u32) -> Option<&FullRule> {
        self.side.get(index as usize)
    }

    /// The rule at this offset from the start of the module's code, written out.
    pub fn rule(&self, offset: u32) -> Rule {
        match self.packed_rule(offset).unpack() {
            Unpacked::NoModule | Unpacked::NoUnwindInfo => Rule::NoUnwindInfo,
            Unpacked::Outermost => Rule::Outermost,
            Unpacked::Unsupported => Rule::Unsupported,
            Unpacked::Side(index) => self
                .side_rule(index)
                .map_or(Rule::Unsupported, |&rule| Rule::Frame(rule)),
            usual => usual.full().map_or(Rule::Unsupported, Rule::Frame),
        }
    }

    /// Where the function around this offset starts, when the table knows one there. Not for handlers: long functions take long.
    pub fn function_start(&self, offset: u32) -> Option<u32> {
        let mut row = self.rows_up_to(offset).checked_sub(1)?;
        if self.rows.get(row)?.rule() == PackedRule::NO_UNWIND_INFO {
            return None;
        }
        while !self.rows.get(row)?.starts_function() {
            row = row.checked_sub(1)?;
        }
        // The row's block: the last one with no more than `row` rows before it.
        let block = self
            .index
            .partition_point(|&before| before as usize <= row)
            .checked_sub(1)?;
        Some((block as u32) << BLOCK_BITS | self.rows.get(row)?.place())
    }
}
