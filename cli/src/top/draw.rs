//! The model on a screen: lines at the top and at the bottom, the page between them.

use super::columns::{self, SIGN, parts, with_right};
use super::flame::Measure;
use super::help;
use super::model::{Link, Model};
use super::page::{Page, Tab, What};
use super::picture::Picture;
use super::{flame_draw, header, painted, text_page};
use crate::export::text::printable;
use crate::text::number::{compact, count, duration, time_of_day};
use crate::text::style::{DIM, ERROR, STRONG, WARNING, paint, plain};
use crate::text::width::{keep_end, keep_start, pad_right, width, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// Lines around the rows of a table: four at the top, the headings, two at the bottom.
pub const AROUND: usize = 7;
/// Fewer rows than this, and the line about sampling gives its place to one.
const FEW_ROWS: usize = 6;
/// Smaller screens show a sentence only.
const SMALLEST: (usize, usize) = (30, 7);

/// Draws the model. Without colours what stands out is bold or reversed.
pub fn draw(model: &mut Model, buffer: &mut Buffer, colored: bool) {
    let area = buffer.area;
    let (columns, lines) = (usize::from(area.width), usize::from(area.height));
    model.size = (columns, lines);
    if (columns, lines) < SMALLEST || lines < SMALLEST.1 {
        for (y, line) in (0..lines).zip(wrap(
            "hotpoll top needs a larger terminal; q quits",
            columns,
        )) {
            put(buffer, y, &line);
        }
        return;
    }
    match model.picture.clone() {
        None => before_the_first(model, buffer),
        Some(picture) => {
            // Before the line that says how many rows a filter leaves.
            if let Some(Page::List { what, list }) = model.page_mut() {
                list.arrange(&*what.rows(&picture), picture.number);
            }
            let used = top(model, &picture, buffer);
            let body = Rect::new(0, used as u16, area.width, (lines - used - 2) as u16);
            page(model, &picture, buffer, body);
            put(buffer, lines - 2, &status(model, &picture, columns));
        }
    }
    put(buffer, lines - 1, &keys(model, columns));
    if let Some(top) = model.help {
        model.help = Some(help::draw(buffer, top));
        put(
            buffer,
            lines - 1,
            &paint(DIM, "↑↓ scroll   any other key closes this   q quit"),
        );
    }
    if !colored {
        for cell in &mut buffer.content {
            (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
        }
    }
}

/// A line with its styles, cut where the screen ends.
pub fn put(buffer: &mut Buffer, y: usize, line: &str) {
    let width = buffer.area.width;
    if y < usize::from(buffer.area.height) {
        buffer.set_line(0, y as u16, &painted::line(line), width);
    }
}

fn before_the_first(model: &Model, buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width);
    let target = printable(&model.target);
    let sentence = match &model.link {
        Link::Live => format!(
            "Asking {target}. The first answer takes a moment where its symbols are read for the first time."
        ),
        Link::Silent(sentence) | Link::Over(sentence) | Link::File(sentence) => sentence.clone(),
    };
    for (y, line) in (1..).zip(wrap(&sentence, columns.saturating_sub(2))) {
        put(buffer, y, &format!(" {line}"));
    }
}

/// The lines above the page; how many they are.
fn top(model: &Model, picture: &Picture, buffer: &mut Buffer) -> usize {
    let (columns, lines) = (
        usize::from(buffer.area.width),
        usize::from(buffer.area.height),
    );
    let mut top = vec![header::process(
        picture,
        matches!(model.link, Link::File(_)),
        columns,
    )];
    if lines >= AROUND + FEW_ROWS {
        top.push(header::sampling(picture, columns));
    }
    top.push(match link(model, picture) {
        Some(sentence) => paint(ERROR, keep_start(&printable(&sentence), columns)),
        None => header::problems(picture, columns),
    });
    for (y, line) in top.iter().enumerate() {
        put(buffer, y, line);
    }
    tabs(model, picture, buffer, top.len());
    top.len() + 1
}

/// Why the picture is not of now.
fn link(model: &Model, picture: &Picture) -> Option<String> {
    let age_ns = model.now_ns.saturating_sub(picture.taken_unix_ns());
    match &model.link {
        Link::Silent(sentence) | Link::Over(sentence) => Some(sentence.clone()),
        Link::Live if age_ns > model.patience_ns && model.paused_since.is_none() => Some(format!(
            "no answer for {}: this is the last picture",
            duration(age_ns / 1_000_000_000 * 1_000_000_000)
        )),
        Link::Live | Link::File(_) => None,
    }
}

fn tabs(model: &Model, picture: &Picture, buffer: &mut Buffer, y: usize) {
    let columns = buffer.area.width;
    let label = |number: usize, tab: Tab, counts: bool| match tab.count(picture).filter(|_| counts)
    {
        Some(n) => format!(" {number} {} {} ", tab.title(), count(n)),
        None => format!(" {number} {} ", tab.title()),
    };
    let state = state(model, picture);
    let whole: usize = (Tab::ALL.iter().enumerate())
        .map(|(index, &tab)| width(&label(index + 1, tab, true)))
        .sum();
    let counts = whole + width(&plain(&state)) < usize::from(columns);
    let mut x = 0;
    for (index, &tab) in Tab::ALL.iter().enumerate() {
        let style = match tab == model.tab {
            true => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            false => Style::new(),
        };
        let label = label(index + 1, tab, counts);
        let room = usize::from(columns.saturating_sub(x));
        (x, _) = buffer.set_stringn(x, y as u16, &label, room, style);
    }
    let room = usize::from(columns.saturating_sub(x + 1));
    let state = match width(&plain(&state)) > room {
        true => keep_end(&plain(&state), room),
        false => state,
    };
    let x = columns.saturating_sub(width(&plain(&state)) as u16);
    buffer.set_line(x, y as u16, &painted::line(&state), columns - x);
}

/// What is not as it is at the beginning: the page, the filter, the pause.
fn state(model: &Model, picture: &Picture) -> String {
    let mut parts: Vec<String> = Vec::new();
    let path: Vec<String> = (model.path().iter())
        .map(|page| page.title(picture))
        .filter(|title| !title.is_empty())
        .collect();
    if !path.is_empty() {
        parts.push(path.join(" › "));
    }
    if let Link::File(file) = &model.link {
        parts.push(paint(DIM, printable(file)));
    }
    if let (Some(Page::List { list, .. }), false) = (model.page(), model.filter().is_empty()) {
        parts.push(format!(
            "/{} ({})",
            printable(list.filter()),
            count(list.order().len() as u64)
        ));
    }
    if let Some(since) = model.paused_since {
        parts.push(paint(
            WARNING,
            format!("paused since {}", time_of_day(since)),
        ));
    }
    parts.join(" · ")
}

fn page(model: &mut Model, picture: &Picture, buffer: &mut Buffer, body: Rect) {
    let columns = usize::from(body.width);
    let (y, height) = (usize::from(body.y), usize::from(body.height));
    match model.page_mut() {
        None => flame_draw::draw(&mut model.flame, picture, buffer, body),
        Some(Page::Text { subject, top }) => {
            let lines = text_page::lines(picture, *subject, columns);
            *top = (*top).min(lines.len().saturating_sub(height));
            for (y, line) in (y..y + height).zip(&lines[*top..]) {
                put(buffer, y, line);
            }
            let below = lines.len().saturating_sub(*top + height);
            if below > 0 {
                let more = pad_right(
                    &format!("  … {} more below", count(below as u64 + 1)),
                    columns,
                );
                put(buffer, y + height - 1, &paint(DIM, more));
            }
        }
        Some(Page::List { what, list }) => {
            let what = *what;
            let table = what.rows(picture);
            let columns_of = table.columns();
            let widths = columns::widths(columns_of, columns);
            put(
                buffer,
                y,
                &columns::heading(columns_of, &widths, list.sort()),
            );
            let height = height.saturating_sub(1);
            let first = list.scroll(height);
            for (y, (at, &row)) in
                (y + 1..=y + height).zip(list.order().iter().enumerate().skip(first))
            {
                let cells = (widths.iter().enumerate()).map(|(column, &width)| {
                    if width == 0 {
                        String::new()
                    } else {
                        table.cell(row, column, width)
                    }
                });
                let cells = columns::joined(columns_of, &widths, cells);
                let sign = if table.is_odd(row) {
                    paint(WARNING, SIGN)
                } else {
                    "  ".to_owned()
                };
                let line = format!("{sign}{cells}");
                if at == list.at() {
                    let line = pad_right(&plain(&line), columns);
                    let style = Style::new().add_modifier(Modifier::REVERSED);
                    buffer.set_stringn(0, y as u16, line, columns, style);
                } else {
                    put(buffer, y, &line);
                }
            }
            if list.order().is_empty() {
                let nothing = match list.filter() {
                    "" => what.nothing(),
                    _ => "nothing matches; Esc clears the filter",
                };
                put(buffer, y + 2, &paint(DIM, format!("  {nothing}")));
            }
        }
    }
}

/// The line above the keys: what is selected, or what is being typed.
fn status(model: &mut Model, picture: &Picture, columns: usize) -> String {
    if model.is_typing {
        let typed = printable(model.filter());
        let typed = keep_end(&typed, columns.saturating_sub(3));
        return format!(
            "{}{}",
            paint(STRONG, format!("/{typed}")),
            paint(STRONG, "▏")
        );
    }
    match model.page() {
        None => flame_draw::status(&mut model.flame, picture, columns),
        Some(Page::Text { .. }) => String::new(),
        Some(Page::List { what, list }) => {
            let Some(&row) = list.order().get(list.at()) else {
                return String::new();
            };
            let at = format!(
                "{}/{}",
                count(list.at() as u64 + 1),
                count(list.order().len() as u64)
            );
            let room = columns.saturating_sub(width(&at) + 2);
            let about = what.rows(picture).about(row, room);
            let about = match (what, picture.kinds_ns) {
                (What::Kinds, ns) => {
                    let since = paint(DIM, format!("rates of {}", compact(ns)));
                    parts(&[about, since], room)
                }
                _ => about,
            };
            with_right(&about, &paint(DIM, at), columns)
        }
    }
}

fn typing_keys() -> String {
    let keys = [("Enter", "keep"), ("Esc", "clear"), ("Ctrl-C", "quit")];
    let keys = keys.map(|(key, what)| format!("{} {}", paint(STRONG, key), paint(DIM, what)));
    keys.join("  ")
}

/// The keys, as many as have room; those without which nobody gets on always.
fn keys(model: &Model, columns: usize) -> String {
    let pause = if model.paused_since.is_some() {
        "go on"
    } else {
        "pause"
    };
    let frames = match model.flame.is_folded {
        true => "all frames",
        false => "own code",
    };
    let measure = match model.flame.measure {
        Measure::Cpu => "waiting",
        Measure::Waiting => "CPU",
    };
    let page: &[(&str, &str)] = match model.page() {
        _ if model.picture.is_none() => &[],
        _ if model.is_typing => return typing_keys(),
        None => &[
            ("↑↓←→", ""),
            ("Enter", "zoom"),
            ("Esc", "out"),
            ("w", measure),
            ("o", frames),
        ],
        Some(Page::Text { .. }) => &[("Esc", "back"), ("↑↓", "scroll"), ("f", "flame")],
        Some(Page::List {
            what: What::Threads | What::Locks | What::Problems,
            ..
        }) => &[
            ("Enter", "open"),
            ("/", "filter"),
            ("s", "sort"),
            ("r", "reverse"),
            ("f", "flame"),
        ],
        Some(Page::List { .. }) => &[
            ("Enter", "open"),
            ("/", "filter"),
            ("s", "sort"),
            ("r", "reverse"),
            ("p", "places"),
            ("f", "flame"),
        ],
    };
    let one = |(key, what): &(&str, &str)| match *what {
        "" => paint(STRONG, key),
        what => format!("{} {}", paint(STRONG, key), paint(DIM, what)),
    };
    let always = [("space", pause), ("?", "help"), ("q", "quit")].map(|key| one(&key));
    let always = always.join("  ");
    let mut room = columns.saturating_sub(width(&plain(&always)));
    let mut line = String::new();
    for key in page.iter().map(one) {
        let wide = width(&plain(&key)) + 2;
        if wide > room {
            break;
        }
        room -= wide;
        line += &format!("{key}  ");
    }
    line + &always
}
