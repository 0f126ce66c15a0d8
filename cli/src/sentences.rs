//! Advice names options that are there: every `--option` in what this command says, in what the comparison says, and in the READMEs is held against the grammar.
//! "Record both with the same --engine" was said for weeks, and there was no such option.

use crate::command_line::CommandLine;
use clap::{Command, CommandFactory};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Options of cargo, git, browsers and examples, and the custom properties of style sheets.
const OTHERS: &[&str] = &[
    "--build-id",
    "--cap-add",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--dump-dom",
    "--example",
    "--headless",
    "--is-shallow-repository",
    "--load",
    "--max-count",
    "--no-first-run",
    "--no-sandbox",
    "--package",
    "--port",
    "--profile",
    "--quiet",
    "--ref",
    "--release",
    "--short",
    "--skip",
    "--spread",
    "--stdin",
    "--target-dir",
    "--unshallow",
    "--user-data-dir",
    "--virtual-time-budget",
    "--window-size",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Options as they are written in a text: two dashes, then lower-case words.
fn options(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find("--")?;
            let before = rest[..at].chars().next_back();
            let word = &rest[at..];
            let letters = |c: char| c.is_ascii_lowercase() || c == '-';
            let ends = word.find(|c| !letters(c)).unwrap_or(word.len());
            rest = &word[ends.max(2)..];
            let starts_a_word = before.is_none_or(|c| !c.is_alphanumeric() && !"-(/".contains(c));
            let option = word[..ends].trim_end_matches('-');
            if starts_a_word && option.len() > 3 {
                return Some(option);
            }
        }
    })
}

/// A command and its options, help among them.
fn grammar() -> Vec<(String, BTreeSet<String>)> {
    let mut command = CommandLine::command();
    command.build();
    let long = |command: &Command| {
        let names = command
            .get_arguments()
            .filter_map(|argument| argument.get_long());
        names.map(|name| format!("--{name}")).collect()
    };
    let mut all = Vec::new();
    for command in command.get_subcommands() {
        all.push((command.get_name().to_owned(), long(command)));
        // `hotpoll baseline add`.
        for deeper in command.get_subcommands() {
            all.push((command.get_name().to_owned(), long(deeper)));
        }
    }
    all
}

/// What people read of a source file: without its tests.
fn said(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let said = text
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default();
    said.to_owned()
}

#[test]
fn every_option_named_is_there() {
    let grammar = grammar();
    let known: BTreeSet<&str> = (grammar.iter())
        .flat_map(|(_, options)| options)
        .map(String::as_str)
        .collect();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("compare/src"), &mut files);
    let is_test = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name == "tests.rs" || name == "sentences.rs" || path.ends_with("html/browser.rs")
    };
    files.retain(|path| !is_test(path));
    let mut wrong = Vec::new();
    for path in &files {
        // Style sheets and their variables are no sentences.
        let text = said(path);
        let sentences = text.lines().filter(|line| !line.contains("var(--"));
        for line in sentences {
            for option in options(line) {
                let is_property = line.contains(&format!("{option}:"));
                if !known.contains(option) && !OTHERS.contains(&option) && !is_property {
                    wrong.push(format!("{}: {option} in {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(
        files.len() > 100 && wrong.is_empty(),
        "{}",
        wrong.join("\n")
    );
}

/// `hotpoll COMMAND … --option` is one of that command.
#[test]
fn every_option_is_its_commands() {
    let grammar = grammar();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("compare/src"), &mut files);
    files.extend(["../README.md", "../ci/README.md", "JSON.md"].map(|name| root().join(name)));
    files.retain(|path| path.exists() && !path.ends_with("sentences.rs"));
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for path in &files {
        let text = said(path);
        for line in text.lines() {
            for part in line.split("hotpoll ").skip(1) {
                let name = part.split_whitespace().next().unwrap_or_default();
                // What is said of the command ends with its quotation; behind `--` stands another program, or what `bench` gives to `diff`.
                let typed = part.split(['`', '|', '"', '\'']).next().unwrap_or_default();
                let (own, behind) = match name {
                    "record" | "aa" | "bench" => typed.split_once(" -- ").unwrap_or((typed, "")),
                    _ => (typed, ""),
                };
                let behind = if name == "bench" { behind } else { "" };
                for (name, typed) in [(name, own), ("diff", behind)] {
                    let mut of: BTreeSet<&str> = BTreeSet::new();
                    for (command, options) in &grammar {
                        if command == name {
                            of.extend(options.iter().map(String::as_str));
                        }
                    }
                    if of.is_empty() {
                        continue;
                    }
                    for option in options(typed) {
                        seen += 1;
                        if !of.contains(option) {
                            wrong.push(format!("{}: {name} has no {option}", path.display()));
                        }
                    }
                }
            }
        }
    }
    assert!(
        seen > 40 && wrong.is_empty(),
        "{seen}\n{}",
        wrong.join("\n")
    );
}

#[test]
fn options_in_a_text() {
    let found = |text| options(text).collect::<Vec<&str>>();
    assert_eq!(
        found("say `--noise FILE`, or --no-noise; a -- b, c--d, --- and --x"),
        ["--noise", "--no-noise"]
    );
}
