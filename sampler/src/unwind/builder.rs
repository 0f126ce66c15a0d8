//! Rows come in by rising offset; a [`ModuleTable`] comes out.

use std::collections::HashMap;

use super::rule::{FullRule, PackedRule};
use super::table::{BLOCK_BITS, ModuleTable, Row, TableSize};

/// Collects the rows of one module, by rising offset.
pub(crate) struct TableBuilder {
    table: ModuleTable,
    side_index: HashMap<FullRule, PackedRule>,
    /// Where the newest row begins.
    last_offset: u32,
    /// The newest row's rule.
    last_rule: PackedRule,
}

impl TableBuilder {
    pub(crate) fn new() -> Self {
        Self {
            table: ModuleTable::empty(),
            side_index: HashMap::new(),
            last_offset: 0,
            last_rule: PackedRule::NO_UNWIND_INFO,
        }
    }

    /// The short form of a rule; one that finds no room becomes [`PackedRule::UNSUPPORTED`].
    pub(crate) fn pack(&mut self, rule: FullRule) -> PackedRule {
        if let Some(packed) = PackedRule::pack(&rule) {
            return packed;
        }
        if let Some(&packed) = self.side_index.get(&rule) {
            return packed;
        }
        let Some(packed) = PackedRule::side(self.table.side.len()) else {
            return PackedRule::UNSUPPORTED;
        };
        self.table.side.push(rule);
        self.side_index.insert(rule, packed);
        packed
    }

    /// A function starts here, with this rule. Offsets never fall; rows out of order are ignored.
    pub(crate) fn start_function(&mut self, offset: u32, rule: PackedRule) {
        self.table.size.functions += 1;
        self.row(offset, true, rule);
    }

    /// From here on this rule holds.
    pub(crate) fn rule(&mut self, offset: u32, rule: PackedRule) {
        self.row(offset, false, rule);
    }

    /// An entry could not be read.
    pub(crate) fn malformed(&mut self) {
        self.table.size.malformed_entries += 1;
    }

    fn row(&mut self, offset: u32, starts_function: bool, rule: PackedRule) {
        if offset < self.last_offset {
            return;
        }
        if rule == self.last_rule && !starts_function {
            return;
        }
        let table = &mut self.table;
        if offset == self.last_offset
            && let Some(last) = table.rows.last_mut()
        {
            // Two rows at one place: the newer one holds.
            *last = Row::new(offset, starts_function || last.starts_function(), rule);
        } else {
            // Rows are bounded by the bytes of .eh_frame; a module with more than 2^32 of them cannot be loaded.
            let block = (offset >> BLOCK_BITS) as usize;
            if table.index.len() <= block {
                table.index.resize(block + 1, table.rows.len() as u32);
            }
            table.rows.push(Row::new(offset, starts_function, rule));
        }
        self.last_offset = offset;
        self.last_rule = rule;
    }

    /// The table. `end` is the end of the code: offsets from there on find nothing.
    pub(crate) fn finish(mut self, end: u32) -> ModuleTable {
        let table = &mut self.table;
        let blocks = (end.max(self.last_offset) >> BLOCK_BITS) as usize + 1;
        table.index.resize(blocks + 1, table.rows.len() as u32);
        table.rows.shrink_to_fit();
        table.index.shrink_to_fit();
        table.side.shrink_to_fit();
        table.size = TableSize {
            bytes: size_of_val(&table.rows[..])
                + size_of_val(&table.index[..])
                + size_of_val(&table.side[..]),
            rows: table.rows.len(),
            side_rules: table.side.len(),
            unsupported_rows: table
                .rows
                .iter()
                .filter(|row| row.rule() == PackedRule::UNSUPPORTED)
                .count(),
            ..table.size
        };
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Base, BpRule, CfaRule, RaRule, Rule};
    use super::*;

    fn sp(offset: i32) -> FullRule {
        FullRule {
            cfa: CfaRule::Offset {
                base: Base::Sp,
                offset,
            },
            bp: BpRule::Same,
            ra: RaRule::AtCfa(-8),
            signal: false,
        }
    }

