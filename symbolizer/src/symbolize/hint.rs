//! What a person should know about a module's symbols, or do for better ones.

use hotpoll_profile::Module;

use super::{Source, frame::Answers};

/// The hint for a module; `notes` are what the search had to say.
pub(super) fn compose(
    module: &Module,
    source: Source,
    answers: &Answers,
    missing_split_files: &[std::path::PathBuf],
    notes: &[String],
) -> Option<String> {
    let mut hints: Vec<String> = notes.to_vec();
    if let [first, rest @ ..] = missing_split_files {
        let others = match rest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        hints.push(format!(
            "split debug info was not found: {}{others}",
            first.display()
        ));
    }
    if answers
        .values()
        .flatten()
        .any(|frame| !frame.scope.is_empty())
    {
        hints.push(
            "line tables alone keep only the last part of inlined functions' names, the rest is guessed from the source file: \
             `debug = \"limited\"` in the Cargo profile keeps whole names"
                .to_string(),
        );
    }
    hints.extend(advice(module, source).map(str::to_string));
    (!hints.is_empty()).then(|| hints.join("; "))
}

fn advice(module: &Module, source: Source) -> Option<&'static str> {
    let is_system = ["/usr/lib", "/usr/bin", "/usr/sbin", "/lib", "/bin", "/sbin"]
        .iter()
        .any(|folder| module.path.starts_with(folder));
    match source {
        Source::SymbolTable if is_system => Some(
            "functions only: lines and inlined functions need the debug symbols of the package it came from",
        ),
        Source::SymbolTable => Some(
            "functions only: build with `debug = \"line-tables-only\"` in the Cargo profile for lines and inlined functions",
        ),
        Source::Stripped if is_system => {
            Some("it has no symbols: install the debug symbols of the package it came from")
        }
        Source::Stripped => Some(
            "it has no symbols: build with `debug = \"line-tables-only\"` and without `strip` in the Cargo profile",
        ),
        Source::NotFound => Some("its file was not found here: name it with --binary"),
        Source::BuildIdMismatch => Some(
            "names need the binary that ran: restart the process, or name the old binary with --binary",
        ),
        _ => None,
    }
}
