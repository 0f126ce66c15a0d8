//! A process's threads for a terminal, every line within the columns.

use super::collect;
use super::data::{CountData, Data, ThreadData};
use crate::export::text::printable;
use crate::stack;
use crate::text::name;
use crate::text::number::{compact, count, counted, moment, percent, percent_in_words};
use crate::text::style::{DIM, HEADING, STRONG, WARNING, heading, heat, paint};
use crate::text::width::{keep_start, pad_left, pad_right, width, wrap};
use hotpoll_symbolizer::view::live_threads::Role;

/// The columns before a thread's name.
const FIGURES: usize = 2 + STATE + 8 + 7 + 2;
/// The column of the state.
const STATE: usize = 12;
/// Threads of a screen, or groups of them.
const ROWS: usize = 30;

/// The threads as text with colours, in at most `columns`; `top` is what was asked for.
pub fn render(data: &Data, top: Option<usize>, stacks: bool, columns: usize) -> String {
    let mut lines = header(data, columns);
    lines.push(String::new());
    lines.push(heading(
        "Threads",
        "(CPU: of one core, in the last seconds; how long in which poll)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!(
            "  {:<STATE$}{:>8}{:>7}  thread, and where it is",
            "state", "for", "CPU"
        ),
    ));
    let threads: Vec<&ThreadData> = (data.threads.iter())
        .filter(|thread| top.is_some() || !thread.own)
        .collect();
    let groups: Vec<Vec<&ThreadData>> = match top {
        Some(_) => threads.into_iter().map(|thread| vec![thread]).collect(),
        None => alike(&threads),
    };
    let rows = if top.is_some() {
        groups.len()
    } else {
        groups.len().min(ROWS)
    };
    for group in &groups[..rows] {
        lines.push(line(group, columns));
        lines.extend(where_lines(group[0], stacks, columns));
    }
    if groups.is_empty() {
        lines.push(paint(DIM, "  none"));
    }
    let more: usize = groups[rows..].iter().map(Vec::len).sum();
    if more > 0 {
        let more = counted(more as u64, "other thread");
        lines.push(paint(
            DIM,
            format!("  and {more} (--top {} lists them)", count(10_000)),
        ));
    }
    let own = data.threads.iter().filter(|thread| thread.own).count();
    if top.is_none() && own > 0 {
        lines.push(paint(
            DIM,
            format!("  and {} of hotpoll's own", count(own as u64)),
        ));
    }
    lines.join("\n") + "\n"
}

fn header(data: &Data, columns: usize) -> Vec<String> {
    let mut name = printable(&data.name);
    if data.pid != 0 {
        name += &format!(" (pid {})", data.pid);
    }
    let when = format!(" · threads at {} UTC", moment(data.taken_unix_ns));
    let room = columns.saturating_sub(width(&when));
    let mut lines = vec![format!(
        "{}{}",
        paint(HEADING, keep_start(&name, room)),
        paint(DIM, when)
    )];
    let sum = |counts: &[CountData]| counts.iter().map(|one| one.threads as u64).sum::<u64>();
    let list = |counts: &[CountData]| {
        let parts = counts
            .iter()
            .map(|one| format!("{} {}", count(one.threads as u64), one.what));
        parts.collect::<Vec<_>>().join(", ")
    };
    let mut sentence = format!(
        "{}: {}",
        counted(sum(&data.states), "thread"),
        list(&data.states)
    );
    if !data.workers.is_empty() {
        let workers = counted(sum(&data.workers), "runtime worker");
        sentence += &format!("; {workers}: {}", list(&data.workers));
    }
    for line in wrap(&sentence, columns.saturating_sub(4)) {
        lines.push(format!("    {line}"));
    }
    let mut warn = |sentence: &str| {
        for (index, line) in wrap(sentence, columns.saturating_sub(4)).iter().enumerate() {
            let sign = if index == 0 { "!" } else { " " };
            lines.push(paint(WARNING, format!("  {sign} {line}")));
        }
    };
    if !data.stuck.is_empty() {
        // Longer than usual, a long poll say. What does not go on is for `hotpoll stuck` to judge.
        warn(&format!("worth a look: {}", list(&data.stuck)));
    }
    for notice in &data.notices {
        warn(&printable(notice));
    }
    lines
}

