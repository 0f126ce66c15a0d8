//! Comparisons with a known answer, for the tests of the views.

use super::report::{Point, Report};
use hotpoll_compare::{
    Cause, Comparison, Effect, Family, FlameNode, Interval, Moved, Notice, Outcome, Presence, Row,
    SameNames, Side, Unit, Verdict,
};

/// A name that must stay a name.
pub const HOSTILE: &str = "evil::<img src=x onerror=alert(1)>|`]]>\u{202e}\n::error::x%0A<_>";

const MS: f64 = 1e6;

pub fn effect(base: f64, new: f64, half: f64, verdict: Verdict) -> Effect {
    let ratio = new / base;
    Effect {
        base,
        new,
        ratio,
        interval: Interval {
            low: ratio * (1.0 - half),
            high: ratio * (1.0 + half),
        },
        p: if verdict == Verdict::Regressed {
            1e-5
        } else {
            0.4
        },
        q: if verdict == Verdict::Regressed {
            4e-5
        } else {
            0.6
        },
        verdict,
        detectable: half * 2.0,
        more_runs: (verdict == Verdict::Inconclusive).then_some(4),
    }
}

fn row(name: &str, file: &str, line: u32, total: Effect, share: f64) -> Row {
    Row {
        name: name.into(),
        file: file.into(),
        line,
        own: (total.base * 0.5, total.new * 0.5),
        base_count: (share * 150_000.0) as u64,
        new_count: (share * 150_000.0 * total.ratio) as u64,
        total,
        share,
        ..Row::default()
    }
}

/// The row of a function that one build only has, at this cost: its interval is 15 % of that to both sides.
fn on_one_side(mut row: Row, presence: Presence, cost: f64) -> Row {
    let (count, half) = ((cost * 0.015) as u64, cost * 0.15);
    row.presence = presence;
    row.total.ratio = f64::NAN;
    let sign = match presence {
        Presence::Gone => {
            row.total.new = 0.0;
            row.own = (cost, 0.0);
            (row.base_count, row.new_count) = (count, 0);
            -1.0
        }
        _ => {
            row.total.base = 0.0;
            row.own = (0.0, cost);
            (row.base_count, row.new_count) = (0, count);
            1.0
        }
    };
    row.total.interval = Interval {
        low: sign * cost - half,
        high: sign * cost + half,
    };
    row
}

/// `shop::json::parse`, which most comparisons are about.
fn parse(total: Effect) -> Row {
    row("shop::json::parse", "src/json.rs", 41, total, 0.12)
}

fn side(name: &str, samples: u64, cost: f64) -> Side {
    Side {
        runs: (1..=5)
            .map(|run| format!("{name}/run-{run}.pb.gz"))
            .collect(),
        samples,
        cpu_ns: samples * 1_000_000,
        units: 15_000,
        costs: (0..5)
            .map(|run| cost * (1.0 + 0.002 * f64::from(run)))
            .collect(),
        fingerprint: vec![
            ("cpu".into(), "Some CPU @ 2.6 GHz".into()),
            ("rustc".into(), "1.95.0".into()),
        ],
    }
}

fn node(name: &str, base: f64, new: f64, children: Vec<FlameNode>) -> FlameNode {
    FlameNode {
        name: name.into(),
        base: base * MS,
        new: new * MS,
        base_samples: (base * 15_000.0) as u64,
        new_samples: (new * 15_000.0) as u64,
        verdict: Verdict::Inconclusive,
        children,
    }
}

