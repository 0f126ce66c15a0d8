//! The flame graph on a screen: the root at the top, boxes as wide as their time.

use super::columns::{parts, with_right};
use super::draw::put;
use super::flame::{Measure, Node, Of};
use super::flame_view::FlameView;
use super::picture::Picture;
use crate::export::text::printable;
use crate::stack::title;
use crate::text::name;
use crate::text::number::{counted, duration, percent_in_words};
use crate::text::style::{DIM, STRONG, paint, plain};
use crate::text::width::{keep_end, keep_start, pad_right, width};
use hotpoll_symbolizer::view::{Origin, Weight, weight};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// Where a box begins: beside another one of its colour that is all there is to see.
const EDGE: &str = "▏";

/// Draws it: a line that says whose time it is, then the boxes.
pub fn draw(view: &mut FlameView, picture: &Picture, buffer: &mut Buffer, body: Rect) {
    let columns = usize::from(body.width);
    let height = usize::from(body.height).saturating_sub(1);
    let y = usize::from(body.y);
    let whose = whose(&view.of, picture);
    let (zoom, chosen) = view.at(picture);
    let measure = view.measure;
    let top = view.top;
    let flame = view.of(picture);
    let whole = flame.get(0).total;
    put(
        buffer,
        y,
        &subject(&whose, measure, whole, picture, &flame.path(zoom), columns),
    );
    if whole == Weight::default() {
        let nothing = match measure {
            Measure::Cpu => "no CPU time in this window; w shows where it waited",
            Measure::Waiting => "nothing waited that a look has seen; w shows CPU time",
        };
        put(buffer, y + 2, &paint(DIM, format!("  {nothing}")));
        return;
    }
    let places = flame.places(zoom, columns);
    let at = places.iter().find(|place| place.node == chosen);
    let depth = at.map_or(0, |place| place.depth);
    // The chosen box and, where there is one, the row below it.
    let deepest = places.last().map_or(0, |place| place.depth);
    let lowest = (depth + 1).min(deepest);
    let top = top.min(depth).max((lowest + 1).saturating_sub(height));
    for place in &places {
        if place.depth < top || place.depth >= top + height {
            continue;
        }
        let node = flame.get(place.node);
        let called = label(node, place.width.saturating_sub(1));
        let text = pad_right(&format!("{EDGE}{called}"), place.width);
        let style = match place.node == chosen {
            true => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            false => color(node),
        };
        let y = y + 1 + place.depth - top;
        buffer.set_stringn(place.x as u16, y as u16, text, place.width, style);
    }
    view.top = top;
}

/// What a box is called: the whole name, or its last words, or the beginning of the last one.
fn label(node: &Node, columns: usize) -> String {
    if node.origin.is_none() {
        return keep_start(&node.name, columns);
    }
    let whole = title(&node.name);
    if width(whole) <= columns {
        return whole.to_owned();
    }
    let short = name::short(whole);
    if width(&short) <= columns {
        return short;
    }
    let last = short.rsplit("::").next().unwrap_or_default();
    match columns {
        0..3 => String::new(),
        _ => keep_start(last, columns),
    }
}

/// Sixteen colours, as any terminal has them.
fn color(node: &Node) -> Style {
    let (bg, fg) = match node.origin {
        Some(Origin::Own) => (Color::Yellow, Color::Black),
        Some(Origin::Dependency) => (Color::Cyan, Color::Black),
        Some(Origin::Std) => (Color::Blue, Color::White),
        Some(Origin::Runtime) => (Color::DarkGray, Color::White),
        Some(Origin::System | Origin::Unknown) => (Color::Magenta, Color::White),
        None => (Color::Gray, Color::Black),
    };
    Style::new().bg(bg).fg(fg)
}

fn whose(of: &Of, picture: &Picture) -> String {
    match of {
        Of::All => String::new(),
        Of::Thread(tid) => {
            let thread = picture
                .threads
                .threads
                .iter()
                .find(|thread| thread.tid == *tid);
            let name = thread.map_or_else(String::new, |thread| printable(&thread.name) + " ");
            format!("thread {name}{tid}")
        }
        Of::Kind(kind) => {
            let title = picture.titles.get(kind).map_or("?", String::as_str);
            format!("tasks {}", printable(title))
        }
        Of::Task(task) => format!("task {}", crate::tasks::text::id(*task)),
        Of::Holders(lock) => {
            let row = picture.resource_rows.iter().find(|row| row.id == *lock);
            format!("holders of {}", row.map_or("?", |row| row.title.as_str()))
        }
    }
}

fn subject(
    whose: &str,
    measure: Measure,
    whole: Weight,
    picture: &Picture,
    zoom: &[String],
    columns: usize,
) -> String {
    let (what, samples) = match measure {
        Measure::Cpu => ("CPU time", "sample"),
        Measure::Waiting => ("Time blocked", "look"),
    };
    let what = match whose {
        "" => what.to_owned(),
        whose => format!("{what} of {whose}"),
    };
    let window = duration(picture.now.profile().duration_ns);
    let mut left = parts(
        &[
            paint(STRONG, what),
            format!(
                "{} in the last {window}, {}",
                duration(whole.cpu_ns),
                counted(whole.count, samples)
            ),
        ],
        columns,
    );
    let room = columns.saturating_sub(width(&plain(&left)) + 3);
    if let (Some(last), true) = (zoom.last(), room > 10) {
        let inside = keep_end(&format!("in {}", name::short(title(last))), room);
        left = with_right(&left, &paint(DIM, inside), columns);
    } else if whose.is_empty() {
        left = with_right(&left, "", columns);
    } else {
        left = with_right(&left, &paint(DIM, "Esc all"), columns);
    }
    left
}

/// What is chosen, in a line.
pub fn status(view: &mut FlameView, picture: &Picture, columns: usize) -> String {
    let (_, chosen) = view.at(picture);
    let flame = view.of(picture);
    let (node, whole) = (flame.get(chosen), flame.get(0).total.cpu_ns);
    let share = |weight: Weight| percent_in_words(weight::share(weight.cpu_ns, whole));
    let figures = format!(
        "{} {}, self {}",
        share(node.total),
        duration(node.total.cpu_ns),
        share(node.own)
    );
    let room = columns.saturating_sub(width(&figures) + 2);
    let called = name::fit(&node.name, room);
    with_right(&paint(STRONG, called), &figures, columns)
}
