//! A process's tasks for a terminal: about one screen unless asked for more, every line within the columns.

use super::data::{Data, KindData, NO_WAKER_GIVEN, NOT_POLLED_YET, PlaceData, TaskData, WakerData};
use super::long_polls_text;
use crate::export::text::printable;
use crate::stack;
use crate::text::name;
use crate::text::number::{compact, compact_count, count, counted, duration, moment};
use crate::text::style::{DIM, HEADING, STRONG, WARNING, heading, paint};
use crate::text::width::{keep_end, keep_start, pad_left, pad_right, width, wrap};

/// Rows of a list that is left to fit a screen, at most.
pub const SCREEN: usize = 40;
/// Tasks of one kind in one state at one place, in such a list.
pub const ALIKE: usize = 2;
/// Lines of a screen.
const LINES: usize = 45;
/// Kinds in such a list.
const KINDS: usize = 8;
/// Levels of a stack there.
pub const LEVELS: usize = 12;

/// The columns before a kind's title.
const KIND_FIGURES: usize = 2 + 6 + 7 + 7 + 8 + 9 + 9 + 2;
/// The columns before a task's number.
const TASK_FIGURES: usize = 2 + 10 + 8 + 8 + 7 + 8 + 2;

/// The tasks as text with colours, in at most `columns`; `top` is what was asked for.
pub fn render(data: &Data, top: Option<usize>, columns: usize) -> String {
    let mut lines = header(data, columns);
    let kinds = top.unwrap_or(KINDS);
    kind_section(&mut lines, data, kinds, columns);
    if let Some(polls) = &data.long_polls {
        long_polls_text::section(&mut lines, polls, data.long_poll_ns, columns);
    }
    if let Some(places) = &data.suspended {
        let room = LINES.saturating_sub(lines.len());
        place_section(&mut lines, places, top, room, columns);
    }
    if data.long_polls.is_none() && data.suspended.is_none() {
        let rows = top.unwrap_or_else(|| (LINES.saturating_sub(lines.len() + 4) / 2).max(5));
        task_section(&mut lines, data, rows, columns);
    }
    lines.join("\n") + "\n"
}

fn header(data: &Data, columns: usize) -> Vec<String> {
    let mut name = printable(&data.name);
    if data.pid != 0 {
        name += &format!(" (pid {})", data.pid);
    }
    let when = format!(" · tasks at {} UTC", moment(data.taken_unix_ns));
    let room = columns.saturating_sub(width(&when));
    let mut lines = vec![format!(
        "{}{}",
        paint(HEADING, keep_start(&name, room)),
        paint(DIM, when)
    )];
    let mut say = |style, sign: &str, sentence: &str| {
        for (index, line) in wrap(sentence, columns.saturating_sub(4)).iter().enumerate() {
            let sign = if index == 0 { sign } else { " " };
            lines.push(paint(style, format!("  {sign} {line}")));
        }
    };
    let plain = anstyle::Style::new();
    say(plain, " ", &coverage(data));
    for problem in &data.problems {
        say(
            WARNING,
            "!",
            &self::problem(problem.problem, problem.tasks, problem.longest_ns),
        );
    }
    for one in &data.maybe {
        let tasks = counted(one.tasks as u64, "task");
        let sentence = format!(
            "no waker: {tasks} waiting forever, for up to {}: on purpose (pending()), or nobody was given the waker",
            duration(one.longest_ns)
        );
        say(DIM, "?", &sentence);
    }
    for runtime in data.runtimes.iter().filter(|runtime| runtime.blocked) {
        let which = match runtime.name.as_str() {
            "" if data.runtimes.len() > 1 => format!("runtime {}", runtime.id),
            "" => "the runtime".to_owned(),
            name => format!("runtime {}", printable(name)),
        };
        let workers = match runtime.workers.len() {
            1 => "its one worker has".to_owned(),
            n => format!("each of its {n} workers has"),
        };
        let long = duration(data.long_poll_ns);
        say(
            WARNING,
            "!",
            &format!(
                "{which} is blocked: {workers} been in one poll for over {long}, so that no other task of it runs"
            ),
        );
    }
    for notice in &data.notices {
        say(WARNING, "!", &printable(notice));
    }
    lines
}

