//! What every format says of comparisons with a known answer; read in `golden/`.

use super::fixture::{self, HOSTILE};
use super::format::{Format, encode};
use super::place::Places;
use super::report::Report;
use super::text::Shown;
use super::{github, junit, markdown, sarif, text};
use crate::golden;
use crate::text::style::plain;
use crate::text::width::width;
use clap::ValueEnum;
use hotpoll_compare::{Comparison, Notice, Outcome, Verdict};
use serde_json::Value;
use std::path::Path;

const SHOWN: Shown = Shown {
    top: 20,
    all: false,
};

fn nowhere() -> Places {
    Places::new(Path::new("/nonexistent"))
}

#[track_caller]
fn check_text(name: &str, report: &Report) {
    let text = plain(&text::render(report, SHOWN, 80));
    for line in text.lines() {
        assert!(width(line) <= 80, "{line}");
    }
    golden::check_in("diff", &format!("{name}.txt"), &text);
}

#[test]
fn text_says_the_verdict_first() {
    check_text("regressed", &fixture::regressed());
    check_text("improved", &fixture::improved());
    check_text("equivalent", &fixture::equivalent());
    check_text("inconclusive", &fixture::inconclusive(Outcome::Pass));
    check_text(
        "under-powered",
        &fixture::inconclusive(Outcome::UnderPowered),
    );
    check_text("without-work", &fixture::without_work());
    check_text("total-only", &fixture::total_only());
    check_text("doubtful", &fixture::doubtful());
    check_text("hostile", &fixture::hostile());
}

/// The first line of each verdict: what a person reads if she reads nothing else.
#[test]
fn first_lines() {
    let first = |report: &Report| {
        let text = plain(&text::render(report, SHOWN, 200));
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        first(&fixture::total_only()),
        "REGRESSED: new build is 4.1 % dearer per request, 95 % interval 2.9 to 5.3"
    );
    assert_eq!(
        first(&fixture::equivalent()),
        "EQUIVALENT: new build is 0.4 % dearer per request, 95 % interval 0.8 % cheaper to 1.6 % dearer, within the margin of 5 %"
    );
    assert!(
        first(&fixture::improved())
            .starts_with("IMPROVED: json::parse is 25.9 % cheaper per request")
    );
    assert!(
        first(&fixture::inconclusive(Outcome::Pass))
            .starts_with("INCONCLUSIVE: new build is 6.0 % dearer")
    );
}

/// Why something inconclusive passes is true of this comparison, and not of most.
#[test]
fn why_it_passes() {
    let said = |change: fn(&mut Comparison)| {
        let mut report = fixture::inconclusive(Outcome::Pass);
        change(&mut report.comparison);
        plain(&text::render(&report, SHOWN, 500))
    };
    let usual = said(|_| {});
    assert!(usual.contains("(--on-inconclusive fail)"), "{usual}");
    // --fail-on none
    let nothing = said(|comparison| (comparison.gated, comparison.blind) = (false, false));
    assert!(nothing.contains("Nothing was asked to fail"), "{nothing}");
    assert!(!nothing.contains("--on-inconclusive"), "{nothing}");
    // --fail-on function, and the whole may be a sixth dearer
    let others = said(|comparison| comparison.blind = false);
    assert!(
        others.contains("the new build as a whole is not among what --fail-on names"),
        "{others}"
    );
    assert!(!others.contains("whether it is cheaper"), "{others}");
    let cheaper = said(|comparison| {
        comparison.blind = false;
        comparison.total.interval.high = 1.01;
    });
    assert!(cheaper.contains("whether it is cheaper"), "{cheaper}");
    // Two runs a side that happen to agree.
    let few = said(|comparison| {
        comparison.judged = false;
        comparison.total.interval.high = 1.01;
    });
    assert!(!few.contains("so not dearer"), "{few}");
    assert!(!few.contains("would have been found"), "{few}");
}

/// What nobody could judge did not pass.
#[test]
fn budgets_that_cannot_be_told_are_skipped_tests() {
    let report = fixture::doubtful();
    assert_eq!(report.comparison.rows[0].total.verdict, Verdict::Equivalent);
    let xml = junit::render(&report);
    assert!(xml.contains("keeps its budget of 1.30 ms"), "{xml}");
    assert_eq!(xml.matches("skipped=\"1\"").count(), 1, "{xml}");
}

#[test]
fn all_rows_and_few_causes() {
    let all = Shown { top: 2, all: true };
    let text = plain(&text::render(&fixture::regressed(), all, 80));
    for line in text.lines() {
        assert!(width(line) <= 80, "{line}");
    }
    golden::check_in("diff", "regressed.all.txt", &text);
}

#[test]
fn other_formats() {
    let report = fixture::regressed();
    let check = |name: &str, text: &str| golden::check_in("diff", name, text);
    check("regressed.md", &markdown::render(&report, 3));
    check("regressed.junit.xml", &junit::render(&report));
    check("regressed.sarif", &sarif::render(&report, &nowhere()));
    check("regressed.github.txt", &github::render(&report, &nowhere()));
    check("regressed.folded", &encode(&report, Format::Folded, SHOWN));
    check("regressed.svg", &encode(&report, Format::Svg, SHOWN));
    let json: Value = serde_json::from_str(&encode(&report, Format::Json, SHOWN)).unwrap();
    assert_eq!(
        (&json["kind"], &json["schema"]),
        (&"diff".into(), &1.into())
    );
    check(
        "regressed.json",
        &serde_json::to_string_pretty(&json["data"]).unwrap(),
    );
}

