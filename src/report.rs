//! A short text for people, made in the process.

use crate::Profile;
use hotpoll_profile::Reason;
use hotpoll_symbolizer::view::frames::Frames;
use hotpoll_symbolizer::view::functions::{FunctionRow, functions};
use hotpoll_symbolizer::view::origin::Origin;
use hotpoll_symbolizer::view::summary::Summary;
use hotpoll_symbolizer::view::threads::{Grouping, group};
use hotpoll_symbolizer::view::weight::share;
use std::cmp::Reverse;
use std::fmt;

/// Threads and functions listed; the rest is said in one line.
const MOST_ROWS: usize = 15;
/// The program's own functions listed.
const MOST_OWN_ROWS: usize = 8;

/// Where the CPU time went: displays itself as a text of some forty lines. `hotpoll report` says more.
#[derive(Debug, Clone)]
pub struct Report {
    /// None for a guard that does nothing.
    profile: Option<Profile>,
}

impl Report {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile: Some(profile),
        }
    }

    pub(crate) fn inert() -> Self {
        Self { profile: None }
    }

    /// What the text is made from; `None` when hotpoll was switched off or not asked for.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(profile) = &self.profile else {
            return writeln!(
                f,
                "hotpoll is not running: switched off by HOTPOLL=off, or not asked for"
            );
        };
        let summary = Summary::new(profile);
        header(f, profile, &summary)?;
        threads(f, profile, &summary)?;
        hottest(f, profile, &summary)
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn percent(part_ns: u64, whole_ns: u64) -> f64 {
    share(part_ns, whole_ns) * 100.0
}

fn header(f: &mut fmt::Formatter<'_>, profile: &Profile, summary: &Summary) -> fmt::Result {
    let process = &profile.process;
    writeln!(
        f,
        "{} (PID {}): {:.2} s of CPU time in {:.1} s, {} samples, asked {:.0} Hz",
        process.name,
        process.pid,
        seconds(summary.cpu_ns),
        seconds(summary.duration_ns),
        summary.samples.count,
        process.asked_hz,
    )?;
    let rows = [
        ("[kernel]", summary.kernel_ns),
        ("[unsampled]", summary.unsampled_ns),
        ("[unseen threads]", summary.unseen_ns),
    ];
    for (name, ns) in rows.into_iter().filter(|(_, ns)| *ns > 0) {
        let percent = percent(ns, summary.cpu_ns);
        writeln!(f, "{percent:6.1} %  {name}")?;
    }
    for (reason, count) in summary.lost.iter() {
        writeln!(f, "{count} samples lost: {}", reason.label())?;
    }
    for (reason, count) in summary.cut_short() {
        writeln!(f, "{count} callchains cut short: {}", reason.label())?;
    }
    if profile.evicted_slices > 0 || profile.folded_stacks > 0 {
        writeln!(
            f,
            "for want of memory {} slices were evicted and {} stacks folded into \"other\"",
            profile.evicted_slices, profile.folded_stacks
        )?;
    }
    writeln!(
        f,
        "overhead: {:.2} % of the CPU time in handler and delivery; hotpoll's own threads took {:.3} s",
        summary.overhead() * 100.0,
        seconds(summary.agent_ns),
    )?;
    for notice in &process.notices {
        writeln!(f, "note: {notice}")?;
    }
    Ok(())
}

fn threads(f: &mut fmt::Formatter<'_>, profile: &Profile, summary: &Summary) -> fmt::Result {
    writeln!(f, "\n   CPU      samples  thread")?;
    let groups = group(profile, Grouping::ByName);
    for group in groups.iter().take(MOST_ROWS) {
        writeln!(
            f,
            "{:6.1} %  {:9}  {}{}",
            percent(group.cpu_ns(), summary.cpu_ns),
            group.samples.count,
            group.label,
            match group.threads.len() {
                1 => String::new(),
                threads => format!(" ({threads} threads)"),
            }
        )?;
    }
    rest(f, groups.len(), "groups of threads")
}

fn hottest(f: &mut fmt::Formatter<'_>, profile: &Profile, summary: &Summary) -> fmt::Result {
    let frames = Frames::new(profile);
    let rows = functions(&frames, profile.samples.iter());
    own_code(f, &frames, &rows, summary)?;
    writeln!(f, "\n   self      total  samples  function")?;
    for row in rows.iter().take(MOST_ROWS) {
        writeln!(
            f,
            "{:6.1} %  {:6.1} %  {:7}  {}",
            percent(row.own.cpu_ns, summary.cpu_ns),
            percent(row.total.cpu_ns, summary.cpu_ns),
            row.own.count,
            frames.get(row.frame).name,
        )?;
    }
    rest(f, rows.len(), "functions")
}

/// The program's own functions by their total: what burns is mostly a library's, and who called it is what one can change.
fn own_code(
    f: &mut fmt::Formatter<'_>,
    frames: &Frames<'_>,
    rows: &[FunctionRow],
    summary: &Summary,
) -> fmt::Result {
    let is_own = |row: &&FunctionRow| frames.get(row.frame).origin == Origin::Own;
    let mut own: Vec<&FunctionRow> = rows.iter().filter(is_own).collect();
    if own.is_empty() {
        return Ok(());
    }
    own.sort_by_key(|row| Reverse(row.total.cpu_ns));
    writeln!(f, "\n  total  own code")?;
    for row in own.into_iter().take(MOST_OWN_ROWS) {
        let total = percent(row.total.cpu_ns, summary.cpu_ns);
        writeln!(f, "{total:6.1} %  {}", frames.get(row.frame).name)?;
    }
    Ok(())
}

fn rest(f: &mut fmt::Formatter<'_>, rows: usize, what: &str) -> fmt::Result {
    match rows.checked_sub(MOST_ROWS) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "… and {more} more {what}"),
    }
}
