//! The two lines at the top, and the third: whether anything is stuck.

use super::columns::{parts, with_right};
use super::picture::Picture;
use crate::export::text::printable;
use crate::text::number::{count, counted, hertz, moment, percent_in_words, time_of_day};
use crate::text::style::{DIM, GOOD, HEADING, WARNING, paint};
use crate::text::width::keep_start;

/// The process, its CPU time, its threads and tasks.
pub fn process(picture: &Picture, is_file: bool, columns: usize) -> String {
    let report = &picture.report;
    let mut name = printable(&report.process.name);
    if report.process.pid != 0 {
        name += &format!(" {}", report.process.pid);
    }
    let available = match report.process.cpus {
        0 => String::new(),
        cpus => format!(" of {}", count(cpus.into())),
    };
    let tasks = match (picture.tasks.coverage.alive, picture.tasks.coverage.tracked) {
        (None | Some(0), 0) if picture.tasks.coverage.tracked_beside == 0 => String::new(),
        (Some(alive), tracked) if alive > tracked => {
            format!("{}, {} tracked", counted(alive, "task"), count(tracked))
        }
        (Some(alive), _) => counted(alive, "task"),
        (None, tracked) => counted(tracked + picture.tasks.coverage.tracked_beside, "task"),
    };
    let left = parts(
        &[
            paint(HEADING, keep_start(&name, columns)),
            format!("CPU {:.2}{available}", report.cores),
            counted(report.thread_count as u64, "thread"),
            tasks,
        ],
        columns,
    );
    let taken = picture.taken_unix_ns();
    let when = match is_file {
        true => moment(taken),
        false => time_of_day(taken),
    };
    with_right(&left, &paint(DIM, format!("{when} UTC")), columns)
}

/// How it is sampled, and how far that can be trusted.
pub fn sampling(picture: &Picture, columns: usize) -> String {
    let report = &picture.report;
    let samples = &report.samples;
    let lost: u64 = report.lost.iter().map(|lost| lost.count).sum();
    let mut engines: Vec<(&str, usize)> = Vec::new();
    for engine in &samples.engines {
        match engines.iter_mut().find(|known| known.0 == engine.engine) {
            Some(known) => known.1 += engine.threads,
            None => engines.push((engine.engine, engine.threads)),
        }
    }
    let engines: Vec<String> = (engines.iter())
        .map(|(engine, threads)| format!("{engine} x{}", count(*threads as u64)))
        .collect();
    let rate = match samples.delivered_hz {
        Some(delivered) => format!(
            "{} of {}",
            hertz(delivered).trim_end_matches(" Hz"),
            hertz(samples.asked_hz)
        ),
        None => format!("{} asked", hertz(samples.asked_hz)),
    };
    let lost = match lost {
        0 => "none lost".to_owned(),
        lost => paint(
            WARNING,
            format!("{} of {} lost", count(lost), count(samples.fired)),
        ),
    };
    let overhead = &report.overhead;
    let notices = match report.notices.len() as u64 {
        0 => String::new(),
        n => paint(WARNING, format!("! {} (i)", counted(n, "notice"))),
    };
    parts(
        &[
            notices,
            engines.join(", "),
            rate,
            lost,
            match overhead.handler_measured {
                true => format!("overhead {}", percent_in_words(overhead.fraction)),
                false => "overhead not measured".to_owned(),
            },
            format!("agent {}", percent_in_words(overhead.agent_cores)),
        ],
        columns,
    )
}

/// What is stuck, or that nothing is.
pub fn problems(picture: &Picture, columns: usize) -> String {
    let verdicts = &picture.verdicts;
    let Some(worst) = verdicts.problems.first() else {
        let waits = |n: u64, what: &str| match n {
            0 => String::new(),
            n => format!("{} {what}", count(n)),
        };
        return parts(
            &[
                paint(GOOD, "nothing is stuck"),
                waits(verdicts.idle, "wait for something to do"),
                waits(verdicts.external, "for input or output"),
            ],
            columns,
        );
    };
    let n = counted(verdicts.problems.len() as u64, "problem");
    let line = format!("! {n}: {}: {}", worst.kind.label(), worst.headline);
    paint(WARNING, keep_start(&printable(&line), columns))
}
