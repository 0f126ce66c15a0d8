//! A report for a terminal: about one screen unless asked for more, every line within the columns.
//!
//! What an engineer wants first stands first: how much CPU, then for each pool of threads the path in the program's own code that
//! most of its time goes through and the functions at the leaf, then the hottest functions of all.

use super::data::{
    Data, FunctionData, ModuleData, NameData, OwnData, PathData, TaskData, ThreadData,
};
use super::header;
use super::options::{By, Options};
use super::tree_text;
use super::wall_text;
use crate::export::text::printable;
use crate::text::number::{count, percent, seconds};
use crate::text::style::{DIM, HEADING, STRONG, WARNING, heading, heat, paint};
use crate::text::width::{keep_start, pad_left, width, wrap};
use crate::text::{name, number};

/// Lines of a report that is left to fit a screen.
const SCREEN: usize = 45;
/// Functions in such a report.
const FUNCTIONS: usize = 8;
/// Rows of such a report by function, module or task.
const ROWS: usize = 30;
/// Thread groups with details, at most, in such a report.
const DETAILED: usize = 6;
/// Thread groups with their path, at least, in such a report.
const PATHS: usize = 2;
/// Thread groups on a line of their own, at most, in such a report.
const LISTED: usize = 10;
/// Threads below this part of the process's CPU time get no details.
const WORTH_DETAILS: f64 = 0.03;
/// Threads below this part of it get no line in such a report.
const WORTH_A_LINE: f64 = 0.001;
/// Functions below this part of a thread's CPU time get no line in such a report.
const WORTH_A_ROW: f64 = 0.01;

/// The columns before a function's name in a table: self, total, samples.
const THREAD_FIGURES: usize = 2 + 7 + 8 + 9 + 2;
/// The columns before a function's name in the table of all functions: self, time, total, samples.
const FUNCTION_FIGURES: usize = 2 + 7 + 10 + 8 + 9 + 2;

