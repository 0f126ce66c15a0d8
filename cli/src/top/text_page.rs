//! What there is to say about one thread, one task, or the places where a kind's tasks wait.

use super::page::Subject;
use super::picture::Picture;
use super::thread_rows::polls;
use crate::export::text::printable;
use crate::report::collect::hottest;
use crate::report::header;
use crate::report::wall::of_thread;
use crate::tasks::data::{TaskData, WakerData};
use crate::tasks::text::{id, place_lines};
use crate::tasks::{self, collect};
use crate::text::name;
use crate::text::number::{count, counted, duration, percent};
use crate::text::style::{DIM, STRONG, WARNING, heading, heat, paint};
use crate::text::width::{keep_start, pad_left, wrap};
use crate::threads::data::ThreadData;
use crate::{stack, stuck};
use hotpoll_profile::Sample;
use hotpoll_symbolizer::view::{Frames, Weight};

/// Hot functions, and places, of a thread.
const ROWS: usize = 20;

/// The lines of a page, each in at most `columns`, with their styles.
pub fn lines(picture: &Picture, subject: Subject, columns: usize) -> Vec<String> {
    match subject {
        Subject::Thread(tid) => {
            let thread = picture
                .threads
                .threads
                .iter()
                .find(|one| u64::from(one.tid) == tid);
            match thread {
                Some(thread) => of_one_thread(picture, thread, columns),
                None => gone(&format!("thread {tid} has ended"), columns),
            }
        }
        Subject::Task(task) => match collect::one(&picture.now, task) {
            Some(task) => of_task(&task, columns),
            None => gone(&format!("task {} has ended", id(task)), columns),
        },
        Subject::Places(kind) => of_places(picture, kind, columns),
        Subject::Lock(id) => super::resource_page::lines(picture, id, columns),
        Subject::Sampling => {
            let mut lines = header::lines(&picture.report, columns);
            if let Some(notice) = stuck::unlisted(&picture.now.snapshot().resources) {
                warn(&mut lines, &notice, columns);
            }
            lines
        }
        Subject::Problem(id) => super::problem_page::lines(picture, id, columns),
    }
}

fn gone(sentence: &str, columns: usize) -> Vec<String> {
    vec![paint(WARNING, keep_start(sentence, columns))]
}

/// A sentence in as many lines as it takes.
fn say(lines: &mut Vec<String>, sentence: &str, columns: usize) {
    lines.extend(wrap(sentence, columns));
}

fn warn(lines: &mut Vec<String>, sentence: &str, columns: usize) {
    let sentence = format!("! {sentence}");
    lines.extend(
        wrap(&sentence, columns)
            .into_iter()
            .map(|line| paint(WARNING, line)),
    );
}

fn since(ns: u64) -> String {
    match ns {
        0 => String::new(),
        ns => format!(" for {}", duration(ns)),
    }
}

fn of_one_thread(picture: &Picture, thread: &ThreadData, columns: usize) -> Vec<String> {
    let profile = picture.now.profile();
    let frames = Frames::new(profile);
    let mut lines = Vec::new();
    let mut sentence = format!(
        "{} {}: {}{}, {} of a core in the last {}",
        printable(&thread.name),
        thread.tid,
        thread.state,
        since(thread.state_ns),
        percent(thread.cores),
        duration(profile.duration_ns),
    );
    let polls = polls(thread);
    if !polls.is_empty() {
        sentence += &format!("; {polls}");
    }
    if let Some(number) = thread.syscall {
        sentence += &format!("; in system call {number}");
    }
    say(&mut lines, &sentence, columns);
    if let Some(stuck) = thread.stuck {
        warn(&mut lines, stuck, columns);
    }
    lines.push(String::new());
    let note = match (thread.failure, thread.stack_age_ns) {
        (Some(why), _) => format!("({why})"),
        (None, 0) => String::new(),
        (None, age) => format!("(taken {} ago; it has not run since)", duration(age)),
    };
    lines.push(heading("Stack now", &note, columns));
    match thread.folded.is_empty() {
        true => lines.push(paint(DIM, "  none")),
        false => lines.extend(stack::lines(&thread.folded, "  ", columns)),
    }
    let is_its = |sample: &Sample| {
        let of = profile.threads.get(sample.thread as usize);
        of.is_some_and(|of| of.tid == thread.tid)
    };
    let samples: Vec<&Sample> = (profile.samples.iter())
        .filter(|sample| sample.state.is_on_cpu() && is_its(sample))
        .collect();
    let whole = Weight::sum(samples.iter().copied());
    lines.push(String::new());
    let note = format!(
        "({} in {})",
        duration(whole.cpu_ns),
        counted(whole.count, "sample")
    );
    lines.push(heading("Hottest functions", &note, columns));
    let functions = hottest(&frames, &samples, whole.cpu_ns, ROWS);
    if functions.is_empty() {
        lines.push(paint(DIM, "  it used no processor"));
    } else {
        lines.push(paint(DIM, "    self   total  function"));
    }
    for function in &functions {
        let mut beside = String::new();
        if !function.caller.is_empty() {
            beside = format!("  ← {}", name::short(&function.caller));
        }
        let room = columns.saturating_sub(18);
        let called = name::fit(&function.name, room);
        let left = room.saturating_sub(crate::text::width::width(&called));
        let beside = if left > 8 {
            keep_start(&beside, left)
        } else {
            String::new()
        };
        let own = pad_left(&percent(function.own.share), 8);
        let total = pad_left(&percent(function.total.share), 8);
        lines.push(format!(
            "{}{total}  {}{}",
            paint(heat(function.own.share), own),
            paint(STRONG, called),
            paint(DIM, beside)
        ));
    }
    lines.push(String::new());
    lines.push(heading("Where it waited", "(longest first)", columns));
    let waits = of_thread(&frames, thread.tid);
    let places = waits.iter().flat_map(|one| &one.places);
    let before = lines.len();
    for place in places.take(ROWS) {
        let figures = format!(
            "{}  {:<10}",
            pad_left(&duration(place.wall_ns), 9),
            place.state
        );
        let room = columns.saturating_sub(crate::text::width::width(&figures) + 2);
        lines.push(format!("{figures}  {}", stack::line(&place.folded, room)));
    }
    if lines.len() == before {
        lines.push(paint(DIM, "  nowhere that a look has seen"));
    }
    lines
}

