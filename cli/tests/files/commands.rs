//! What every command has, and those that need no profile.

use super::{Folder, hotpoll, name, profile, run, text};
use hotpoll_profile::pprof;

#[test]
fn list_of_nobody_or_somebody() {
    let output = run(&["list", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "list");
    assert!(json["data"]["processes"].is_array());
}

#[test]
fn completions_and_man_pages_know_every_command() {
    let script = run(&["completions", "bash"]);
    let page = run(&["man"]);
    for command in [
        "list",
        "report",
        "record",
        "export",
        "symbolize",
        "doctor",
        "demo",
    ] {
        assert!(text(&script.stdout).contains(command), "{command}");
        assert!(text(&page.stdout).contains(command), "{command}");
    }
    let folder = Folder::new("man");
    let pages = folder.0.join("man1");
    assert_eq!(run(&["man", name(&pages)]).status.code(), Some(0));
    let report = std::fs::read_to_string(pages.join("hotpoll-report.1")).unwrap();
    assert!(report.contains("focus"));
}

#[test]
fn doctor_of_this_machine_and_of_a_file() {
    let folder = Folder::new("doctor");
    let output = run(&["doctor"]);
    assert!(matches!(output.status.code(), Some(0 | 1)));
    assert!(text(&output.stdout).contains("kernel"));
    let path = folder.file("p.pb.gz", &pprof::encode_gzip(&profile(3)));
    let output = run(&["doctor", name(&path), "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kind"], "doctor");
    let findings = json["data"]["findings"].as_array().unwrap();
    let is_any = findings
        .iter()
        .any(|finding| finding["verdict"] == "change");
    assert_eq!(output.status.code(), Some(i32::from(is_any)));
}

#[test]
fn every_command_has_examples_and_the_exit_codes() {
    let help = run(&["--help"]);
    let commands: Vec<String> = text(&help.stdout)
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Deeper lines go on with the one above.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|command| command != "help")
        .collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in &commands {
        let help = run(&[command, "--help"]);
        let wide = hotpoll(&[command, "--help"])
            .env("COLUMNS", "200")
            .output()
            .unwrap();
        let examples = text(&wide.stdout)
            .lines()
            .skip_while(|line| *line != "Examples:");
        for line in examples {
            assert!(line.len() <= 80, "{command}: {line}");
        }
        // A comment is no string: what is escaped in one stands in the help as it is.
        assert!(!text(&help.stdout).contains("\\\""), "{command} --help");
        for part in ["Examples:", "Exit codes:"] {
            assert!(
                text(&help.stdout).contains(part),
                "{command} --help has no {part}"
            );
        }
    }
}
