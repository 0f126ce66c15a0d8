//! The words that every format uses: which way something changed, by how much, and of what.
//!
//! A direction is always a word or a sign beside its figure, so that nobody can take the base for the new build.

use crate::export::text::printable;
use crate::text::number::{count, duration};
use hotpoll_compare::{Effect, Family, Interval, Presence, Row, Unit, Verdict};

/// More than this ratio is told as "times", not per cent.
const TIMES: f64 = 4.0;

/// What a row's cost is.
pub fn family(family: Family) -> &'static str {
    match family {
        Family::Cpu => "CPU",
        Family::Poll => "time in polls",
        Family::WakeDelay => "wake to poll",
        Family::LockWait => "lock waits",
    }
}

/// What a row is called in a sentence.
pub fn subject(row: &Row, name: &str) -> String {
    match row.family {
        Family::Cpu => name.to_owned(),
        Family::Poll => format!("time in polls of {name}"),
        Family::WakeDelay => format!("wake to poll of {name}"),
        Family::LockWait => format!("waiting at {name}"),
    }
}

/// What is counted beside a cost.
pub fn counted(family: Family) -> &'static str {
    match family {
        Family::Cpu => "samples",
        Family::Poll => "polls",
        Family::WakeDelay => "wakes",
        Family::LockWait => "waits",
    }
}

/// The words for more and for less.
fn comparatives(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::Cpu => ("dearer", "cheaper"),
        _ => ("longer", "shorter"),
    }
}

/// A verdict, as a word.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "regressed",
        Verdict::Improved => "improved",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// Where something occurs, as a word.
pub fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Both => "both",
        Presence::New => "new",
        Presence::Gone => "gone",
    }
}

/// `per request`, or what stands in its place.
pub fn per(unit: &Unit) -> String {
    match unit {
        Unit::PerUnit(units) => format!("per {}", singular(&printable(units))),
        _ => "a run, scaled".to_owned(),
    }
}

/// One of them: `requests`, `queries`, `batches`.
pub fn singular(units: &str) -> String {
    let es = ["ches", "shes", "xes", "sses", "zes"];
    if let Some(stem) = units.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if es.iter().any(|end| units.ends_with(end)) {
        units[..units.len() - 2].to_owned()
    } else if units.ends_with('s') && !units.ends_with("ss") && units.len() > 2 {
        units[..units.len() - 1].to_owned()
    } else {
        units.to_owned()
    }
}

/// A part as per cent, without its sign and its per cent sign: `4.1`, `0.04`, `124`.
pub fn hundredths(fraction: f64) -> String {
    match fraction.abs() * 100.0 {
        p if p >= 99.95 => format!("{p:.0}"),
        p if p >= 0.05 || p == 0.0 => format!("{p:.1}"),
        p if p >= 0.005 => format!("{p:.2}"),
        _ => "0.0".to_owned(),
    }
}

/// A ratio's distance from 1 with its sign: `+4.1 %`, `-3.0 %`, `x4.2`.
pub fn signed(ratio: f64) -> String {
    match ratio {
        r if !r.is_finite() => "-".to_owned(),
        r if r >= TIMES => format!("x{r:.1}"),
        r if r < 1.0 => format!("-{} %", hundredths(1.0 - r)),
        r => format!("+{} %", hundredths(r - 1.0)),
    }
}

/// How much of something: `4.1 % dearer`, `as dear`, `4.2 times as dear`.
pub fn change(of: Family, ratio: f64) -> String {
    let (more, less) = comparatives(of);
    match ratio {
        r if !r.is_finite() => "on one side only".to_owned(),
        r if r >= TIMES && of == Family::Cpu => format!("{r:.1} times as dear"),
        r if r >= TIMES => format!("{r:.1} times as long"),
        r if (r - 1.0).abs() < 5e-5 => format!("0.0 % {more}"),
        r if r < 1.0 => format!("{} % {less}", hundredths(1.0 - r)),
        r => format!("{} % {more}", hundredths(r - 1.0)),
    }
}

/// Both ends of a ratio's interval, each with its direction unless both have the sentence's own: `2.9 to 5.3`, `0.8 % cheaper to 1.6 % dearer`.
pub fn interval(of: Family, interval: Interval) -> String {
    let Interval { low, high } = interval;
    if !low.is_finite() || !high.is_finite() {
        return "not known".to_owned();
    }
    match (low >= 1.0, high >= 1.0) {
        (true, true) if high < TIMES => {
            format!("{} to {}", hundredths(low - 1.0), hundredths(high - 1.0))
        }
        // The smaller change first, as it is read.
        (false, false) => format!("{} to {}", hundredths(1.0 - high), hundredths(1.0 - low)),
        _ => format!("{} to {}", change(of, low), change(of, high)),
    }
}

