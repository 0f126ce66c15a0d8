//! How much of the cost lies in functions that both builds have, by name. What only one has is no change of the program where both were made from the same
//! sources: one of the builds inlined it without a trace, or its debug info calls it otherwise.

use crate::Notice;
use crate::comparison::{OneSided, SameNames};
use crate::table::Table;

/// With so many samples expected and none there, chance would have it in one of 150 functions.
const ENOUGH: f64 = 5.0;

/// The parts of both sides' costs whose functions the other side has too.
pub(crate) fn same_names(table: &Table<'_>) -> SameNames {
    let mut found = SameNames::default();
    let samples: [f64; 2] = [0, 1].map(|side| {
        let runs = (0..table.runs.len()).filter(|&run| table.side(run) == side);
        runs.map(|run| table.runs[run].samples as f64).sum()
    });
    let (mut own_all, mut total_all) = ([0.0; 2], [0.0; 2]);
    for (at, function) in table.functions.iter().enumerate() {
        let own = means(table, table.own_shares(at));
        let total = means(table, table.shares(at));
        for side in [0, 1] {
            own_all[side] += own[side];
            total_all[side] += total[side];
            if function.samples[1 - side] > 0 {
                found.own[side] += own[side];
                found.total[side] += total[side];
            } else if function.samples[side] > 0 {
                let expected = function.samples[side] as f64 * samples[1 - side] / samples[side];
                if expected < ENOUGH {
                    found.rare_own[side] += own[side];
                    found.rare_total[side] += total[side];
                }
                found.one_sided.push(OneSided {
                    name: function.name.to_owned(),
                    file: function.file.to_owned(),
                    is_new: side == 1,
                    own: own[side],
                    total: total[side],
                    samples: function.samples[side],
                });
            }
        }
    }
    for side in [0, 1] {
        for (part, all) in [
            (&mut found.own, own_all),
            (&mut found.rare_own, own_all),
            (&mut found.total, total_all),
            (&mut found.rare_total, total_all),
        ] {
            part[side] /= all[side].max(f64::MIN_POSITIVE);
        }
    }
    found.one_sided.sort_by(|a, b| b.total.total_cmp(&a.total));
    found
}

/// So much of both sides' cost in functions of one side only is no change that a person made: they would be on one side.
const MUCH: f64 = 0.03;

impl SameNames {
    /// The parts of both sides' costs that lie in functions of that side only, where chance does not explain it.
    fn apart(&self) -> [f64; 2] {
        [0, 1].map(|side| {
            let own = 1.0 - self.own[side] - self.rare_own[side];
            let total = 1.0 - self.total[side] - self.rare_total[side];
            own.max(total)
        })
    }

    /// A sentence where the sides go by different names.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let [base, new] = self.apart();
        (base.min(new) > MUCH).then(|| Notice {
            text: format!(
                "{:.0} % of the base's cost and {:.0} % of the new build's lie in functions that the other side has not: much was renamed, or the builds differ in how they were made (debug = \"limited\" gives inlined functions their whole names)",
                100.0 * base,
                100.0 * new
            ),
        })
    }
}

fn means(table: &Table<'_>, shares: &[f64]) -> [f64; 2] {
    let (base, new) = shares.split_at(table.base_runs);
    [crate::variance::mean(base), crate::variance::mean(new)]
}
