//! The sections of a report about waiting: threads by the wall clock, and task kinds.

use super::data::{Data, KindData, PathData, PlaceData, StateData, WallData, WallThreadData};
use crate::export::text::printable;
use crate::stack;
use crate::text::name;
use crate::text::number::{compact, count, counted, duration, hertz, percent, percent_in_words};
use crate::text::style::{DIM, STRONG, heading, heat, paint};
use crate::text::width::{keep_end, keep_start, pad_left, width, wrap};
use hotpoll_profile::State;

/// Places of each thread in a report that is left to fit a screen.
const PLACES: usize = 2;
/// A place with less than this part of its thread's life gets no line there.
const WORTH_A_LINE: f64 = 0.01;
/// The columns before a thread's name.
const FIGURES: usize = 2 + 7 + 9 + 7 + 7 + 7 + 7 + 8 + 2;
/// The columns before a kind's title.
const KIND_FIGURES: usize = 2 + 8 + 9 + 9 + 10 + 10 + 2;

/// Where threads' time went by the wall clock.
pub fn wall_section(lines: &mut Vec<String>, wall: &WallData, top: Option<usize>, columns: usize) {
    lines.push(String::new());
    let rate = format!(
        "({} looks at each thread asked, {} delivered)",
        hertz(wall.asked_hz),
        hertz(wall.delivered_hz)
    );
    lines.push(heading("Wall clock", &rate, columns));
    for sentence in sentences(wall) {
        for line in wrap(&sentence, columns.saturating_sub(2)) {
            lines.push(format!("  {line}"));
        }
    }
    lines.push(String::new());
    lines.push(heading(
        "Threads",
        "(% of their lives within the window)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!(
            "  {:>7}{:>9}{:>7}{:>7}{:>7}{:>7}{:>8}  thread",
            "on CPU", "runnable", "lock", "I/O", "sleep", "other", "life"
        ),
    ));
    for thread in wall.threads.iter().take(top.unwrap_or(12)) {
        lines.push(thread_line(thread, columns));
        lines.extend(rest_line(thread, columns));
        let worth = |place: &&PlaceData| top.is_some() || place.share >= WORTH_A_LINE;
        let places = thread.places.iter().filter(worth);
        lines.extend(
            places
                .take(top.unwrap_or(PLACES))
                .map(|place| place_line(place, columns)),
        );
    }
    let more = wall.threads.len().saturating_sub(top.unwrap_or(12));
    if more > 0 {
        lines.push(paint(DIM, format!("  and {} more", count(more as u64))));
    }
    if wall.threads.is_empty() {
        lines.push(paint(DIM, "  none was looked at"));
    }
}

/// Whether so much of the threads' lives is more than what clocks that are read one after the other differ by.
fn is_worth_a_word(ns: u64, lived_ns: u64) -> bool {
    const WORTH: f64 = 0.01;
    ns > 0 && ns as f64 >= WORTH * lived_ns as f64
}

fn sentences(wall: &WallData) -> Vec<String> {
    let share = |ns: u64| match wall.lived_ns {
        0 => String::new(),
        lived => format!(" ({})", percent_in_words(ns as f64 / lived as f64)),
    };
    let mut times = vec![
        format!(
            "on a processor {}{}",
            duration(wall.on_cpu_ns),
            share(wall.on_cpu_ns)
        ),
        format!(
            "waiting for one {}{}",
            duration(wall.runnable_ns),
            share(wall.runnable_ns)
        ),
    ];
    for state in &wall.blocked {
        times.push(format!(
            "{} {}{}",
            state.state,
            duration(state.wall_ns),
            share(state.wall_ns)
        ));
    }
    if is_worth_a_word(wall.unlooked_ns, wall.lived_ns) {
        times.push(format!(
            "[unlooked] {}{}",
            duration(wall.unlooked_ns),
            share(wall.unlooked_ns)
        ));
    }
    let mut sentences = vec![format!(
        "{} of threads' lives: {}",
        duration(wall.lived_ns),
        times.join(", ")
    )];
    if is_worth_a_word(wall.overlap_ns, wall.lived_ns) {
        sentences.push(format!(
            "the terms overlap by {}{}: each has a meter of its own, and a look stands for all of the time since the one before",
            duration(wall.overlap_ns),
            share(wall.overlap_ns)
        ));
    }
    let mut looks = format!(
        "{}: {} took a stack, {} kept the one before as the thread had not run",
        counted(wall.looks, "look"),
        count(wall.captured),
        count(wall.kept)
    );
    // That a thread runs when it is looked at is no failure: the CPU samples tell of it.
    let failed = wall.failed.iter().filter(|one| one.reason != "running");
    let failed: Vec<String> = failed
        .map(|one| format!("{} {}", count(one.count), one.reason))
        .collect();
    if !failed.is_empty() {
        looks += &format!("; without a whole stack: {}", failed.join(", "));
    }
    sentences.push(looks);
    sentences
}