/// Both ends of an interval with their signs, for a table.
pub fn signed_interval(interval: Interval) -> String {
    if !interval.low.is_finite() || !interval.high.is_finite() {
        return "-".to_owned();
    }
    format!("{} to {}", signed(interval.low), signed(interval.high))
}

/// A cost: `10.2 µs`, `0.85 ns`.
pub fn cost(ns: f64) -> String {
    if !ns.is_finite() {
        return "-".to_owned();
    }
    let (value, unit) = scaled(ns, ns);
    format!("{value} {unit}")
}

/// Two costs in one unit: `10.2 → 11.5 µs`.
pub fn costs(base: f64, new: f64) -> String {
    if !base.is_finite() || !new.is_finite() {
        return "-".to_owned();
    }
    let largest = base.abs().max(new.abs());
    let (base, unit) = scaled(base, largest);
    let (new, _) = scaled(new, largest);
    format!("{base} → {new} {unit}")
}

/// A cost in the unit that fits another one.
fn scaled(ns: f64, like: f64) -> (String, &'static str) {
    let (divisor, unit) = match like.abs() {
        l if l < 999.5 => (1.0, "ns"),
        l if l < 999.5e3 => (1e3, "µs"),
        l if l < 999.5e6 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    let (value, like) = (ns / divisor, like.abs() / divisor);
    let decimals = match like {
        l if l < 9.995 => 2,
        l if l < 99.95 => 1,
        _ => 0,
    };
    if value == 0.0 {
        return ("0".to_owned(), unit);
    }
    (format!("{value:.decimals$}"), unit)
}

/// What happened to a row, in few words: `12.4 % dearer (9.8 to 15.1)`.
pub fn told(row: &Row) -> String {
    let effect = &row.total;
    match row.presence {
        Presence::Both => told_effect(row.family, effect),
        // One cost alone has no interval: it was counted on one side and not tested.
        Presence::New => match cost_interval(effect.interval) {
            Some(ends) => format!("new ({ends})"),
            None => format!("new ({})", cost(effect.new)),
        },
        Presence::Gone => match cost_interval(turned(effect.interval)) {
            Some(ends) => format!("gone ({ends} less)"),
            None => format!("gone ({} less)", cost(effect.base)),
        },
    }
}

/// The ends of an interval of costs: `102 µs to 138 µs`; `None` where it is none, of no width or not known.
pub fn cost_interval(interval: Interval) -> Option<String> {
    let Interval { low, high } = interval;
    let is_one = low.is_finite() && high.is_finite() && low < high;
    is_one.then(|| format!("{} to {}", cost(low), cost(high)))
}

/// A saving's: what is less than nothing is more than nothing.
fn turned(interval: Interval) -> Interval {
    Interval {
        low: -interval.high,
        high: -interval.low,
    }
}

/// The same of a cost that both sides have.
pub fn told_effect(of: Family, effect: &Effect) -> String {
    if !effect.interval.high.is_finite() {
        return change(of, effect.ratio);
    }
    format!(
        "{} ({})",
        change(of, effect.ratio),
        interval(of, effect.interval)
    )
}

/// A sentence's predicate: `is 12.4 % dearer per request, 95 % interval 9.8 to 15.1`.
pub fn predicate(row: &Row, unit: &Unit) -> String {
    let (per, effect) = (per(unit), &row.total);
    let ends = |interval| {
        cost_interval(interval).map_or_else(String::new, |ends| format!(", 95 % interval {ends}"))
    };
    match row.presence {
        Presence::Both => predicate_effect(row.family, effect, unit),
        Presence::New => format!(
            "is new and costs {} {per}{}",
            cost(effect.new),
            ends(effect.interval)
        ),
        Presence::Gone => format!(
            "is gone, which saves {} {per}{}",
            cost(effect.base),
            ends(turned(effect.interval))
        ),
    }
}

/// The same of a cost that both sides have.
pub fn predicate_effect(of: Family, effect: &Effect, unit: &Unit) -> String {
    let per = match unit {
        Unit::PerUnit(_) => format!(" {}", per(unit)),
        _ => String::new(),
    };
    if !effect.interval.high.is_finite() {
        return format!(
            "is {}{per}, and one run a side does not tell how runs differ",
            change(of, effect.ratio)
        );
    }
    format!(
        "is {}{per}, 95 % interval {}",
        change(of, effect.ratio),
        interval(of, effect.interval)
    )
}

/// How many runs would settle it, and what they cost: `about 4 more runs a side would settle it (about 3 min)`.
pub fn more_runs(effect: &Effect, run_ns: u64) -> String {
    match effect.more_runs {
        None => "cannot be settled by more runs".to_owned(),
        Some(runs) => {
            let plural = if runs == 1 { "run" } else { "runs" };
            let all_ns = run_ns.saturating_mul(2).saturating_mul(runs.into());
            let time = match all_ns {
                0 => String::new(),
                ns => format!(" ({} in all)", in_minutes(ns)),
            };
            format!("needs about {runs} more {plural} a side{time}")
        }
    }
}

/// Time for a plan: nobody plans by the second.
fn in_minutes(ns: u64) -> String {
    const MINUTE: u64 = 60_000_000_000;
    match ns {
        ns if ns < MINUTE => duration(ns),
        ns => format!("{} min", count(ns.div_ceil(MINUTE))),
    }
}

/// `1 run`, `5 runs`.
pub fn plural(n: u64, noun: &str) -> String {
    crate::text::number::counted(n, noun)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(ratio: f64, low: f64, high: f64) -> Effect {
        Effect {
            ratio,
            interval: Interval { low, high },
            ..Effect::default()
        }
    }

    #[test]
    fn directions_are_words() {
        let check = |ratio, low, high, expected: &str| {
            assert_eq!(
                told_effect(Family::Cpu, &effect(ratio, low, high)),
                expected
            );
        };
        check(1.041, 1.029, 1.053, "4.1 % dearer (2.9 to 5.3)");
        check(0.959, 0.947, 0.971, "4.1 % cheaper (2.9 to 5.3)");
        check(
            1.004,
            0.992,
            1.016,
            "0.4 % dearer (0.8 % cheaper to 1.6 % dearer)",
        );
        check(
            0.5,
            0.4,
            1.2,
            "50.0 % cheaper (60.0 % cheaper to 20.0 % dearer)",
        );
        check(
            1.0,
            0.99,
            1.01,
            "0.0 % dearer (1.0 % cheaper to 1.0 % dearer)",
        );
        check(3.0, 2.5, 3.5, "200 % dearer (150 to 250)");
        check(
            5.25,
            4.5,
            6.0,
            "5.2 times as dear (4.5 times as dear to 6.0 times as dear)",
        );
        let waits = effect(1.2, 1.1, 1.3);
        assert_eq!(
            told_effect(Family::LockWait, &waits),
            "20.0 % longer (10.0 to 30.0)"
        );
        assert_eq!(signed(1.041), "+4.1 %");
        assert_eq!(signed(0.959), "-4.1 %");
        assert_eq!(signed(f64::NAN), "-");
    }

    #[test]
    fn one_cost_alone_has_no_interval() {
        let row = |presence, base, new, low, high| Row {
            presence,
            total: Effect {
                base,
                new,
                ..effect(f64::NAN, low, high)
            },
            ..Row::default()
        };
        let unit = Unit::PerUnit("requests".into());
        let counted = row(Presence::New, 0.0, 5_070.0, 5_070.0, 5_070.0);
        assert_eq!(told(&counted), "new (5.07 µs)");
        assert_eq!(
            predicate(&counted, &unit),
            "is new and costs 5.07 µs per request"
        );
        let gone = row(Presence::Gone, 5_070.0, 0.0, -5_070.0, -5_070.0);
        assert_eq!(told(&gone), "gone (5.07 µs less)");
        let gone = row(Presence::Gone, 5_070.0, 0.0, -6_000.0, -4_000.0);
        assert_eq!(told(&gone), "gone (4.00 µs to 6.00 µs less)");
    }

    #[test]
    fn costs_have_one_unit() {
        assert_eq!(costs(10_200.0, 11_500.0), "10.2 → 11.5 µs");
        assert_eq!(costs(0.85, 0.9), "0.85 → 0.90 ns");
        assert_eq!(costs(0.0, 1_500_000.0), "0 → 1.50 ms");
        assert_eq!(costs(f64::NAN, 1.0), "-");
        assert_eq!(cost(999.7), "1.00 µs");
        assert_eq!(cost(2.5e9), "2.50 s");
    }

    #[test]
    fn units_in_the_singular() {
        for (units, unit) in [
            ("requests", "request"),
            ("queries", "query"),
            ("batches", "batch"),
            ("boxes", "box"),
            ("passes", "pass"),
            ("work", "work"),
            ("class", "class"),
            ("s", "s"),
        ] {
            assert_eq!(singular(units), unit);
        }
    }

    #[test]
    fn what_more_runs_cost() {
        let needs = |more_runs, run_ns| {
            let effect = Effect {
                more_runs,
                ..Effect::default()
            };
            super::more_runs(&effect, run_ns)
        };
        assert_eq!(
            needs(Some(4), 20_000_000_000),
            "needs about 4 more runs a side (3 min in all)"
        );
        assert_eq!(
            needs(Some(1), 10_000_000_000),
            "needs about 1 more run a side (20.0 s in all)"
        );
        assert_eq!(needs(Some(2), 0), "needs about 2 more runs a side");
        assert_eq!(needs(None, 1), "cannot be settled by more runs");
    }
}