/// Idle threads that are alike: same name but for its digits, same state, same place. Each of the others is a group of its own.
fn alike<'d>(threads: &[&'d ThreadData]) -> Vec<Vec<&'d ThreadData>> {
    let mut groups: Vec<Vec<&ThreadData>> = Vec::new();
    for thread in threads {
        let is_idle = |one: &ThreadData| one.stuck.is_none() && one.polls.is_none();
        let like = |group: &&mut Vec<&ThreadData>| {
            let first = group[0];
            is_idle(first)
                && stem(&first.name) == stem(&thread.name)
                && (first.state, first.wait, first.role) == (thread.state, thread.wait, thread.role)
                && first.folded == thread.folded
        };
        match groups.iter_mut().find(like).filter(|_| is_idle(thread)) {
            Some(group) => group.push(thread),
            None => groups.push(vec![thread]),
        }
    }
    groups
}

fn stem(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

fn line(group: &[&ThreadData], columns: usize) -> String {
    let first = group[0];
    let cores: f64 = group.iter().map(|thread| thread.cores).sum();
    let since = group
        .iter()
        .map(|thread| thread.state_ns)
        .min()
        .unwrap_or(0);
    let who = match group {
        [one] => format!("{} {}", printable(&one.name), one.tid),
        many => {
            let name = printable(stem(&first.name));
            let star = if many.iter().all(|one| one.name == first.name) {
                ""
            } else {
                "*"
            };
            let name = if star.is_empty() {
                printable(&first.name)
            } else {
                name
            };
            format!("{name}{star} x{}", many.len())
        }
    };
    let what = match (&first.polls, first.role) {
        (Some(poll), role) => {
            let kind = printable(&poll.kind);
            let task = if poll.task == 0 {
                String::new()
            } else {
                format!("{} ", crate::tasks::text::id(poll.task))
            };
            // Else it would seem to keep a worker.
            let place = match role == Some(Role::BlockInPlace.label()) {
                true => ", in block_in_place",
                false => "",
            };
            format!("  {} in {task}{kind}{place}", compact(poll.poll_ns))
        }
        (None, Some(role)) => format!("  {role}"),
        (None, None) => String::new(),
    };
    let room = columns.saturating_sub(FIGURES);
    let who = keep_start(&who, room);
    let what = keep_start(&what, room.saturating_sub(width(&who)));
    let state = collect::shown(first.state, first.wait);
    let state = pad_right(&keep_start(state, STATE), STATE);
    format!(
        "  {}{}{}  {}{}",
        if first.stuck.is_some() {
            paint(WARNING, state)
        } else {
            state
        },
        pad_left(
            &if since == 0 {
                "-".to_owned()
            } else {
                compact(since)
            },
            8
        ),
        paint(heat(cores), pad_left(&percent(cores), 7)),
        paint(STRONG, who),
        paint(DIM, what),
    )
}

fn where_lines(thread: &ThreadData, stacks: bool, columns: usize) -> Vec<String> {
    const INDENT: &str = "      ";
    let room = columns.saturating_sub(INDENT.len());
    let mut lines = Vec::new();
    if let Some(stuck) = thread.stuck {
        lines.push(paint(WARNING, format!("{INDENT}! {stuck}")));
    }
    if stacks && !thread.folded.is_empty() {
        lines.extend(stack::lines(&thread.folded, INDENT, columns));
        return lines;
    }
    // That a thread runs is no failure; a stack that was cut short is worth knowing.
    let failure = match thread.failure {
        Some(why) if thread.state != "running" && why != "running" => format!("  ({why})"),
        _ => String::new(),
    };
    let place = stack::line(&thread.folded, room.saturating_sub(width(&failure)));
    if !place.is_empty() {
        lines.push(format!("{INDENT}{place}{}", paint(DIM, failure)));
        return lines;
    }
    if let Some(dominant) = &thread.dominant {
        let share = format!(" ({} of its samples)", percent_in_words(dominant.share));
        let before = "mostly in ";
        let name = name::fit(
            stack::title(&dominant.name),
            room.saturating_sub(before.len() + share.len()),
        );
        lines.push(format!(
            "{INDENT}{}{name}{}",
            paint(DIM, before),
            paint(DIM, share)
        ));
    } else if !failure.is_empty() {
        lines.push(paint(DIM, format!("{INDENT}no stack{failure}")));
    }
    lines
}