/// One function dearer, one cheaper, one new, one gone, one that moved, one that cannot be told; a lock that is waited for longer, and is waived.
pub fn regressed() -> Report {
    let parse = parse(effect(1.2 * MS, 1.35 * MS, 0.02, Verdict::Regressed));
    let render = row(
        "shop::html::render",
        "src/html.rs",
        12,
        effect(0.9 * MS, 0.72 * MS, 0.025, Verdict::Improved),
        0.08,
    );
    let handle = row(
        "shop::handle",
        "src/main.rs",
        30,
        effect(8.0 * MS, 8.3 * MS, 0.012, Verdict::Equivalent),
        0.8,
    );
    let unclear = row(
        "<alloc::vec::Vec<_> as core::iter::traits::collect::Extend<_>>::extend_from_a_very_long_iterator_indeed",
        "library/alloc/src/vec/mod.rs",
        3000,
        effect(0.2 * MS, 0.21 * MS, 0.12, Verdict::Inconclusive),
        0.02,
    );
    let fresh = on_one_side(
        row(
            "shop::json::check_utf8",
            "src/json.rs",
            77,
            effect(1.0, 0.12 * MS, 0.1, Verdict::Regressed),
            0.011,
        ),
        Presence::New,
        0.12 * MS,
    );
    let gone = on_one_side(
        row(
            "shop::html::escape_slowly",
            "src/html.rs",
            90,
            effect(0.2 * MS, 1.0, 0.1, Verdict::Improved),
            0.02,
        ),
        Presence::Gone,
        0.2 * MS,
    );
    let mut moved = row(
        "shop::json::number",
        "src/json/number.rs",
        5,
        effect(0.1 * MS, 0.3 * MS, 0.05, Verdict::Regressed),
        0.02,
    );
    moved.moved = Some(Moved {
        from: "shop::json::scan".into(),
        within: "shop::json::parse".into(),
    });
    let lock = Row {
        family: Family::LockWait,
        base_count: 1_200,
        new_count: 2_100,
        ..row(
            "sessions (Mutex src/session.rs:18)",
            "src/session.rs",
            18,
            effect(40_000.0, 66_000.0, 0.08, Verdict::Regressed),
            0.9,
        )
    };
    let rows = vec![lock, fresh, gone, moved, parse, render, unclear, handle];
    let handled = ["shop::main", "shop::serve", "shop::handle"];
    // Called by `handle`, or by this one of what it calls.
    let chain = |by: Option<&str>| (handled.into_iter().chain(by).map(str::to_owned)).collect();
    let causes = vec![
        Cause {
            row: Some(4),
            explains: vec![7],
            chain: chain(None),
            under: "task session".into(),
            fails: true,
            ..Cause::default()
        },
        Cause {
            row: Some(1),
            chain: chain(Some("shop::json::parse")),
            under: "task session".into(),
            fails: true,
            budget: Some(0.1 * MS),
            ..Cause::default()
        },
        Cause {
            row: Some(0),
            waived: Some("#412: the session table is being split (until 2026-12-24)".into()),
            ..Cause::default()
        },
        Cause {
            row: Some(5),
            chain: chain(None),
            ..Cause::default()
        },
        Cause {
            row: Some(2),
            chain: chain(Some("shop::html::render")),
            ..Cause::default()
        },
    ];
    let flame = node(
        "all",
        10.0,
        10.41,
        vec![node(
            "shop::main",
            9.9,
            10.3,
            vec![node(
                "shop::handle",
                8.0,
                8.3,
                vec![
                    node(
                        "shop::json::parse",
                        1.2,
                        1.35,
                        vec![
                            node("shop::json::check_utf8", 0.0, 0.12, vec![]),
                            node("shop::json::number", 0.1, 0.3, vec![]),
                        ],
                    ),
                    node(
                        "shop::html::render",
                        0.9,
                        0.72,
                        vec![node("shop::html::escape_slowly", 0.2, 0.0, vec![])],
                    ),
                    node(&rows[6].name, 0.2, 0.21, vec![]),
                ],
            )],
        )],
    );
    Report {
        comparison: Comparison {
            outcome: Outcome::Regression,
            verdict: Verdict::Regressed,
            blind: false,
            judged: true,
            gated: true,
            more_runs: None,
            unit: Unit::PerUnit("requests".into()),
            base: side("base", 150_234, 10.0 * MS),
            new: side("new", 156_390, 10.41 * MS),
            margin: 0.05,
            total: effect(10.0 * MS, 10.41 * MS, 0.011, Verdict::Inconclusive),
            permutation_p: Some(0.0079),
            rows,
            causes,
            untested: 412,
            same_names: SameNames::default(),
            doubts: Vec::new(),
            notices: vec![Notice {
                text: "the kernels differ: 6.18.3 and 6.18.5".into(),
            }],
            flame,
        },
        run_ns: 20_000_000_000,
        trend: (0..6)
            .map(|at| Point {
                label: format!("c0ffee{at}"),
                cost: (9.8 + 0.1 * f64::from(at)) * MS,
            })
            .collect(),
        notices: vec!["the waiver for shop::old ended on 2026-10-01 (#377: rewrite)".into()],
    }
}

