//! Numbers with their units, three digits that matter, as a person would say them.

/// A duration: `850 ns`, `12.3 µs`, `1.23 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(ns: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let two = |ns: u64, big: u64, big_unit: &str, small: u64, small_unit: &str| {
        let smalls = (ns + small / 2) / small;
        let (bigs, rest) = (smalls / (big / small), smalls % (big / small));
        if rest == 0 {
            format!("{bigs} {big_unit}")
        } else {
            format!("{bigs} {big_unit} {rest} {small_unit}")
        }
    };
    match ns {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..999_500 => format!("{} µs", three_digits(ns as f64 / 1e3)),
        999_500..999_500_000 => format!("{} ms", three_digits(ns as f64 / 1e6)),
        // 119.5 s would read 120 s.
        999_500_000..119_500_000_000 => format!("{} s", three_digits(ns as f64 / 1e9)),
        _ if ns < 2 * HOUR => two(ns, MINUTE, "min", SECOND, "s"),
        _ if ns < 2 * DAY => two(ns, HOUR, "h", MINUTE, "min"),
        _ => two(ns, DAY, "d", HOUR, "h"),
    }
}

/// A duration in at most six columns, for a column of figures: `850ns`, `12.3µs`, `1.23s`, `3m12s`, `2h05m`, `3d04h`, `400d`.
pub fn compact(ns: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let s = (ns + 500_000_000) / 1_000_000_000;
    match ns {
        0 => "0".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..999_500 => format!("{}µs", three_digits(ns as f64 / 1e3)),
        999_500..999_500_000 => format!("{}ms", three_digits(ns as f64 / 1e6)),
        999_500_000..99_950_000_000 => format!("{}s", three_digits(ns as f64 / 1e9)),
        _ if s < HOUR => format!("{}m{:02}s", s / MINUTE, s % MINUTE),
        _ if s < 2 * DAY => format!("{}h{:02}m", s / HOUR, s % HOUR / MINUTE),
        _ if s < 100 * DAY => format!("{}d{:02}h", s / DAY, s % DAY / HOUR),
        _ => format!("{}d", s / DAY),
    }
}

/// A count in at most five columns, for a column of figures: `9,999`, `12.3k`, `1.23M`.
pub fn compact_count(n: u64) -> String {
    match n {
        0..10_000 => count(n),
        10_000..999_500 => format!("{}k", three_digits(n as f64 / 1e3)),
        999_500..999_500_000 => format!("{}M", three_digits(n as f64 / 1e6)),
        999_500_000..999_500_000_000 => format!("{}G", three_digits(n as f64 / 1e9)),
        _ => format!("{}T", three_digits(n as f64 / 1e12)),
    }
}

/// Seconds in a column of figures: always in the same unit for the eye to compare.
pub fn seconds(ns: u64) -> String {
    let s = ns as f64 / 1e9;
    match s {
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 999.5 => format!("{s:.1} s"),
        s => format!("{} s", count(s.round() as u64)),
    }
}

/// A fraction as per cent, for a column: one decimal, `<0.1%` for what is more than nothing.
pub fn percent(fraction: f64) -> String {
    match fraction * 100.0 {
        0.0 => "0.0%".to_owned(),
        p if p.abs() < 0.05 => "<0.1%".to_owned(),
        p if p.abs() < 9_999.5 => format!("{p:.1}%"),
        p => format!("{p:.0}%"),
    }
}

/// A fraction as per cent, in a sentence: as many decimals as it takes to say something, and no more.
pub fn percent_in_words(fraction: f64) -> String {
    match (fraction * 100.0).abs() {
        0.0 => "0%".to_owned(),
        p if p < 0.005 => "<0.01%".to_owned(),
        p if p < 0.1 => format!("{p:.2}%"),
        // 99.97 % is not all of it.
        p if p > 99.0 && p < 100.0 => format!("{:.1}%", (p * 10.0).floor() / 10.0),
        p if p < 10.0 => format!("{p:.1}%"),
        p => format!("{p:.0}%"),
    }
}

/// A count with its thousands apart: `19,012`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A count and its noun: `1 sample`, `2,000 samples`.
pub fn counted(n: u64, noun: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(n))
}

/// A rate: `99 Hz`, `98.7 Hz`, `1,000 Hz`.
pub fn hertz(hz: f64) -> String {
    if hz >= 999.5 || (hz - hz.round()).abs() < 0.05 {
        format!("{} Hz", count(hz.round().max(0.0) as u64))
    } else {
        format!("{} Hz", three_digits(hz))
    }
}

