//! The file of accepted regressions, checked in beside the code: one a line, each with a last day and a reason.
//!
//! ```text
//! # what                 until the end of   why
//! shop::json::parse      until 2026-12-24   #412: now checks UTF-8
//! ```

use crate::exit::Failure;
use crate::text::number::date;
use hotpoll_compare::Waiver;
use std::path::Path;

/// A second word for a line is `until`, a day, and the rest a reason.
const HOW: &str = "write a line like: shop::json::parse until 2026-12-24 #412: now checks UTF-8";

/// Reads the file.
pub fn read(path: &Path) -> Result<Vec<Waiver>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::reading(path, &error)
            .next("name a file with a waiver in each line, or leave --waivers out")
    })?;
    parse(&text).map_err(|(line, what)| {
        Failure::new(format!("{}:{line}: {what}", path.display())).next(HOW)
    })
}

/// The waivers of a file's text, or the number of the line that is none and what is wrong with it.
fn parse(text: &str) -> Result<Vec<Waiver>, (usize, &'static str)> {
    let mut waivers = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        waivers.push(waiver(line).map_err(|what| (at + 1, what))?);
    }
    Ok(waivers)
}

fn waiver(line: &str) -> Result<Waiver, &'static str> {
    // Names have spaces in them (`<A as B>::c`), so the word is looked for.
    let words: Vec<&str> = line.split_whitespace().collect();
    let until = words.iter().position(|word| *word == "until");
    let until = until.ok_or("a waiver has a last day")?;
    let what = words[..until].join(" ");
    if what.is_empty() {
        return Err("a waiver says what it is for");
    }
    let last = words.get(until + 1).and_then(|word| day(word));
    let last = last.ok_or("the last day is no date")?;
    let reason = words[until + 2..].join(" ");
    if reason.is_empty() {
        return Err("a waiver has a reason");
    }
    Ok(Waiver {
        what,
        reason,
        until: last,
    })
}

/// The day of `2026-12-24`, since 1970.
fn day(text: &str) -> Option<u32> {
    let mut parts = text.split('-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    // Looked for by the one function that knows the calendar: at most two months around the right day.
    let near = (year - 1970) * 365 + (year - 1969) / 4 + (month - 1) * 30;
    let wanted = format!("{year:04}-{month:02}-{day:02}");
    (near.saturating_sub(70)..near + 50).find(|candidate| date(*candidate) == wanted)
}

/// Today, in UTC, days since 1970.
pub fn today() -> u32 {
    let now = std::time::SystemTime::now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u32::try_from(since.as_secs() / 86_400).unwrap_or(u32::MAX)
}

/// What is to be said of waivers that are over.
pub fn over(waivers: &[Waiver], today: u32) -> Vec<String> {
    let over = waivers.iter().filter(|waiver| waiver.until < today);
    over.map(|waiver| {
        format!(
            "the waiver for {} ended on {} ({})",
            waiver.what,
            date(waiver.until),
            waiver.reason
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "# comment\n\n<A as B<_>>::c  until 2026-12-24  #412: slower, safer\nsessions until 1970-01-01 x\n";
        let waivers = parse(text).unwrap();
        assert_eq!(waivers[0].what, "<A as B<_>>::c");
        assert_eq!(waivers[0].reason, "#412: slower, safer");
        assert_eq!(date(waivers[0].until), "2026-12-24");
        assert_eq!(waivers[1].until, 0);
        assert_eq!(
            over(&waivers, waivers[0].until),
            ["the waiver for sessions ended on 1970-01-01 (x)"]
        );
    }

    #[test]
    fn what_is_none() {
        for (line, what) in [
            ("parse", "a waiver has a last day"),
            ("until 2026-12-24 x", "a waiver says what it is for"),
            ("parse until", "the last day is no date"),
            ("parse until soon x", "the last day is no date"),
            ("parse until 2026-02-30 x", "the last day is no date"),
            ("parse until 2026-13-01 x", "the last day is no date"),
            ("parse until 2026-12-24", "a waiver has a reason"),
        ] {
            assert_eq!(
                parse(&format!("# x\n{line}")).unwrap_err(),
                (2, what),
                "{line}"
            );
        }
    }

    #[test]
    fn every_day_of_four_centuries() {
        let mut day_number = 0;
        while day_number < 146_097 {
            assert_eq!(day(&date(day_number)), Some(day_number));
            day_number += 13;
        }
    }
}