#[test]
fn every_format_takes_every_report() {
    for report in [
        Report::default(),
        fixture::regressed(),
        fixture::improved(),
        fixture::inconclusive(Outcome::UnderPowered),
        fixture::without_work(),
        fixture::hostile(),
    ] {
        for format in Format::value_variants() {
            encode(&report, *format, SHOWN);
        }
    }
}

/// Both columns sum to what the sides cost, in billionths of the base.
#[test]
fn folded_sums() {
    let report = fixture::regressed();
    let folded = encode(&report, Format::Folded, SHOWN);
    let sums = folded.lines().fold((0u64, 0u64), |sums, line| {
        let mut columns = line.rsplitn(3, ' ');
        let mut next = || columns.next().unwrap().parse::<u64>().unwrap();
        let (new, base) = (next(), next());
        (sums.0 + base, sums.1 + new)
    });
    let flame = &report.comparison.flame.children[0];
    let whole = report.comparison.flame.base;
    assert_eq!(sums.0, (flame.base / whole * 1e9).round() as u64);
    assert_eq!(sums.1, (flame.new / whole * 1e9).round() as u64);
}

/// Another program's rules for what is well-formed: each tag closed in its turn, nothing that XML cannot hold.
#[test]
fn xml_is_well_formed() {
    for report in [fixture::regressed(), fixture::hostile(), Report::default()] {
        well_formed(&junit::render(&report));
        well_formed(&encode(&report, Format::Svg, SHOWN));
    }
    well_formed(&junit::refused(HOSTILE));
}

#[track_caller]
fn well_formed(xml: &str) {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut depth = 0;
    let mut elements = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) => {
                start.attributes().for_each(|attribute| {
                    attribute
                        .unwrap()
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .unwrap();
                });
                depth += 1;
                elements += 1;
            }
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Empty(empty) => {
                empty.attributes().for_each(|attribute| {
                    attribute.unwrap();
                });
            }
            quick_xml::events::Event::Text(text) => {
                text.xml10_content().unwrap();
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert!(depth == 0 && elements > 1);
    assert!(!xml.contains("<img"));
}

/// What SARIF's schema and GitHub's upload require: without a place for each result all of them are refused (github/codeql-action#2459).
#[test]
fn sarif_has_what_is_required() {
    let here = Places::new(Path::new(env!("CARGO_MANIFEST_DIR")));
    for (report, places) in [
        (fixture::regressed(), &here),
        (fixture::regressed(), &nowhere()),
        (fixture::total_only(), &here),
        (fixture::hostile(), &here),
    ] {
        let log: Value = serde_json::from_str(&sarif::render(&report, places)).unwrap();
        assert_eq!(log["version"], "2.1.0");
        assert!(
            log["$schema"]
                .as_str()
                .unwrap()
                .ends_with("sarif-2.1.0.json")
        );
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string());
        let rules = driver["rules"].as_array().unwrap();
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().unwrap().is_empty());
            }
        }
        assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
        let results = run["results"].as_array().unwrap();
        assert!(!results.is_empty());
        for result in results {
            let rule = &rules[result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(result["ruleId"], rule["id"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let prints = result["partialFingerprints"].as_object().unwrap();
            assert!(
                prints.values().all(Value::is_string)
                    && prints.contains_key("primaryLocationLineHash")
            );
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.starts_with('/') && !uri.contains(' '), "{uri}");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        }
    }
}

/// The line and the figures may move; the alert stays the same one.
#[test]
fn fingerprints_are_of_names() {
    let prints = |report: &Report| -> Vec<String> {
        let log: Value = serde_json::from_str(&sarif::render(report, &nowhere())).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().iter();
        results
            .map(|result| result["partialFingerprints"].to_string())
            .collect()
    };
    let mut report = fixture::regressed();
    let before = prints(&report);
    for row in &mut report.comparison.rows {
        row.line += 7;
        row.total.new *= 1.01;
    }
    assert_eq!(prints(&report), before);
    let distinct: std::collections::BTreeSet<_> = before.iter().collect();
    assert_eq!(distinct.len(), before.len());
}

/// What a file says of its executable is a stranger's text as well.
#[test]
fn doubts_are_printable() {
    let mut report = fixture::doubtful();
    report.comparison.doubts = vec![Notice {
        text: format!("Both sides ran {HOSTILE}\u{1b}[2J."),
    }];
    let text = text::render(&report, SHOWN, 80);
    assert!(!plain(&text).contains(['\u{1b}', '\u{202e}']), "{text}");
}

/// GitHub takes what it finds at the beginning of a line for a command.
#[test]
fn annotations_are_one_line_each() {
    for line in github::render(&fixture::hostile(), &nowhere()).lines() {
        assert!(
            line.starts_with("::error ")
                || line.starts_with("::warning ")
                || line.starts_with("::notice "),
            "{line}"
        );
    }
}

/// A comment has at most 65,536 characters, however much there is to say, and the verdict is in it.
#[test]
fn markdown_is_short_enough() {
    let mut report = fixture::hostile();
    let comparison = &mut report.comparison;
    for at in 0..5_000 {
        let (row, cause) = (comparison.rows[4].clone(), comparison.causes[0].clone());
        comparison.rows.push(row);
        comparison.causes.push(hotpoll_compare::Cause {
            row: Some(8 + at),
            ..cause
        });
    }
    let text = markdown::render(&report, 20);
    assert!(
        text.chars().count() < 65_536 && text.len() < 70_000,
        "{}",
        text.len()
    );
    assert!(text.contains("REGRESSED") && text.contains("left out here"));
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert!(!text.contains("<img") && text.trim_end().ends_with("</sub>"));
}