/// So many a second: `1,234/s`, `12.3/s`.
pub fn per_second(rate: f64) -> String {
    if rate >= 999.5 {
        format!("{}/s", count(rate.round() as u64))
    } else {
        format!("{}/s", three_digits(rate.max(0.0)))
    }
}

/// A size: `640 B`, `12.3 KB`, `3.21 MB` (powers of 1,024, as the kernel counts).
pub fn bytes(n: u64) -> String {
    const KB: f64 = 1024.0;
    match n as f64 {
        b if b < KB => format!("{n} B"),
        b if b < 999.5 * KB => format!("{} KB", three_digits(b / KB)),
        b if b < 999.5 * KB * KB => format!("{} MB", three_digits(b / KB / KB)),
        b => format!("{} GB", three_digits(b / KB / KB / KB)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A moment, in UTC: `2026-03-12 14:03:22`.
pub fn moment(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Only the time of day of [`moment`].
pub fn time_of_day(unix_ns: u64) -> String {
    moment(unix_ns)[11..].to_owned()
}

/// A day since 1970: `2026-03-12`.
pub fn date(day: u32) -> String {
    let (year, month, day) = civil(day.into());
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a day since 1970. Years begin in March here, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year_of_era + era * 400 + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn durations() {
        for (ns, expected) in [
            (0, "0 s"),
            (850, "850 ns"),
            (12_345, "12.3 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (310_000_000, "310 ms"),
            (999_700_000, "1.00 s"),
            (1_234 * S / 1_000, "1.23 s"),
            (119 * S, "119 s"),
            (119 * S + S / 2, "2 min"),
            (192 * S, "3 min 12 s"),
            (7_199 * S + 600_000_000, "120 min"),
            (7_500 * S, "2 h 5 min"),
            (90_061 * S, "25 h 1 min"),
            (273_600 * S, "3 d 4 h"),
        ] {
            assert_eq!(duration(ns), expected);
        }
    }

    #[test]
    fn percents() {
        for (fraction, column, words) in [
            (0.0, "0.0%", "0%"),
            (0.000_01, "<0.1%", "<0.01%"),
            (0.000_4, "<0.1%", "0.04%"),
            (0.012_34, "1.2%", "1.2%"),
            (0.999_7, "100.0%", "99.9%"),
            (1.0, "100.0%", "100%"),
            (3.5, "350.0%", "350%"),
        ] {
            assert_eq!(percent(fraction), column);
            assert_eq!(percent_in_words(fraction), words);
        }
    }

    #[test]
    fn counts_rates_sizes() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "sample"), "1 sample");
        assert_eq!(hertz(99.0), "99 Hz");
        assert_eq!(hertz(98.66), "98.7 Hz");
        assert_eq!(hertz(1000.2), "1,000 Hz");
        assert_eq!(bytes(640), "640 B");
        assert_eq!(bytes(3 << 20), "3.00 MB");
    }

    #[test]
    fn moments() {
        assert_eq!(moment(0), "1970-01-01 00:00:00");
        assert_eq!(moment(1_750_000_000 * S), "2025-06-15 15:06:40");
        assert_eq!(moment(951_782_400 * S), "2000-02-29 00:00:00");
        assert_eq!(time_of_day(1_750_000_000 * S), "15:06:40");
    }

    #[test]
    fn seconds_in_columns() {
        assert_eq!(seconds(4_000_000), "0.00 s");
        assert_eq!(seconds(1_234_000_000), "1.23 s");
        assert_eq!(seconds(92_123_000_000), "92.1 s");
        assert_eq!(seconds(12_345 * S), "12,345 s");
    }

    #[test]
    fn figures_in_narrow_columns() {
        for (ns, expected) in [
            (0, "0"),
            (850, "850ns"),
            (12_345, "12.3µs"),
            (1_234_000_000, "1.23s"),
            (99_960_000_000, "1m40s"),
            (192_000_000_000, "3m12s"),
            (7_500_000_000_000, "2h05m"),
            (273_600_000_000_000, "3d04h"),
            (u64::MAX / 2, "106751d"),
        ] {
            assert_eq!(compact(ns), expected);
        }
        for (n, expected) in [
            (9_999, "9,999"),
            (12_345, "12.3k"),
            (999_600, "1.00M"),
            (1_234_567_890, "1.23G"),
        ] {
            assert_eq!(compact_count(n), expected);
        }
    }
}