/// One executable on both sides, and a budget that may be kept or broken.
pub fn doubtful() -> Report {
    let mut report = regressed();
    let comparison = &mut report.comparison;
    comparison.outcome = Outcome::Pass;
    comparison.verdict = Verdict::Inconclusive;
    comparison.blind = true;
    comparison.total = effect(10.0 * MS, 10.04 * MS, 0.011, Verdict::Equivalent);
    comparison.rows = vec![parse(effect(
        1.3 * MS,
        1.31 * MS,
        0.02,
        Verdict::Equivalent,
    ))];
    comparison.causes = vec![Cause {
        row: Some(0),
        budget: Some(1.3 * MS),
        cost: Some(Interval {
            low: 1.28 * MS,
            high: 1.34 * MS,
        }),
        ..Cause::default()
    }];
    comparison.doubts = vec![Notice {
        text: "Both sides ran the same executable (build ID aee5e1abcc29): what differs is how it was started, or noise.".into(),
    }];
    comparison.notices.clear();
    report.notices.clear();
    report.trend.clear();
    report
}

/// The mirror image of a regression: the total and one function are cheaper.
pub fn improved() -> Report {
    let mut report = regressed();
    let comparison = &mut report.comparison;
    comparison.outcome = Outcome::Pass;
    comparison.verdict = Verdict::Improved;
    comparison.total = effect(10.41 * MS, 9.2 * MS, 0.011, Verdict::Improved);
    comparison.rows = vec![parse(effect(1.35 * MS, 1.0 * MS, 0.02, Verdict::Improved))];
    comparison.causes = vec![Cause {
        row: Some(0),
        chain: vec!["shop::main".into()],
        ..Cause::default()
    }];
    comparison.notices.clear();
    report.notices.clear();
    report.trend.clear();
    report
}

/// Nothing changed.
pub fn equivalent() -> Report {
    let mut report = improved();
    let comparison = &mut report.comparison;
    comparison.verdict = Verdict::Equivalent;
    comparison.total = effect(10.0 * MS, 10.04 * MS, 0.012, Verdict::Equivalent);
    comparison.rows[0].total = effect(1.2 * MS, 1.21 * MS, 0.03, Verdict::Equivalent);
    comparison.causes.clear();
    report
}

/// Too little to say.
pub fn inconclusive(outcome: Outcome) -> Report {
    let mut report = equivalent();
    let comparison = &mut report.comparison;
    comparison.outcome = outcome;
    comparison.verdict = Verdict::Inconclusive;
    comparison.blind = true;
    comparison.more_runs = Some(7);
    comparison.total = effect(10.0 * MS, 10.6 * MS, 0.09, Verdict::Inconclusive);
    comparison.rows[0].total = effect(1.2 * MS, 1.4 * MS, 0.2, Verdict::Inconclusive);
    report
}

/// Nobody counted work, and there is one run a side.
pub fn without_work() -> Report {
    let mut report = inconclusive(Outcome::Pass);
    let comparison = &mut report.comparison;
    comparison.unit = Unit::MedianOfRatios;
    comparison.judged = false;
    for side in [&mut comparison.base, &mut comparison.new] {
        side.runs.truncate(1);
        side.costs.truncate(1);
        side.units = 0;
    }
    comparison.permutation_p = None;
    report
}

/// The total alone is dearer.
pub fn total_only() -> Report {
    let mut report = equivalent();
    let comparison = &mut report.comparison;
    comparison.outcome = Outcome::Regression;
    comparison.verdict = Verdict::Regressed;
    comparison.margin = 0.02;
    comparison.total = effect(10.0 * MS, 10.41 * MS, 0.0115, Verdict::Regressed);
    comparison.causes = vec![Cause {
        fails: true,
        ..Cause::default()
    }];
    report
}

/// Names that would break out of every format.
pub fn hostile() -> Report {
    let mut report = regressed();
    report.notices.push(HOSTILE.into());
    let comparison = &mut report.comparison;
    for row in &mut comparison.rows {
        row.name = HOSTILE.into();
        row.file = format!("src/{HOSTILE}");
    }
    for cause in &mut comparison.causes {
        cause.chain = vec![HOSTILE.into(); 3];
        cause.under = HOSTILE.into();
    }
    comparison.causes[2].waived = Some(HOSTILE.into());
    comparison.base.runs[0] = HOSTILE.into();
    comparison.unit = Unit::PerUnit(HOSTILE.into());
    comparison.flame.children[0].name = HOSTILE.into();
    report
}