    /// (offset, whether a function starts, rsp offset or 0 for a gap)
    fn build(rows: &[(u32, bool, i32)], end: u32) -> ModuleTable {
        let mut builder = TableBuilder::new();
        for &(offset, starts, cfa) in rows {
            let rule = if cfa == 0 {
                PackedRule::NO_UNWIND_INFO
            } else {
                builder.pack(sp(cfa))
            };
            if starts {
                builder.start_function(offset, rule)
            } else {
                builder.rule(offset, rule)
            }
        }
        builder.finish(end)
    }

    #[track_caller]
    fn check(table: &ModuleTable, offset: u32, cfa: i32) {
        let expected = if cfa == 0 {
            Rule::NoUnwindInfo
        } else {
            Rule::Frame(sp(cfa))
        };
        assert_eq!(table.rule(offset), expected, "at {offset:#x}");
    }

    #[test]
    fn each_row_holds_up_to_the_next() {
        let table = build(
            &[
                (0x100, true, 8),
                (0x104, false, 16),
                (0x180, false, 0),
                (0x190, true, 8),
            ],
            0x200,
        );
        for (offset, cfa) in [
            (0, 0),
            (0xff, 0),
            (0x100, 8),
            (0x103, 8),
            (0x104, 16),
            (0x17f, 16),
            (0x180, 0),
            (0x18f, 0),
            (0x190, 8),
            (0x3ff, 8),
        ] {
            check(&table, offset, cfa);
        }
        check(&table, 0x400, 0);
        check(&table, u32::MAX, 0);
    }

    #[test]
    fn row_reaches_over_empty_blocks() {
        let table = build(
            &[(0x10, true, 8), (0x5_0000, false, 24), (0x9_0000, false, 0)],
            0xa_0000,
        );
        check(&table, 0x4_ffff, 8);
        check(&table, 0x5_0000, 24);
        check(&table, 0x8_ffff, 24);
        check(&table, 0x9_0000, 0);
        assert_eq!(table.function_start(0x8_0000), Some(0x10));
        assert_eq!(table.function_start(0x9_0000), None);
        assert_eq!(table.function_start(0xf), None);
    }

    #[test]
    fn full_block_has_a_row_at_every_byte() {
        let rows: Vec<_> = (0..3000u32)
            .map(|offset| (offset, offset == 0, 8 + 8 * (offset as i32 % 5)))
            .collect();
        let table = build(&rows, 3000);
        for offset in 0..3000 {
            check(&table, offset, 8 + 8 * (offset as i32 % 5));
            assert_eq!(table.function_start(offset), Some(0));
        }
    }

    #[test]
    fn equal_neighbours_are_one_row_but_function_starts_are_kept() {
        let table = build(
            &[(0, true, 8), (4, false, 8), (8, true, 8), (12, false, 8)],
            16,
        );
        assert_eq!(table.size().rows, 2);
        assert_eq!(table.function_start(7), Some(0));
        assert_eq!(table.function_start(15), Some(8));
    }

    #[test]
    fn newer_row_at_one_place_wins() {
        let table = build(
            &[(0, true, 8), (0, false, 16), (8, false, 0), (8, true, 8)],
            16,
        );
        assert_eq!(table.size().rows, 2);
        check(&table, 0, 16);
        check(&table, 8, 8);
        assert_eq!(table.function_start(3), Some(0));
        assert_eq!(table.function_start(9), Some(8));
    }

    #[test]
    fn large_frames_go_to_the_side_table_once() {
        let table = build(
            &[
                (0, true, 8),
                (4, false, 400_008),
                (40, false, 8),
                (50, false, 400_008),
                (90, false, i32::MAX),
            ],
            100,
        );
        check(&table, 4, 400_008);
        check(&table, 60, 400_008);
        check(&table, 95, i32::MAX);
        assert_eq!(table.size().side_rules, 2);
    }
}