/// How many tasks there are, and how many of them are known.
fn coverage(data: &Data) -> String {
    let workers: usize = data
        .runtimes
        .iter()
        .map(|runtime| runtime.workers.len())
        .sum();
    let mut sentence = format!("tasks: {}", data.coverage.words());
    if !data.runtimes.is_empty() {
        sentence += &format!(
            "; {} with {}",
            counted(data.runtimes.len() as u64, "runtime"),
            counted(workers as u64, "worker")
        );
    }
    if data.coverage.tracked == 0 && data.coverage.alive != Some(0) {
        sentence += ". hotpoll::spawn in the place of tokio::spawn tracks a task";
    }
    sentence
}

fn problem(problem: &str, tasks: usize, longest_ns: u64) -> String {
    let longest = duration(longest_ns);
    let tasks = counted(tasks as u64, "task");
    match problem {
        "lost waker" => format!(
            "lost waker: {tasks} waiting to be woken by a waker that nobody holds any more, for up to {longest}"
        ),
        "long poll" => format!("long poll: {tasks} in a poll that has taken up to {longest}"),
        _ => format!("not polled: {tasks} woken and not polled since, for up to {longest}"),
    }
}

fn kind_section(lines: &mut Vec<String>, data: &Data, rows: usize, columns: usize) {
    lines.push(String::new());
    lines.push(heading(
        "Kinds",
        "(p99: ninety-nine of a hundred polls, wakes to poll)",
        columns,
    ));
    lines.push(paint(
        DIM,
        format!(
            "  {:>6}{:>7}{:>7}{:>8}{:>9}{:>9}  kind",
            "alive", "ended", "polls", "busy", "poll p99", "wake p99"
        ),
    ));
    for kind in data.kinds.iter().take(rows) {
        lines.push(kind_line(kind, columns));
    }
    let more = data.kinds.len().saturating_sub(rows) as u64 + data.folded_kinds;
    if more > 0 {
        lines.push(paint(DIM, format!("  and {}", counted(more, "other kind"))));
    }
    if data.kinds.is_empty() {
        lines.push(paint(DIM, "  none"));
    }
}

fn kind_line(kind: &KindData, columns: usize) -> String {
    let ended = kind.completed + kind.aborted + kind.panicked;
    let quantile = |ns: Option<u64>| ns.map_or("-".to_owned(), compact);
    let mut marks = String::new();
    if kind.panicked > 0 {
        marks = format!(" {} panicked", compact_count(kind.panicked));
    }
    let room = columns.saturating_sub(KIND_FIGURES + width(&marks));
    let title = title(&kind.title, room);
    let site = match (kind.name.as_str(), kind.site.file.rsplit('/').next()) {
        ("", _) | (_, None | Some("")) => String::new(),
        (_, Some(file)) => format!("  {}:{}", printable(file), kind.site.line),
    };
    let site = if width(&site) + width(&title) <= room {
        site
    } else {
        String::new()
    };
    format!(
        "  {}{}{}{}{}{}  {}{}{}",
        pad_left(&compact_count(kind.alive), 6),
        pad_left(&compact_count(ended), 7),
        pad_left(&compact_count(kind.polls), 7),
        pad_left(&compact(kind.busy_ns), 8),
        pad_left(&quantile(kind.poll_time.p99_ns), 9),
        pad_left(&quantile(kind.wake_delay.p99_ns), 9),
        paint(STRONG, title),
        paint(DIM, site),
        paint(WARNING, marks),
    )
}

/// A task's number: the runtime's, or `h0`, `h1` … of futures that the runtime does not know as tasks, which hotpoll counts from 2^48 on.
pub fn id(task: u64) -> String {
    const OWN: u64 = 1 << 48;
    match task.checked_sub(OWN) {
        Some(own) => format!("#h{own}"),
        None => format!("#{task}"),
    }
}

/// A kind's title. Of a site the end says most, of a name the beginning.
pub fn title(title: &str, columns: usize) -> String {
    let title = printable(title);
    if title.contains(".rs:") {
        keep_end(&title, columns)
    } else {
        keep_start(&title, columns)
    }
}

