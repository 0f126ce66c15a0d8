//! What the page is given: the tree of calls, the rows of CPU time second by second, and the facts of the header.
//!
//! Arrays side by side instead of objects, and no number that can be computed from others, because a page of a busy service has
//! hundreds of thousands of rows. `model.js` reads it.

use super::super::ExportError;
use super::super::category::Category;
use super::super::folded::thread_name;
use super::super::rows;
use super::super::stacks::{Stacks, UNSEEN_THREADS};
use super::super::text::printable;
use super::tree::{HotLine, Tree};
use hotpoll_profile::{Counts, Engine, Profile, Reason, Thread};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Rows that a page can filter without delay. A profile with more has its slices joined until they fit.
const MAX_ROWS: usize = 400_000;

/// Everything that the page shows.
#[derive(Debug, Serialize)]
pub struct Data {
    header: Header,
    categories: Vec<&'static str>,
    strings: Vec<String>,
    frames: Frames,
    nodes: Tree,
    lines: Vec<HotLine>,
    threads: Vec<ThreadFacts>,
    bins: Bins,
    rows: Rows,
}

#[derive(Debug, Serialize)]
struct Header {
    name: String,
    pid: u32,
    hotpoll_version: String,
    start_unix_ms: u64,
    duration_ns: u64,
    interval_ns: u64,
    asked_hz: f64,
    engine_setting: String,
    cpus: u32,
    /// Whether waiting is in what stands for CPU time everywhere else.
    wall: bool,
    cpu_ns: u64,
    unseen_ns: u64,
    kernel_ns: u64,
    unsampled_ns: i64,
    recorded: u64,
    overrun: u64,
    handler_ns: u64,
    lost: Vec<(&'static str, u64)>,
    truncated: Vec<(&'static str, u64)>,
    evicted_slices: u64,
    folded_stacks: u64,
    notices: Vec<String>,
}

/// One entry a frame in each; names, files and modules are indices into the strings.
#[derive(Debug, Default, Serialize)]
struct Frames {
    name: Vec<usize>,
    file: Vec<usize>,
    line: Vec<u32>,
    module: Vec<usize>,
    category: Vec<usize>,
    inlined: Vec<u8>,
    scaffolding: Vec<u8>,
}

#[derive(Debug, Serialize)]
struct ThreadFacts {
    name: String,
    tid: u32,
    engine: &'static str,
    engine_reason: &'static str,
    tick_biased: bool,
    own: bool,
    exited: bool,
}

/// Stretches of time: one slice each, or a few.
#[derive(Debug, Default, Serialize)]
struct Bins {
    start_ns: Vec<u64>,
    duration_ns: Vec<u64>,
    /// Where each bin's rows begin.
    first_row: Vec<usize>,
}

/// One entry a row in each.
#[derive(Debug, Default, Serialize)]
struct Rows {
    thread: Vec<u32>,
    node: Vec<i32>,
    count: Vec<u64>,
    /// CPU time beyond count times the interval: mostly 0, which is short.
    extra_ns: Vec<i64>,
}

/// A stretch of time and the `(count, CPU time)` of each thread and node in it, in a fixed order.
struct Bin {
    start_ns: u64,
    duration_ns: u64,
    rows: BTreeMap<(u32, i32), (u64, u64)>,
}

/// Gathers what the page shows.
pub fn data(profile: &Profile, wall: bool) -> Result<Data, ExportError> {
    let mut stacks = Stacks::new(profile);
    let unseen = stacks.add_marker(UNSEEN_THREADS);
    let mut tree = Tree::default();
    let bins = bins(profile, &stacks, unseen, &mut tree);
    for row in rows::of_window(profile, &stacks) {
        tree.add_lines(&stacks.stacks[row.stack], row.cpu_ns);
    }
    let (bins, rows) = flatten(bins, profile.interval_ns);
    if rows.node.is_empty() {
        return Err(ExportError::Empty);
    }
    let mut threads: Vec<ThreadFacts> = profile.threads.iter().map(thread_facts).collect();
    threads.push(ThreadFacts {
        name: UNSEEN_THREADS.into(),
        ..thread_facts(&Thread::default())
    });
    let mut strings = Strings::default();
    let frames = frames(profile, &stacks, &mut strings);
    Ok(Data {
        header: header(profile, wall),
        categories: Category::ALL.map(Category::label).into(),
        strings: strings.list,
        frames,
        lines: tree.hot_lines(),
        nodes: tree,
        threads,
        bins,
        rows,
    })
}

fn bins(profile: &Profile, stacks: &Stacks, unseen: usize, tree: &mut Tree) -> Vec<Bin> {
    let unseen_thread = profile.threads.len() as u32;
    let mut bin = |start_ns, duration_ns, rows: Vec<rows::Row>, unseen_ns: u64| {
        let mut bin = Bin {
            start_ns,
            duration_ns,
            rows: BTreeMap::new(),
        };
        for row in rows {
            let thread = row.thread.min(unseen_thread);
            add(
                &mut bin,
                thread,
                tree.leaf(stacks, row.stack),
                row.count,
                row.cpu_ns,
            );
        }
        if unseen_ns > 0 {
            add(
                &mut bin,
                unseen_thread,
                tree.leaf(stacks, unseen),
                0,
                unseen_ns,
            );
        }
        bin
    };
    if profile.slices.is_empty() {
        let rows = rows::of_window(profile, stacks);
        return vec![bin(0, profile.duration_ns, rows, profile.unseen_cpu_ns)];
    }
    let bins = profile
        .slices
        .iter()
        .zip(rows::of_slices(profile, stacks))
        .map(|(slice, rows)| {
            let start_ns = slice.start_unix_ns.saturating_sub(profile.start_unix_ns);
            bin(start_ns, slice.duration_ns, rows, slice.unseen_cpu_ns)
        })
        .collect();
    join(bins, MAX_ROWS)
}

/// Joins neighbours in pairs until there are few enough rows, or one bin.
fn join(mut bins: Vec<Bin>, max_rows: usize) -> Vec<Bin> {
    while bins.len() > 1 && bins.iter().map(|bin| bin.rows.len()).sum::<usize>() > max_rows {
        let mut joined: Vec<Bin> = Vec::with_capacity(bins.len().div_ceil(2));
        for (index, bin) in bins.into_iter().enumerate() {
            match joined.last_mut() {
                Some(last) if index % 2 == 1 => {
                    last.duration_ns = bin.start_ns + bin.duration_ns - last.start_ns;
                    for ((thread, node), (count, cpu_ns)) in bin.rows {
                        add(last, thread, node, count, cpu_ns);
                    }
                }
                _ => joined.push(bin),
            }
        }
        bins = joined;
    }
    bins
}

fn add(bin: &mut Bin, thread: u32, node: i32, count: u64, cpu_ns: u64) {
    let row = bin.rows.entry((thread, node)).or_default();
    row.0 += count;
    row.1 += cpu_ns;
}

fn flatten(bins: Vec<Bin>, interval_ns: u64) -> (Bins, Rows) {
    let mut flat = Bins::default();
    let mut rows = Rows::default();
    for bin in bins {
        flat.start_ns.push(bin.start_ns);
        flat.duration_ns.push(bin.duration_ns);
        flat.first_row.push(rows.node.len());
        for ((thread, node), (count, cpu_ns)) in bin.rows {
            rows.thread.push(thread);
            rows.node.push(node);
            rows.count.push(count);
            // Wide, because a file from elsewhere may hold any numbers.
            let extra_ns = i128::from(cpu_ns) - i128::from(count) * i128::from(interval_ns);
            rows.extra_ns
                .push(extra_ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64);
        }
    }
    (flat, rows)
}

fn frames(profile: &Profile, stacks: &Stacks, strings: &mut Strings) -> Frames {
    let mut frames = Frames::default();
    for frame in &stacks.frames {
        let module = frame
            .module
            .and_then(|module| profile.modules.get(module as usize));
        frames.name.push(strings.index(&frame.name));
        frames.file.push(strings.index(&frame.file));
        frames.line.push(frame.start_line);
        frames.module.push(strings.index(&match module {
            Some(module) => printable(&module.path),
            None => String::new(),
        }));
        frames.category.push(frame.category.index());
        frames.inlined.push(frame.inlined.into());
        frames.scaffolding.push(frame.scaffolding.into());
    }
    frames
}

fn header(profile: &Profile, wall: bool) -> Header {
    let process = &profile.process;
    let totals = profile.totals();
    Header {
        name: printable(&process.name),
        pid: process.pid,
        hotpoll_version: printable(&process.hotpoll_version),
        start_unix_ms: profile.start_unix_ns / 1_000_000,
        duration_ns: profile.duration_ns,
        interval_ns: profile.interval_ns,
        asked_hz: process.asked_hz,
        engine_setting: printable(&process.engine_setting),
        cpus: process.cpus,
        wall,
        cpu_ns: profile.process_cpu_ns,
        unseen_ns: profile.unseen_cpu_ns,
        kernel_ns: totals.kernel_ns,
        unsampled_ns: totals.unsampled_ns(),
        recorded: totals.recorded,
        overrun: totals.overrun,
        handler_ns: totals.handler_ns,
        lost: counts(&totals.lost),
        truncated: counts(&totals.truncated),
        evicted_slices: profile.evicted_slices,
        folded_stacks: profile.folded_stacks,
        notices: process
            .notices
            .iter()
            .map(|notice| printable(notice))
            .collect(),
    }
}

fn counts<R: Reason>(counts: &Counts<R>) -> Vec<(&'static str, u64)> {
    counts
        .iter()
        .map(|(reason, count)| (reason.label(), count))
        .collect()
}

fn thread_facts(thread: &Thread) -> ThreadFacts {
    ThreadFacts {
        name: thread_name(Some(thread)),
        tid: thread.tid,
        engine: if thread.engine == Engine::None {
            "not sampled"
        } else {
            thread.engine.label()
        },
        engine_reason: thread.engine_reason.label(),
        tick_biased: thread.tick_biased,
        own: thread.own,
        exited: thread.exited,
    }
}

#[derive(Debug, Default)]
struct Strings {
    list: Vec<String>,
    indices: HashMap<String, usize>,
}

impl Strings {
    fn index(&mut self, text: &str) -> usize {
        if let Some(&index) = self.indices.get(text) {
            return index;
        }
        let index = self.list.len();
        self.list.push(text.to_owned());
        self.indices.insert(text.to_owned(), index);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture;
    use super::*;
    use crate::golden;

    #[test]
    fn service() {
        let data = serde_json::to_value(data(&fixture::service(), false).unwrap()).unwrap();
        golden::check(
            "service.html-data.json",
            &serde_json::to_string_pretty(&data).unwrap(),
        );
    }

    #[test]
    fn rows_sum_to_the_process_clock() {
        let profile = fixture::service();
        let data = data(&profile, false).unwrap();
        let cpu_ns: i64 = data
            .rows
            .count
            .iter()
            .zip(&data.rows.extra_ns)
            .map(|(count, extra_ns)| (count * profile.interval_ns) as i64 + extra_ns)
            .sum();
        assert_eq!(cpu_ns, profile.process_cpu_ns as i64);
    }

    #[test]
    fn joined_bins_keep_their_sums() {
        let bin = |second: u64| Bin {
            start_ns: second * 10,
            duration_ns: 10,
            rows: [((0, 0), (1, second)), ((0, second as i32 + 1), (1, 1))].into(),
        };
        let joined = join((0..5).map(bin).collect(), 6);
        let spans: Vec<_> = joined
            .iter()
            .map(|bin| (bin.start_ns, bin.duration_ns))
            .collect();
        assert_eq!(spans, [(0, 50)]);
        assert_eq!(joined[0].rows[&(0, 0)], (5, 10));
        assert_eq!(joined[0].rows.len(), 6);
        assert_eq!(join((0..5).map(bin).collect(), 9).len(), 3);
    }

    #[test]
    fn an_empty_profile_is_an_error() {
        assert!(matches!(
            data(&Profile::default(), false),
            Err(ExportError::Empty)
        ));
    }
}
