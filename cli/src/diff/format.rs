//! The formats, by name.

use super::place::Places;
use super::report::Report;
use super::text::Shown;
use super::{data, folded, github, html, junit, markdown, sarif, svg, text};
use crate::envelope;
use crate::text::terminal;
use clap::ValueEnum;

/// How a comparison is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal or a log
    #[default]
    Text,
    /// For a job summary or a comment
    Markdown,
    /// Everything, in hotpoll's versioned envelope
    Json,
    /// For a pipeline's list of tests
    Junit,
    /// For code scanning: SARIF 2.1.0, at the definitions' lines
    Sarif,
    /// Annotations of GitHub Actions (`::error file=…`)
    Github,
    /// A flame graph of both builds in one file, for any browser, without network
    Html,
    /// Differential folded stacks: base, then new, in billionths of the base's cost
    Folded,
    /// The flame graph of both builds as a picture
    Svg,
}

/// The comparison in a format. Text has styles; whoever prints takes them off where they do not belong.
pub fn encode(report: &Report, format: Format, shown: Shown) -> String {
    match format {
        Format::Text => text::render(report, shown, terminal::columns()),
        Format::Markdown => markdown::render(report, shown.top),
        Format::Json => envelope::line("diff", 1, &data::data(report)),
        Format::Junit => junit::render(report),
        Format::Sarif => sarif::render(report, &Places::here()),
        Format::Github => github::render(report, &Places::here()),
        Format::Html => html::render(report),
        Format::Folded => folded::render(report),
        Format::Svg => svg::render(report),
    }
}
