//! The flame graph of both builds as a picture: base left, new build right, the same function in the same place on both sides.

use super::fold::folded;
use super::headline::headline;
use super::layout::{Mark, Slot, lay_out};
use super::report::Report;
use super::words::{costs, per, told};
use crate::export::text::printable;
use crate::text::name::fit;
use crate::text::number::count;
use crate::text::width::{keep_start, wrap};
use std::fmt::Write;

const PANE: f64 = 690.0;
const GAP: f64 = 20.0;
const ROW: f64 = 17.0;
/// One letter of the monospaced font.
const LETTER: f64 = 6.65;
/// Narrower boxes are not drawn.
const NARROWEST: f64 = 0.5;
/// Columns of the title.
const COLUMNS: usize = 200;

/// The comparison as an SVG picture.
pub fn render(report: &Report) -> String {
    let flame = folded(&report.comparison.flame);
    let slots = lay_out(report, &flame);
    let width = PANE * 2.0 + GAP;
    let head = headline(report);
    let title = wrap(
        &printable(&format!("{}: {}", head.word, head.sentence)),
        COLUMNS,
    );
    let top = 52.0 + 16.0 * title.len() as f64;
    let scale = slots.first().map_or(0.0, |root| PANE / root.width);
    let is_drawn = |slot: &&Slot<'_>| slot.width * scale >= NARROWEST;
    let depth = slots
        .iter()
        .filter(is_drawn)
        .map(|slot| slot.depth + 1)
        .max();
    let height = top + ROW * f64::from(depth.unwrap_or(0)) + 34.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', monospace\" font-size=\"11\">\n{HATCH}<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (at, line) in title.iter().enumerate() {
        let y = 20.0 + 16.0 * at as f64;
        text(
            &mut out,
            4.0,
            y,
            line,
            " font-size=\"13\" font-weight=\"bold\"",
        );
    }
    let bold = " font-size=\"12\" font-weight=\"bold\"";
    text(&mut out, 4.0, top - 10.0, "BASE", bold);
    text(&mut out, PANE + GAP, top - 10.0, "NEW BUILD", bold);
    for (side, left) in [(Side::Base, 0.0), (Side::New, PANE + GAP)] {
        for slot in slots.iter().filter(is_drawn) {
            frame(&mut out, report, slot, side, left, top, scale);
        }
    }
    legend(&mut out, height - 12.0);
    out += "</svg>\n";
    out
}

/// A comparison that was refused: a picture of the reason.
pub fn refused(reason: &str) -> String {
    let lines = wrap(&format!("NOT COMPARABLE: {}", printable(reason)), COLUMNS);
    let (width, height) = (PANE * 2.0 + GAP, 16.0 * lines.len() as f64 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, monospace\" font-size=\"11\">\n"
    );
    for (at, line) in lines.iter().enumerate() {
        text(&mut out, 4.0, 20.0 + 16.0 * at as f64, line, "");
    }
    out + "</svg>\n"
}

const HATCH: &str = "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><path d=\"M0 6L6 0\" stroke=\"#777\" stroke-width=\"1\"/></pattern></defs>\n";

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Base,
    New,
}

fn fill(mark: Mark) -> &'static str {
    match mark {
        Mark::Dearer => "#ef7564",
        Mark::Cheaper => "#6aa5e8",
        Mark::New => "#f5a742",
        Mark::Gone => "#a48be0",
        Mark::Same => "#cfcfd4",
        Mark::Unclear => "#dcdce0",
        Mark::Untested => "#ececef",
    }
}

fn frame(
    out: &mut String,
    report: &Report,
    slot: &Slot<'_>,
    side: Side,
    left: f64,
    top: f64,
    scale: f64,
) {
    let node = slot.node;
    let cost = if side == Side::Base {
        node.base
    } else {
        node.new
    };
    let (x, y) = (left + slot.start * scale, top + ROW * f64::from(slot.depth));
    let (slot_width, width) = (slot.width * scale, cost * scale);
    let name = printable(&node.name);
    let _ = write!(
        out,
        "<g><title>{}</title>",
        escape(&said(report, slot, &name))
    );
    // The slot, where this side does not fill it: what is missing here is there to be seen.
    if slot_width - width > 1.0 {
        let _ = write!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" fill=\"none\" stroke=\"#bbb\" stroke-dasharray=\"2 2\"/>",
            (slot_width - 0.6).max(0.4),
            ROW - 1.0
        );
    }
    if width > 0.0 {
        let drawn = (width - 0.6).max(0.4);
        let mut rect = |fill: &str| {
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{drawn:.1}\" height=\"{}\" fill=\"{fill}\"/>",
                ROW - 1.0
            );
        };
        rect(fill(slot.mark));
        if slot.mark == Mark::Unclear {
            rect("url(#hatch)");
        }
    }
    let columns = ((slot_width.max(width) - 6.0) / LETTER) as usize;
    if columns >= 4 && (width > 0.0 || matches!(slot.mark, Mark::New | Mark::Gone)) {
        let shown = match (width > 0.0, side) {
            (true, _) => fit(&node.name, columns),
            (false, Side::Base) => keep_start(&format!("(new) {name}"), columns),
            (false, Side::New) => keep_start(&format!("(gone) {name}"), columns),
        };
        text(out, x + 3.0, y + 12.0, &shown, "");
    }
    *out += "</g>\n";
}

/// What a frame says when it is pointed at.
fn said(report: &Report, slot: &Slot<'_>, name: &str) -> String {
    let (node, unit) = (slot.node, per(&report.comparison.unit));
    let mut said = format!(
        "{name}\nbase → new: {} {}, {} → {} samples",
        costs(node.base, node.new),
        unit,
        count(node.base_samples),
        count(node.new_samples)
    );
    if let Some(row) = slot.row {
        let row = &report.comparison.rows[row];
        said += &format!("\nthe function, wherever it is called: {}", told(row));
    }
    said
}

fn legend(out: &mut String, y: f64) {
    let mut x = 4.0;
    for mark in Mark::ALL {
        let mut rect = |fill: &str| {
            let _ = write!(
                out,
                "<rect x=\"{x}\" y=\"{}\" width=\"11\" height=\"11\" fill=\"{fill}\"/>",
                y - 10.0
            );
        };
        rect(fill(mark));
        if mark == Mark::Unclear {
            rect("url(#hatch)");
        }
        text(out, x + 16.0, y, mark.label(), "");
        x += 34.0 + LETTER * mark.label().len() as f64;
    }
    text(out, x, y, "dashed: less than on the other side", "");
}

fn text(out: &mut String, x: f64, y: f64, text: &str, attributes: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y}\"{attributes}>{}</text>",
        escape(text)
    );
}

fn escape(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
