//! A flame graph as one SVG file, drawn by `inferno`.
//!
//! For a page or a ticket that takes pictures; `html` shows more. Its script zooms and searches when a browser opens the file itself.

use super::ExportError;
use super::folded::folded;
use super::options::{Options, Unit};
use super::text::{self, duration};
use hotpoll_profile::Profile;
use inferno::flamegraph::color::{MultiPalette, Palette};
use inferno::flamegraph::{self, from_lines};

/// The profile as an SVG flame graph.
pub fn svg(profile: &Profile, options: &Options) -> Result<String, ExportError> {
    let lines = folded(profile, options);
    if lines.is_empty() {
        return Err(ExportError::Empty);
    }
    let mut drawing = flamegraph::Options::default();
    drawing.title = text::process(&profile.process);
    let samples: u64 = profile.samples.iter().map(|sample| sample.count).sum();
    let window = duration(profile.duration_ns);
    let what = if options.wall { "threads' time" } else { "CPU" };
    drawing.subtitle = Some(match profile.process_cpu_ns {
        // Another tool's file, without clocks.
        0 => format!("{samples} samples in {window}"),
        cpu_ns => format!(
            "{} of {what} in {window}, {samples} samples",
            duration(cpu_ns)
        ),
    });
    drawing.colors = Palette::Multi(MultiPalette::Rust);
    drawing.deterministic = true;
    (drawing.count_name, drawing.factor) = match options.unit {
        Unit::Samples => ("samples".into(), 1.0),
        // inferno shows whole numbers only: microseconds keep the small frames apart.
        Unit::Ns => (format!("us of {what}"), 1e-3),
    };
    let mut drawn = Vec::new();
    from_lines(&mut drawing, lines.lines(), &mut drawn)
        .map_err(|error| ExportError::Drawing(error.to_string()))?;
    String::from_utf8(drawn).map_err(|error| ExportError::Drawing(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::golden;

    /// inferno's own script is no concern of the golden file: what stands after it is what the profile decides.
    fn drawn(svg: &str) -> &str {
        svg.split_once("</script>").expect("a script").1
    }

    #[test]
    fn service() {
        let svg = svg(&fixture::service(), &Options::default()).unwrap();
        golden::check("service.svg.txt", &drawn(&svg).replace("><", ">\n<"));
    }

    #[test]
    fn hostile_names_stay_text() {
        let svg = svg(&fixture::service(), &Options::default()).unwrap();
        let drawn = drawn(&svg);
        assert!(drawn.contains("&lt;img"));
        assert!(!drawn.contains("<img"));
        assert!(!drawn.contains("<script"));
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let error = svg(&Profile::default(), &Options::default()).unwrap_err();
        assert!(matches!(error, ExportError::Empty));
    }
}
