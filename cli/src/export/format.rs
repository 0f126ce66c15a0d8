//! The formats, by name.

use super::{Options, Root, firefox, folded, html, json, speedscope, svg};
use clap::ValueEnum;
use hotpoll_profile::{Profile, pprof};
use hotpoll_symbolizer::view::wall;
use std::borrow::Cow;
use std::fmt;

/// A format to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// gzipped pprof, which `go tool pprof` and others open; nothing that the profile holds is lost.
    Pprof,
    /// Folded stacks, one a line: for flame graph scripts and grep.
    Folded,
    /// A flame graph as a picture.
    Svg,
    /// An interactive flame graph in one file, for any browser, without network.
    Html,
    /// For speedscope (www.speedscope.app).
    Speedscope,
    /// For the Firefox Profiler (profiler.firefox.com).
    Firefox,
    /// Everything in the profile, in hotpoll's versioned envelope.
    Json,
}

/// Why a profile could not be written in a format.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The profile has neither samples nor CPU time.
    Empty,
    /// The SVG could not be drawn.
    Drawing(String),
    /// The JSON could not be written.
    Json(serde_json::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the profile has no samples and no CPU time"),
            Self::Drawing(error) => write!(f, "the flame graph could not be drawn: {error}"),
            Self::Json(error) => write!(f, "the JSON could not be written: {error}"),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// The profile in a format, as bytes.
pub fn encode(
    profile: &Profile,
    format: Format,
    options: &Options,
) -> Result<Vec<u8>, ExportError> {
    let profile = &seen(profile, format, options);
    let text = match format {
        Format::Pprof => return Ok(pprof::encode_gzip(profile)),
        Format::Folded => folded::folded(profile, options),
        Format::Svg => svg::svg(profile, options)?,
        Format::Html => html::html(profile, options)?,
        Format::Speedscope => speedscope::speedscope(profile)?,
        Format::Firefox => firefox::firefox(profile)?,
        Format::Json => json::json(profile),
    };
    Ok(text.into_bytes())
}

/// What of the profile is written, and on which roots.
fn seen<'p>(profile: &'p Profile, format: Format, options: &Options) -> Cow<'p, Profile> {
    let profile = match format {
        // They have a place for each of the two times.
        Format::Pprof | Format::Json => Cow::Borrowed(profile),
        _ if options.wall => Cow::Owned(wall::with_waiting(profile)),
        _ => wall::cpu_only(profile),
    };
    match options.by {
        Some(Root::Task) if format != Format::Json => Cow::Owned(wall::by_kind(&profile)),
        _ => profile,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn every_format_writes_the_service() {
        let profile = fixture::service();
        for format in Format::value_variants() {
            let encoded = encode(&profile, *format, &Options::default());
            assert!(!encoded.unwrap().is_empty(), "{format:?}");
        }
    }

    #[test]
    fn pprof_comes_back() {
        let profile = fixture::service();
        let encoded = encode(&profile, Format::Pprof, &Options::default()).unwrap();
        assert_eq!(pprof::decode(&encoded).unwrap(), profile);
    }
}
