//! Regressions that are accepted for now: which waiver holds for what, and what is said of it.

use crate::named::{TOTAL, means};
use crate::{Comparison, Notice, Options, Waiver};

/// The waiver that holds for a name today.
pub(crate) fn waiver<'a>(name: &str, options: &'a Options) -> Option<&'a Waiver> {
    let valid = options
        .waivers
        .iter()
        .filter(|waiver| waiver.until >= options.today);
    valid.into_iter().find(|waiver| means(name, &waiver.what))
}

/// What is said of one: why, and until when.
pub(crate) fn waived(waiver: &Waiver) -> String {
    format!("{} (until {})", waiver.reason, date(waiver.until))
}

/// Says which waivers nothing needed: one for a name that nobody has waives nothing, and its author believes it does.
pub(crate) fn unneeded(comparison: &mut Comparison, options: &Options) {
    let valid = options
        .waivers
        .iter()
        .filter(|waiver| waiver.until >= options.today);
    let mut notices = Vec::new();
    for waiver in valid {
        let rows = comparison.rows.iter();
        let is_known =
            waiver.what == TOTAL || rows.clone().any(|row| means(&row.name, &waiver.what));
        let is_needed = comparison.causes.iter().any(|cause| {
            let name = cause
                .row
                .map_or(TOTAL, |row| &comparison.rows[row as usize].name);
            cause.waived.is_some() && means(name, &waiver.what)
        });
        if !is_known {
            notices.push(format!(
                "the waiver of {} waives nothing: nothing that was tested has that name",
                waiver.what
            ));
        } else if !is_needed {
            notices.push(format!(
                "the waiver of {} is not needed: it is not dearer than allowed",
                waiver.what
            ));
        }
    }
    let notices = notices.into_iter().map(|text| Notice { text });
    comparison.notices.extend(notices);
}

/// A day since 1970 as `2026-11-22`, by the Gregorian calendar.
fn date(day: u32) -> String {
    // Years from March on, so that the leap day is the last; 146,097 days are 400 years.
    let day = u64::from(day) + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_779), "2026-11-22");
    }
}
