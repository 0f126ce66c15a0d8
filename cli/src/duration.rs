//! Durations as people type them.

use std::time::Duration;

/// Longer than any recorder, and far from every overflow.
const LONGEST: Duration = Duration::from_secs(100 * 24 * 3600);

/// `30s`, `500ms`, `5m`, `1h`, `1.5s`; a number alone is seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let number_ends = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    let seconds_each = match unit.trim() {
        "ms" => 1e-3,
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a time like 30s, 500ms, 5m or 1h".to_owned()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "write a time like 30s, 500ms, 5m or 1h".to_owned())?;
    let duration = Duration::try_from_secs_f64(number * seconds_each).unwrap_or(Duration::MAX);
    match duration {
        Duration::ZERO => Err("a time of zero has nothing in it".to_owned()),
        duration if duration > LONGEST => Err("that is longer than 100 days".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected_ms: Option<u64>) {
        assert_eq!(
            parse(text).ok(),
            expected_ms.map(Duration::from_millis),
            "{text}"
        );
    }

    #[test]
    fn units() {
        check("30s", Some(30_000));
        check("30", Some(30_000));
        check("500ms", Some(500));
        check("1.5s", Some(1_500));
        check("5m", Some(300_000));
        check("5 min", Some(300_000));
        check("1h", Some(3_600_000));
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "s",
            "0s",
            "-1s",
            "1d",
            "ten",
            "1.2.3s",
            "99999999999999h",
            "1e3",
        ] {
            check(text, None);
        }
    }
}
