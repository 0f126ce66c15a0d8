//! Regressions that are accepted for now: which waiver holds for what, and what is said of it.

use crate::named::means;
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

/// Tells of those that have ended.
pub(crate) fn expired(comparison: &mut Comparison, options: &Options) {
    let expired = options
        .waivers
        .iter()
        .filter(|waiver| waiver.until < options.today);
    comparison.notices.extend(expired.map(|waiver| Notice {
        text: format!(
            "the waiver of {} ran out on {}: {}",
            waiver.what,
            date(waiver.until),
            waiver.reason
        ),
    }));
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