/// The report as text with colours, in at most `columns`.
pub fn render(data: &Data, options: &Options, columns: usize) -> String {
    let mut lines = header::lines(data, columns);
    if data.is_without_match() && data.wall.is_none() {
        // The header says so.
    } else if let (Some(wall), By::Thread) = (&data.wall, options.by) {
        wall_text::wall_section(&mut lines, wall, options.top, columns);
    } else if let Some(tree) = &data.tree {
        tree_text::section(&mut lines, tree, columns);
    } else {
        match options.by {
            By::Thread => {
                let rows = options.top.unwrap_or_else(|| {
                    // Not what is only passed through.
                    let leaves = data.functions.iter().filter(|row| row.own.cpu_ns > 0);
                    leaves.count().min(FUNCTIONS)
                });
                let rows = rows.min(data.functions.len());
                let left = SCREEN.saturating_sub(lines.len() + rows + 5);
                thread_section(&mut lines, data, options, left, columns);
                function_section(&mut lines, data, rows, columns);
            }
            By::Function => function_section(
                &mut lines,
                data,
                options.top.unwrap_or(ROWS).min(data.functions.len()),
                columns,
            ),
            By::Module => module_section(
                &mut lines,
                data.modules.as_deref().unwrap_or_default(),
                columns,
            ),
            By::Lock => super::locks_text::section(&mut lines, data, options.top, columns),
            By::Task => {
                let kinds = data.kinds.as_deref().unwrap_or_default();
                if !kinds.is_empty() {
                    let rows = options.top.unwrap_or(ROWS);
                    wall_text::kind_section(&mut lines, data, rows, columns);
                }
                match &data.wall {
                    Some(wall) => {
                        wall_text::wall_section(&mut lines, wall, options.top, columns);
                    }
                    None => task_section(
                        &mut lines,
                        data.tasks.as_deref().unwrap_or_default(),
                        !kinds.is_empty(),
                        columns,
                    ),
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

fn thread_section(
    lines: &mut Vec<String>,
    data: &Data,
    options: &Options,
    left: usize,
    columns: usize,
) {
    let figures = format!("{:>10}{:>10}{:>10}", "CPU", "of a core", "samples");
    const NOTE: &str = " (below each: % of its own CPU)";
    let room = columns.saturating_sub("Threads".len() + figures.len());
    let note = if NOTE.len() <= room { NOTE } else { "" };
    lines.push(String::new());
    lines.push(format!(
        "{}{}{}{}",
        paint(HEADING, "Threads"),
        paint(DIM, note),
        " ".repeat(room - note.len()),
        paint(DIM, figures)
    ));
    lines.push(paint(
        DIM,
        format!("  {:>7}{:>8}{:>9}  function", "self", "total", "samples"),
    ));
    let plan = plan(data, options, left);
    for (index, (thread, rows)) in data.threads.iter().zip(&plan).enumerate() {
        if let Some(rows) = *rows {
            lines.push(thread_line(thread, options.split_threads, columns));
            if rows > 0 {
                lines.extend(own_code_line(&thread.own_code, columns));
                // Where lines are short the hottest pools have theirs.
                if rows > 1 || index < PATHS {
                    lines.extend(path_line(&thread.hot_path, columns, THREAD_FIGURES));
                }
                let functions = thread.functions.iter().filter(|row| {
                    row.own.cpu_ns > 0 && (options.top.is_some() || row.own.share >= WORTH_A_ROW)
                });
                lines.extend(
                    functions
                        .take(rows)
                        .map(|row| thread_function_line(row, columns)),
                );
            }
        }
    }
    let rest = data
        .threads
        .iter()
        .zip(&plan)
        .filter(|(_, rows)| rows.is_none());
    let (threads, cpu_ns) = rest.fold((0, 0), |(threads, cpu_ns), (thread, _)| {
        (threads + thread.tids.len(), cpu_ns + thread.cpu_ns)
    });
    if threads > 0 {
        lines.push(paint(
            DIM,
            format!(
                "and {} with {} of CPU",
                number::counted(threads as u64, "thread"),
                number::duration(cpu_ns)
            ),
        ));
    }
}

/// For each thread group: no line, a line (0), or a line, the path and so many functions.
fn plan(data: &Data, options: &Options, left: usize) -> Vec<Option<usize>> {
    if let Some(top) = options.top {
        return (0..data.threads.len())
            .map(|index| (index < top).then_some(top))
            .collect();
    }
    let share = |thread: &ThreadData| {
        if data.cpu_ns == 0 {
            0.0
        } else {
            thread.cpu_ns as f64 / data.cpu_ns as f64
        }
    };
    let is_detailed = |(index, thread): (usize, &ThreadData)| {
        index < DETAILED
            && !thread.own
            && share(thread) >= WORTH_DETAILS
            && (data.focus.is_none() || thread.samples > 0)
    };
    let detailed = data
        .threads
        .iter()
        .enumerate()
        .filter(|&at| is_detailed(at))
        .count();
    // Beside its functions each has a line, its own code, and its path; the others share two lines.
    let rows = left.saturating_sub(3 * detailed + 2).checked_div(detailed);
    let rows = rows.unwrap_or(0).clamp(1, 5);
    data.threads
        .iter()
        .enumerate()
        .map(|(index, thread)| {
            if is_detailed((index, thread)) {
                Some(rows)
            } else if data.focus.is_some() && thread.samples == 0 {
                None
            } else if thread.own || index < LISTED && share(thread) >= WORTH_A_LINE {
                Some(0)
            } else {
                None
            }
        })
        .collect()
}

fn thread_line(thread: &ThreadData, with_id: bool, columns: usize) -> String {
    let mut label = printable(&thread.name);
    match thread.tids.as_slice() {
        // What `top -H` calls it, to tell equal names apart.
        [tid] if with_id && *tid != 0 => label += &format!(" {tid}"),
        [_] => {}
        tids => label += &format!(" x{}", tids.len()),
    }
    let figures = format!(
        "{}{}{}",
        pad_left(&seconds(thread.cpu_ns), 10),
        pad_left(&percent(thread.cores), 10),
        pad_left(&count(thread.samples), 10)
    );
    let room = columns.saturating_sub(width(&figures));
    let label = keep_start(&label, room.saturating_sub(1));
    let marks = keep_start(&marks(thread), room.saturating_sub(width(&label) + 1));
    let gap = room.saturating_sub(width(&label) + 1 + width(&marks));
    format!(
        "{} {}{}{}",
        paint(STRONG, label),
        paint(WARNING, marks),
        " ".repeat(gap),
        figures
    )
}

/// What is special about a thread, in a word or two each.
fn marks(thread: &ThreadData) -> String {
    let all = thread.tids.len();
    let some = |n: usize, mark: &str| match n {
        0 => None,
        n if n == all => Some(mark.to_owned()),
        n => Some(format!("{mark}: {n}")),
    };
    let on = |engine: &str| {
        thread
            .engines
            .iter()
            .filter(|row| row.engine == engine)
            .map(|row| row.threads)
            .sum::<usize>()
    };
    let mut marks = Vec::new();
    if thread.own {
        marks.push("hotpoll itself".to_owned());
    } else {
        marks.extend(some(on("perf"), "perf"));
        if thread.signal_blocked > 0 {
            marks.extend(some(thread.signal_blocked, "blocks the signal"));
        } else if on("ctimer") + on("perf") > 0 {
            // A file of another tool knows no engines at all.
            marks.extend(some(on("none"), "not sampled"));
        }
        marks.extend(some(thread.tick_biased, "tick-biased"));
    }
    marks.extend(some(thread.exited, "ended"));
    marks.join(", ")
}

/// A function's name in a line of several.
fn short(function: &NameData) -> String {
    match function.origin {
        "dependency" => name::short_of_dependency(&function.name),
        _ => name::short(&function.name),
    }
}

/// What the program's own functions have of the time, as many as fit.
fn own_code_line(rows: &[OwnData], columns: usize) -> Option<String> {
    /// Less than this part is left to the functions below.
    const WORTH_NAMING: f64 = 0.02;
    const LABEL: &str = "  own code  ";
    let mut line = String::new();
    for row in rows.iter().filter(|row| row.weight.share >= WORTH_NAMING) {
        let share = number::percent_in_words(row.weight.share);
        let separator = if line.is_empty() { "" } else { " · " };
        let room = columns
            .saturating_sub(LABEL.len() + width(&line) + width(separator) + width(&share) + 1);
        let name = short(&row.function);
        if line.is_empty() {
            line = format!("{} {share}", name::fit(&name, room));
        } else if width(&name) <= room {
            line += &format!("{separator}{name} {share}");
        } else {
            break;
        }
    }
    (!line.is_empty()).then(|| format!("{}{}", paint(DIM, LABEL), paint(STRONG, line)))
}

/// The path that most samples have in common; nothing where it says no more than the functions below it.
fn path_line(path: &PathData, columns: usize, figures: usize) -> Option<String> {
    const ARROW: &str = " › ";
    let names: Vec<String> = path.functions.iter().map(short).collect();
    let last = names.last()?;
    let room = columns.saturating_sub(figures + width("in "));
    // The innermost calls say most: as many as fit, from the end.
    let mut shown = keep_start(last, room);
    for (index, name) in names.iter().enumerate().rev().skip(1) {
        let longer = format!("{name}{ARROW}{shown}");
        let more = if index > 0 { "… › " } else { "" };
        if width(&longer) + width(more) > room {
            let cut = format!("…{ARROW}{shown}");
            shown = if width(&cut) <= room { cut } else { shown };
            break;
        }
        shown = longer;
    }
    let share = percent(path.weight.share);
    Some(format!(
        "  {:>7}{}{}  {} {}",
        "",
        pad_left(&share, 8),
        pad_left(&count(path.weight.samples), 9),
        paint(DIM, "in"),
        shown
    ))
}

fn thread_function_line(row: &FunctionData, columns: usize) -> String {
    format!(
        "  {}{}{}  {}",
        paint(heat(row.own.share), pad_left(&percent(row.own.share), 7)),
        pad_left(&percent(row.total.share), 8),
        pad_left(&samples(row), 9),
        name_and_place(row, columns.saturating_sub(THREAD_FIGURES))
    )
}

/// Samples at the leaf; time that no sample stands for has none.
fn samples(row: &FunctionData) -> String {
    if row.own.samples == 0 && row.own.cpu_ns > 0 {
        "-".to_owned()
    } else {
        count(row.own.samples)
    }
}

/// A function's name and, where there is room, its hottest line; for a library's, rather who in the program it works for.
fn name_and_place(row: &FunctionData, columns: usize) -> String {
    if !row.caller.is_empty() {
        // `Iter::next` is as good as its whole path, and leaves room for its caller.
        let caller = name::short(&row.caller);
        let caller = format!("← {}", name::fit(&caller, columns / 2));
        let fitted = name::fit(&row.name, columns.saturating_sub(width(&caller) + 2));
        let gap = columns.saturating_sub(width(&fitted) + width(&caller));
        return format!("{fitted}{}{}", " ".repeat(gap), paint(DIM, caller));
    }
    let fitted = name::fit(&row.name, columns);
    let place = match (row.file.rsplit('/').next(), row.line) {
        (Some(file), line) if !file.is_empty() && line > 0 => format!("{}:{line}", printable(file)),
        _ => return fitted,
    };
    let room = columns.saturating_sub(width(&fitted));
    if room < width(&place) + 2 {
        return fitted;
    }
    format!(
        "{fitted}{}{}",
        " ".repeat(room - width(&place)),
        paint(DIM, place)
    )
}

fn function_section(lines: &mut Vec<String>, data: &Data, rows: usize, columns: usize) {
    lines.push(String::new());
    lines.push(heading("Functions", "(% of the process's CPU)", columns));
    lines.push(paint(
        DIM,
        format!(
            "  {:>7}{:>10}{:>8}{:>9}  function",
            "self", "time", "total", "samples"
        ),
    ));
    for row in data.functions.iter().take(rows) {
        lines.push(format!(
            "  {}{}{}{}  {}",
            paint(heat(row.own.share), pad_left(&percent(row.own.share), 7)),
            pad_left(&seconds(row.own.cpu_ns), 10),
            pad_left(&percent(row.total.share), 8),
            pad_left(&samples(row), 9),
            name_and_place(row, columns.saturating_sub(FUNCTION_FIGURES))
        ));
    }
    if data.functions.is_empty() {
        lines.push(paint(DIM, "  no samples"));
    }
}

fn module_section(lines: &mut Vec<String>, modules: &[ModuleData], columns: usize) {
    lines.push(String::new());
    lines.push(heading(
        "Modules",
        "(% of the process's CPU; named: addresses with a function, with a line)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!(
            "  {:>7}{:>10}{:>8}{:>9}{:>8}{:>7}  module",
            "self", "time", "total", "samples", "named", "lines"
        ),
    ));
    for row in modules {
        let part = |n: u64| match row.addresses {
            0 => "-".to_owned(),
            all => format!("{:.0}%", 100.0 * n as f64 / all as f64),
        };
        lines.push(format!(
            "  {}{}{}{}{}{}  {}",
            paint(heat(row.own.share), pad_left(&percent(row.own.share), 7)),
            pad_left(&seconds(row.own.cpu_ns), 10),
            pad_left(&percent(row.total.share), 8),
            pad_left(&count(row.own.samples), 9),
            pad_left(&part(row.named), 8),
            pad_left(&part(row.with_line), 7),
            path_that_fits(&row.path, columns.saturating_sub(53))
        ));
    }
}

/// A path, or as much of its end as fits.
fn path_that_fits(path: &str, columns: usize) -> String {
    crate::text::width::keep_end(&printable(path), columns)
}

fn kind_label(row: &TaskData, kind: u64) -> String {
    match row.title.as_str() {
        "" => format!("kind {kind}"),
        title => printable(title),
    }
}

/// `are_named`: kinds are listed above, so tasks have their names already.
fn task_section(lines: &mut Vec<String>, tasks: &[TaskData], are_named: bool, columns: usize) {
    lines.push(String::new());
    lines.push(heading("CPU by task", "(% of the process's CPU)", columns));
    if tasks.is_empty() {
        lines.push(paint(DIM, "  no sample was taken"));
        return;
    }
    lines.push(paint(
        DIM,
        format!("  {:>7}{:>10}{:>9}  task", "share", "time", "samples"),
    ));
    for row in tasks {
        let label = match (row.id, row.kind) {
            (0, 0) => "(no task)".to_owned(),
            (id, 0) => format!("task {id}"),
            (0, kind) => kind_label(row, kind),
            (id, kind) => format!("task {id}, {}", kind_label(row, kind)),
        };
        lines.push(format!(
            "  {}{}{}  {}",
            paint(
                heat(row.weight.share),
                pad_left(&percent(row.weight.share), 7)
            ),
            pad_left(&seconds(row.weight.cpu_ns), 10),
            pad_left(&count(row.weight.samples), 9),
            paint(STRONG, label)
        ));
        lines.extend(path_line(&row.hot_path, columns, THREAD_FIGURES));
    }
    if tasks.iter().all(|row| row.id == 0 && row.kind == 0) {
        lines.push(String::new());
        let hint = match are_named {
            true => "No sample was taken inside of a task.",
            false => {
                "No sample was taken inside of a task. hotpoll::runtime(&mut builder) names tokio's tasks."
            }
        };
        lines.extend(wrap(hint, columns).into_iter().map(|line| paint(DIM, line)));
    }
}