fn task_section(lines: &mut Vec<String>, data: &Data, rows: usize, columns: usize) {
    lines.push(String::new());
    let rows = rows.min(data.tasks.len());
    let note = match data.selected {
        0 => String::new(),
        all if all > rows => format!("({} of {})", count(rows as u64), count(all as u64)),
        all => format!("({})", count(all as u64)),
    };
    lines.push(heading("Tasks", &note, columns));
    if data.tasks.is_empty() {
        lines.push(paint(DIM, "  none"));
        return;
    }
    lines.push(paint(
        DIM,
        format!(
            "  {:<10}{:>8}{:>8}{:>7}{:>8}  task, and where it is",
            "state", "for", "age", "polls", "busy"
        ),
    ));
    for task in &data.tasks[..rows] {
        lines.push(task_line(task, columns));
        lines.extend(where_line(task, columns));
        if task.alike > 0 {
            let alike = counted(task.alike as u64, "other");
            lines.push(paint(DIM, format!("      and {alike} like it")));
        }
    }
    if data.folded_tasks > 0 {
        let more = counted(data.folded_tasks, "task");
        let sentence = format!("  and {more} that the process did not list one by one");
        lines.push(paint(DIM, keep_start(&sentence, columns)));
    }
}

fn task_line(task: &TaskData, columns: usize) -> String {
    let state = task.problem.unwrap_or(task.state);
    let state = pad_right(state, 10);
    let state = if task.problem.is_some() {
        paint(WARNING, state)
    } else {
        state
    };
    let id = format!("{} ", id(task.id));
    let room = columns.saturating_sub(TASK_FIGURES + width(&id));
    format!(
        "  {state}{}{}{}{}  {}{}",
        pad_left(&compact(task.state_ns), 8),
        pad_left(&compact(task.age_ns), 8),
        pad_left(&compact_count(task.polls), 7),
        pad_left(&compact(task.busy_ns), 8),
        paint(DIM, id),
        paint(STRONG, title(&task.kind, room)),
    )
}

/// Where a task is: what its thread does, or where it waits, and what else there is to say about that.
fn where_line(task: &TaskData, columns: usize) -> Option<String> {
    const INDENT: &str = "      ";
    let mut notes: Vec<String> = Vec::new();
    let (before, levels) = match (&task.thread, task.waits.first()) {
        (Some(thread), _) => {
            let name = printable(&thread.name);
            let colon = if thread.folded.is_empty() { "" } else { ": " };
            (
                format!("on {name} {} ({}){colon}", thread.tid, thread.state),
                thread.folded.as_slice(),
            )
        }
        (None, Some(wait)) if task.state != "polling" => {
            if wait.polls_ago > 0 {
                notes.push(format!("{} ago", counted(wait.polls_ago, "poll")));
            }
            if task.waits.len() > 1 {
                notes.push(format!("and {} more", task.waits.len() - 1));
            }
            (String::new(), wait.folded.as_slice())
        }
        _ => (String::new(), &[][..]),
    };
    if task.in_place {
        notes.push("in block_in_place: holds up nobody".to_owned());
    }
    if let Some(few) = task.rare {
        notes.push(match few {
            1 => "alone there".to_owned(),
            few => format!("{} there", count(few as u64)),
        });
    }
    if task.longer {
        notes.push("longer than its kind".to_owned());
    }
    if task.state == "scheduled"
        && let Some(waker) = &task.last_waker
    {
        notes.push(format!("woken by {}", self::waker(waker)));
    }
    let notes = match notes.as_slice() {
        [] => String::new(),
        notes => format!("  ({})", notes.join(", ")),
    };
    let before = keep_start(&before, columns.saturating_sub(INDENT.len()) / 2);
    // The function and its line say more than what is odd about them.
    let room = columns.saturating_sub(INDENT.len() + width(&before) + stack::line_width(levels));
    let notes = match width(&notes) <= room {
        true => notes,
        false if room > 8 => keep_start(&notes, room),
        false => String::new(),
    };
    let fixed = INDENT.len() + width(&before) + width(&notes);
    let mut line = stack::line(levels, columns.saturating_sub(fixed));
    if line.is_empty() {
        if task.state == "polling" && task.thread.is_none() {
            return None;
        }
        // A thread that runs has none now; its samples are in the report.
        line = match task.thread {
            Some(_) => String::new(),
            None => paint(
                DIM,
                keep_start(no_stack(task.no_stack), columns.saturating_sub(fixed)),
            ),
        };
    }
    Some(format!(
        "{INDENT}{}{line}{}",
        paint(DIM, before),
        paint(DIM, notes)
    ))
}