fn thread_line(thread: &WallThreadData, columns: usize) -> String {
    let share = |ns: u64| match thread.lived_ns {
        0 => 0.0,
        lived => ns as f64 / lived as f64,
    };
    let in_state = |wanted: &str| {
        let states = thread.blocked.iter().filter(|state| state.state == wanted);
        states.map(|state| state.share).sum::<f64>()
    };
    let named = ["lock", "I/O", "sleep"];
    let is_other = |state: &&StateData| !named.contains(&state.state);
    let other: f64 = thread
        .blocked
        .iter()
        .filter(is_other)
        .map(|state| state.share)
        .sum();
    let mut label = printable(&thread.name);
    if thread.tids.len() > 1 {
        label += &format!(" x{}", thread.tids.len());
    }
    let column = |value: f64, columns: usize| pad_left(&percent(value), columns);
    let on_cpu = share(thread.on_cpu_ns);
    format!(
        "  {}{}{}{}{}{}{}  {}",
        paint(heat(on_cpu), column(on_cpu, 7)),
        column(share(thread.runnable_ns), 9),
        column(in_state(named[0]), 7),
        column(in_state(named[1]), 7),
        column(in_state(named[2]), 7),
        column(other, 7),
        pad_left(&compact(thread.lived_ns), 8),
        paint(STRONG, keep_start(&label, columns.saturating_sub(FIGURES)))
    )
}

/// What a thread's terms leave of its life, or are beyond it.
fn rest_line(thread: &WallThreadData, columns: usize) -> Option<String> {
    let is_said = |ns: u64| is_worth_a_word(ns, thread.lived_ns);
    let (ns, what) = match (thread.unlooked_ns, thread.overlap_ns) {
        (ns, _) if is_said(ns) => (ns, "[unlooked]: no look found what it did"),
        (_, ns) if is_said(ns) => (ns, "more than its life: terms overlap"),
        _ => return None,
    };
    let share = percent(ns as f64 / thread.lived_ns as f64);
    let line = format!("      {} {what}", pad_left(&share, 6));
    Some(paint(DIM, keep_start(&line, columns)))
}

fn place_line(place: &PlaceData, columns: usize) -> String {
    let before = format!(
        "      {} {} in ",
        pad_left(&percent(place.share), 6),
        // A wait in futex is what it is for; a lock stays a lock.
        match place.wait {
            Some(wait) if place.state == State::Futex.label() => wait,
            _ => place.state,
        }
    );
    let room = columns.saturating_sub(width(&before));
    let line = stack::line(&place.folded, room);
    let line = if line.is_empty() {
        paint(DIM, "an unknown place")
    } else {
        line
    };
    format!("{}{line}", paint(DIM, before))
}

/// Task kinds and where their time went.
pub fn kind_section(lines: &mut Vec<String>, data: &Data, rows: usize, columns: usize) {
    let kinds = data.kinds.as_deref().unwrap_or_default();
    lines.push(String::new());
    lines.push(heading(
        "Task kinds",
        "(each term measured on its own)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!(
            "  {:>8}{:>9}{:>9}{:>10}{:>10}  kind",
            "on CPU", "blocked", "runnable", "scheduled", "suspended"
        ),
    ));
    for kind in kinds.iter().take(rows) {
        lines.push(format!(
            "  {}{}{}{}{}  {}",
            pad_left(&compact(kind.on_cpu.cpu_ns), 8),
            pad_left(&compact(kind.blocked_in_poll_ns), 9),
            pad_left(&compact(kind.runnable_in_poll_ns), 9),
            pad_left(&known(kind.scheduled_ns), 10),
            pad_left(&known(kind.suspended_ns), 10),
            kind_title(kind, columns.saturating_sub(KIND_FIGURES)),
        ));
        lines.extend(path_line(&kind.hot_path, columns));
        lines.extend((kind.waits.iter().take(1)).map(|place| place_line(place, columns)));
    }
    if kinds.is_empty() {
        lines.push(paint(DIM, "  none"));
        return;
    }
    let scope = match data.kinds_since_start {
        Some(true) => {
            ", of the window; scheduled and suspended time, of all its tasks since the process started."
        }
        _ => ", and scheduled and suspended time, all of the window.",
    };
    let mut note = format!(
        "In polls: on CPU by samples, blocked by looks, runnable by the scheduler's count{scope}"
    );
    if let Some(ns @ 1..) = data.runnable_in_no_kind_ns {
        note += &format!(
            " In no kind's polls threads waited {} for a processor.",
            compact(ns)
        );
    }
    lines.extend(
        (wrap(&note, columns.saturating_sub(2)).iter()).map(|line| paint(DIM, format!("  {line}"))),
    );
}

fn known(ns: Option<u64>) -> String {
    ns.map_or_else(|| "-".to_owned(), compact)
}

fn kind_title(kind: &KindData, columns: usize) -> String {
    let title = printable(&kind.title);
    let title = match kind.name.as_str() {
        "" => keep_end(&title, columns),
        _ => keep_start(&title, columns),
    };
    let site = match kind.site.rsplit('/').next() {
        Some(site) if !kind.name.is_empty() && !site.is_empty() => format!("  {}", printable(site)),
        _ => String::new(),
    };
    match width(&title) + width(&site) <= columns {
        true => format!("{}{}", paint(STRONG, title), paint(DIM, site)),
        false => paint(STRONG, title),
    }
}

fn path_line(path: &PathData, columns: usize) -> Option<String> {
    let last = path.functions.last()?;
    let before = format!("      {} CPU in ", pad_left(&percent(path.weight.share), 6));
    let room = columns.saturating_sub(width(&before));
    Some(format!(
        "{}{}",
        paint(DIM, before),
        name::fit(stack::title(&last.name), room)
    ))
}