fn of_task(task: &TaskData, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let sentence = format!(
        "{} {}: {}{}; spawned {} ago{}",
        id(task.id),
        printable(&task.kind),
        task.state,
        since(task.state_ns),
        duration(task.age_ns),
        match task.parent {
            0 => String::new(),
            parent => format!(" by {}", id(parent)),
        }
    );
    say(&mut lines, &sentence, columns);
    if let Some(problem) = task.problem {
        warn(&mut lines, problem, columns);
    }
    if let Some(few) = task.rare {
        let few = counted(few as u64, "task");
        warn(
            &mut lines,
            &format!("{few} of its kind there, most elsewhere"),
            columns,
        );
    }
    if task.longer {
        warn(
            &mut lines,
            "it has waited longer than its kind does",
            columns,
        );
    }
    let sentence = format!(
        "{}, longest {}; in polls {}, woken and not polled {}, suspended {}",
        counted(task.polls, "poll"),
        duration(task.max_poll_ns),
        duration(task.busy_ns),
        duration(task.scheduled_ns),
        duration(task.idle_ns),
    );
    say(&mut lines, &sentence, columns);
    let woken = match &task.last_waker {
        Some(WakerData {
            task: Some(waker), ..
        }) => format!(", last by task {}", id(*waker)),
        Some(WakerData { tid: Some(tid), .. }) => format!(", last by thread {tid}"),
        _ => String::new(),
    };
    let ago = match task.last_wake_ns {
        0 => String::new(),
        ns => format!(" {} ago", duration(ns)),
    };
    let sentence = format!(
        "{}{woken}{ago}; {} of its waker held",
        counted(task.wakes, "wake"),
        counted(task.wakers, "clone"),
    );
    say(&mut lines, &sentence, columns);
    if let Some(thread) = &task.thread {
        lines.push(String::new());
        let on = format!("On {} {}", printable(&thread.name), thread.tid);
        lines.push(heading(&on, &format!("({})", thread.state), columns));
        lines.extend(stack::lines(&thread.folded, "  ", columns));
    }
    for wait in &task.waits {
        lines.push(String::new());
        let note = match wait.polls_ago {
            0 => String::new(),
            polls => format!("(taken {} ago)", counted(polls, "poll")),
        };
        let title = if wait.representative {
            "Suspended in"
        } else {
            "And in"
        };
        lines.push(heading(title, &note, columns));
        lines.extend(stack::lines(&wait.folded, "  ", columns));
    }
    if task.thread.is_none() && task.waits.is_empty() {
        lines.push(String::new());
        lines.push(paint(
            DIM,
            keep_start(tasks::text::no_stack(task.no_stack), columns),
        ));
    }
    lines
}

fn of_places(picture: &Picture, kind: u64, columns: usize) -> Vec<String> {
    let options = collect::Options {
        filter: tasks::filter::Filter {
            kind: picture.titles.get(&kind).cloned(),
            pattern: None,
        },
        alike: Some(1),
        suspended: true,
        ..collect::Options::default()
    };
    let data = collect::collect(&picture.now, &options);
    let places = data.suspended.unwrap_or_default();
    let note = format!("({}, innermost first)", count(places.len() as u64));
    let mut lines = vec![heading("Places", &note, columns)];
    for place in &places {
        place_lines(&mut lines, place, columns);
    }
    if places.is_empty() {
        lines.push(paint(DIM, "  none: no task of this kind is suspended"));
    }
    lines
}