/// Why nothing is shown of where a task waits, as a sentence.
pub fn no_stack(why: Option<&str>) -> &'static str {
    match why {
        Some(NOT_POLLED_YET) => "not polled yet",
        Some(NO_WAKER_GIVEN) => "it gave its waker to nobody: pending(), or forgotten",
        // Mostly, its last poll came before the unwind tables were there.
        _ => "no stack: suspended before unwind tables were ready? --refresh takes one",
    }
}

fn waker(waker: &WakerData) -> String {
    match (waker.task, waker.tid) {
        (Some(task), _) => format!("task {}", id(task)),
        (_, Some(tid)) => format!("thread {tid}"),
        _ => "nobody".to_owned(),
    }
}

fn place_section(
    lines: &mut Vec<String>,
    places: &[PlaceData],
    top: Option<usize>,
    room: usize,
    columns: usize,
) {
    lines.push(String::new());
    lines.push(heading(
        "Where tasks wait",
        "(innermost first; libraries in one line)",
        columns,
    ));
    if places.is_empty() {
        lines.push(paint(DIM, "  none"));
    }
    let until = lines.len() + room.max(20);
    for (shown, place) in places.iter().enumerate() {
        let is_enough = match top {
            Some(top) => shown >= top,
            None => lines.len() >= until,
        };
        if is_enough {
            let more = counted((places.len() - shown) as u64, "other place");
            lines.push(paint(DIM, format!("  and {more}")));
            break;
        }
        place_lines(lines, place, columns);
    }
}

/// A place where tasks wait: who, how long, and the stack.
pub fn place_lines(lines: &mut Vec<String>, place: &PlaceData, columns: usize) {
    let ids: Vec<String> = place.ids.iter().map(|&task| id(task)).collect();
    let more = if place.tasks > place.ids.len() {
        " …"
    } else {
        ""
    };
    let since = match place.tasks {
        1 => format!("for {}", compact(place.longest_ns)),
        _ => format!(
            "for {} to {}",
            compact(place.shortest_ns),
            compact(place.longest_ns)
        ),
    };
    let lost = match place.lost_wakers {
        0 => String::new(),
        n if n == place.tasks => "  lost waker".to_owned(),
        n => format!("  {} lost their waker", count(n as u64)),
    };
    let head = format!("{} ", count(place.tasks as u64));
    let tail = format!("  {since}  {}{more}", ids.join(" "));
    let room = columns.saturating_sub(2 + width(&head) + width(&lost));
    let kind = title(&place.kind, room.saturating_sub(width(&tail).min(20)));
    let tail = keep_start(&tail, room.saturating_sub(width(&kind)));
    lines.push(format!(
        "  {}{}{}{}",
        paint(STRONG, head),
        paint(STRONG, kind),
        paint(WARNING, lost),
        paint(DIM, tail)
    ));
    if place.folded.is_empty() {
        lines.push(paint(DIM, format!("      {}", no_stack(place.no_stack))));
        return;
    }
    let stack = stack::lines(&place.folded, "      ", columns);
    let left_out = stack.len().saturating_sub(LEVELS);
    lines.extend(stack.into_iter().take(LEVELS));
    if left_out > 0 {
        lines.push(paint(
            DIM,
            format!("      and {}", counted(left_out as u64, "level")),
        ));
    }
    for other in &place.others {
        let room = columns.saturating_sub("      or on ".len());
        let name = name::fit(stack::title(&other.frame.name), room);
        lines.push(paint(DIM, format!("      or on {name}")));
    }
}
