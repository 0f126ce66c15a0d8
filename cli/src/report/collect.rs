//! Computes a report's data from a profile. Decides what is in it, not how it looks.

use super::data::{
    AccountedData, Counted, Data, EngineData, FocusData, FunctionData, ModuleData, NameData,
    OverheadData, OwnData, PathData, ProcessData, SamplesData, StacksData, TaskData, ThreadData,
    WeightData, WindowData, WorkData,
};
use super::notices::notices;
use super::options::{By, Options};
use super::{locks, tree, wall};
use crate::tasks::coverage::Coverage;
use hotpoll_profile::{Engine, EngineReason, Profile, Reason, Sample, Work, WorkSource};
use hotpoll_symbolizer::view::{
    Focus, FrameId, Frames, FunctionRow, Grouping, HotPath, Origin, Summary, ThreadGroup, Weight,
    functions, hot_path, kind_times, modules, own_code, tasks, threads, weight,
};

/// Rows of a list in a report that is left to fit a screen: more than a screen has, so that JSON carries some more.
const ROWS: usize = 30;
/// Functions of each thread in such a report.
const THREAD_ROWS: usize = 10;

/// The report of a profile.
pub fn collect(profile: &Profile, options: &Options) -> Data {
    let frames = Frames::new(profile);
    let focus = match &options.focus {
        Some(pattern) => Focus::on(&frames, |name| pattern.is_match(name)),
        None => Focus::everything(),
    };
    let selected: Vec<&Sample> = profile
        .samples
        .iter()
        .filter(|sample| sample.state.is_on_cpu() && focus.selects(&frames, sample))
        .collect();
    let summary = Summary::new(profile);
    let whole = summary.cpu_ns;
    let top = options.top.unwrap_or(ROWS);
    let process_accounts = Unnamed {
        kernel_ns: summary.kernel_ns,
        unsampled_ns: summary.unsampled_ns + summary.unseen_ns,
    };
    let focus_data = options.focus.as_ref().map(|pattern| FocusData {
        pattern: pattern.as_str().to_owned(),
        selected: weigh(Weight::sum(selected.iter().copied()), whole),
    });
    let unnamed = focus_data.is_none().then_some(process_accounts);
    let grouping = match options.split_threads {
        true => Grouping::Each,
        false => Grouping::ByName,
    };
    let groups = threads::group(profile, grouping);
    let samples_of = by_group(profile, &groups, &selected);
    Data {
        process: process(profile),
        window: WindowData {
            start_unix_ns: profile.start_unix_ns,
            duration_ns: profile.duration_ns,
            evicted_slices: profile.evicted_slices,
        },
        cpu_ns: whole,
        clocked: summary.clocked,
        cores: summary.cores(),
        work: work(profile, whole.saturating_sub(summary.agent_ns)),
        task_counts: task_counts(profile),
        samples: samples(&summary),
        accounted: AccountedData {
            sampled_ns: summary.samples.cpu_ns,
            sampled_kernel_ns: summary.kernel_sampled_ns,
            kernel_ns: summary.kernel_ns,
            unsampled_ns: summary.unsampled_ns,
            unseen_ns: summary.unseen_ns,
            agent_ns: summary.agent_ns,
            oversampled_ns: summary.oversampled_ns,
        },
        lost: counted(summary.lost.iter()),
        stacks: StacksData {
            complete: summary.complete(),
            guessed: summary.guessed,
            cut_short: counted(summary.cut_short()),
            other: weigh(summary.other, whole),
            folded_stacks: profile.folded_stacks,
            unnamed_ns: summary.unnamed_ns,
        },
        overhead: OverheadData {
            fraction: summary.overhead(),
            handler_ns: summary.handler_ns,
            handler_measured: profile.process.self_time_measured,
            delivery_ns: summary.delivery_ns,
            agent_cores: weight::share(summary.agent_ns, summary.duration_ns),
        },
        notices: notices(profile, &summary),
        focus: focus_data,
        thread_count: summary.threads,
        threads: groups
            .iter()
            .zip(&samples_of)
            .enumerate()
            .map(|(index, (group, samples))| {
                // A process may have thousands, and nobody reads on so far.
                let rows = match index < top {
                    true => options.top.unwrap_or(THREAD_ROWS),
                    false => 0,
                };
                thread(&frames, group, samples, rows, options.focus.is_some())
            })
            .collect(),
        functions: function_rows(&frames, &selected, whole, unnamed, top),
        modules: (options.by == By::Module).then(|| module_rows(&frames, &selected, whole, top)),
        kinds: (options.by == By::Task)
            .then(|| wall::kinds(&frames, |one| focus.selects(&frames, one), whole, top)),
        runnable_in_no_kind_ns: (options.by == By::Task)
            .then(|| kind_times::runnable_in_no_kind(profile, |one| focus.selects(&frames, one))),
        kinds_since_start: (options.by == By::Task).then_some(options.kinds_window_ns.is_none()),
        kinds_window_ns: options.kinds_window_ns,
        locks: (options.by == By::Lock)
            .then(|| locks::locks(&frames, |one| focus.selects(&frames, one), top)),
        tasks: (options.by == By::Task).then(|| task_rows(&frames, &selected, whole, top)),
        wall: options
            .wall
            .then(|| wall::wall(&frames, grouping, |one| focus.selects(&frames, one), top)),
        tree: options.tree.then(|| match options.by {
            By::Thread => tree::by_thread(&frames, &groups, &samples_of, whole),
            _ => tree::of_all(&frames, &selected, whole),
        }),
    }
}

/// CPU time that is no function's.
#[derive(Clone, Copy)]
struct Unnamed {
    kernel_ns: u64,
    unsampled_ns: u64,
}

/// What got done in the window, the program's own counters first.
fn work(profile: &Profile, cpu_ns: u64) -> Vec<WorkData> {
    let row = |work: &Work, source| WorkData {
        name: work.name.clone(),
        source,
        units: work.units,
        per_second: (profile.duration_ns > 0)
            .then(|| work.units as f64 * 1e9 / profile.duration_ns as f64),
        cpu_ns_each: cpu_ns.checked_div(work.units),
    };
    let sources = [
        (WorkSource::Given, "given"),
        (WorkSource::Program, "program"),
        (WorkSource::Tasks, "tasks"),
    ];
    let sources = sources.into_iter();
    sources
        .flat_map(|(source, label)| {
            let of_source = (profile.work.iter()).filter(move |work| work.source == source);
            of_source.map(move |work| row(work, label))
        })
        .collect()
}

/// Of a moment in which somebody may have polled tasks: not of several files, nor of what had stopped.
fn task_counts(profile: &Profile) -> Option<Coverage> {
    let snapshot = (profile.snapshot.as_ref()).filter(|snapshot| snapshot.taken_unix_ns != 0)?;
    let counts = Coverage::of(&snapshot.tasks);
    (counts.alive.is_some() || counts.tracked_beside > 0).then_some(counts)
}

fn process(profile: &Profile) -> ProcessData {
    let process = &profile.process;
    ProcessData {
        pid: process.pid,
        name: process.name.clone(),
        start_unix_ns: process.start_unix_ns,
        cpus: process.cpus,
        hotpoll_version: process.hotpoll_version.clone(),
    }
}

fn samples(summary: &Summary) -> SamplesData {
    let engines = summary
        .rate
        .engines
        .iter()
        .map(|(&key, &(cpu_ns, threads))| (key, threads, cpu_ns));
    SamplesData {
        count: summary.samples.count,
        cpu_ns: summary.samples.cpu_ns,
        fired: summary.fired,
        recorded: summary.recorded,
        overrun: summary.overrun,
        asked_hz: summary.rate.asked_hz,
        delivered_hz: summary.rate.delivered_hz,
        engines: engine_rows(engines),
    }
}

fn engine_rows(
    engines: impl Iterator<Item = ((Engine, EngineReason), usize, u64)>,
) -> Vec<EngineData> {
    let mut rows: Vec<EngineData> = engines
        .map(|((engine, reason), threads, cpu_ns)| EngineData {
            engine: engine.label(),
            reason: reason.label(),
            threads,
            cpu_ns,
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.cpu_ns, row.threads)));
    rows
}

pub fn counted<R: Reason>(counts: impl Iterator<Item = (R, u64)>) -> Vec<Counted> {
    let mut counts: Vec<Counted> = counts
        .map(|(reason, count)| Counted {
            reason: reason.label(),
            count,
        })
        .collect();
    counts.sort_by_key(|counted| std::cmp::Reverse(counted.count));
    counts
}

/// A weight, and its part of a whole.
pub fn weigh(weight: Weight, whole: u64) -> WeightData {
    WeightData {
        cpu_ns: weight.cpu_ns,
        samples: weight.count,
        share: weight.share_of(whole),
    }
}

/// The selected samples of each group, in the groups' order.
fn by_group<'p>(
    profile: &Profile,
    groups: &[ThreadGroup],
    selected: &[&'p Sample],
) -> Vec<Vec<&'p Sample>> {
    let mut group_of = vec![None; profile.threads.len()];
    for (index, group) in groups.iter().enumerate() {
        for &thread in &group.threads {
            group_of[thread as usize] = Some(index);
        }
    }
    let mut samples_of = vec![Vec::new(); groups.len()];
    for &sample in selected {
        if let Some(&Some(group)) = group_of.get(sample.thread as usize) {
            samples_of[group].push(sample);
        }
    }
    samples_of
}

fn thread(
    frames: &Frames,
    group: &ThreadGroup,
    samples: &[&Sample],
    rows: usize,
    focused: bool,
) -> ThreadData {
    let profile = frames.profile();
    let cpu_ns = group.cpu_ns();
    let samples_count = Weight::sum(samples.iter().copied()).count;
    let samples = if rows == 0 { &[] } else { samples };
    let unnamed = (!focused).then_some(Unnamed {
        kernel_ns: group.accounts.kernel_ns,
        unsampled_ns: group.unsampled_ns(),
    });
    let engines = group
        .engines
        .iter()
        // The clocks are summed over the group: which engine had how much of it is in the header.
        .map(|(&key, &threads)| (key, threads, 0));
    ThreadData {
        name: group.label.clone(),
        tids: group
            .threads
            .iter()
            .map(|&thread| profile.threads[thread as usize].tid)
            .collect(),
        own: group.own,
        exited: group.exited,
        cpu_ns,
        cores: weight::share(cpu_ns, profile.duration_ns),
        samples: samples_count,
        kernel_ns: group.accounts.kernel_ns,
        unsampled_ns: group.unsampled_ns(),
        engines: engine_rows(engines),
        signal_blocked: group.signal_blocked,
        tick_biased: group.tick_biased,
        own_code: own_code::own_code(frames, samples.iter().copied())
            .into_iter()
            .take(rows)
            .map(|row| OwnData {
                function: name(frames, row.frame),
                weight: weigh(row.weight, cpu_ns),
            })
            .collect(),
        hot_path: path(
            frames,
            hot_path::hot_path(frames, samples.iter().copied()),
            cpu_ns,
        ),
        functions: function_rows(frames, samples, cpu_ns, unnamed, rows),
    }
}

/// A path with names.
pub fn path(frames: &Frames, path: HotPath, whole: u64) -> PathData {
    PathData {
        functions: path
            .frames
            .iter()
            .map(|&frame| name(frames, frame))
            .collect(),
        weight: weigh(path.weight, whole),
    }
}

fn name(frames: &Frames, frame: FrameId) -> NameData {
    let frame = frames.get(frame);
    NameData {
        name: frame.name.clone(),
        origin: frame.origin.label(),
    }
}

/// The hottest functions of some samples.
pub fn hottest(frames: &Frames, samples: &[&Sample], whole: u64, rows: usize) -> Vec<FunctionData> {
    function_rows(frames, samples, whole, None, rows)
}

/// The hottest functions, and `[kernel]` and `[unsampled]` in their places among them.
fn function_rows(
    frames: &Frames,
    samples: &[&Sample],
    whole: u64,
    unnamed: Option<Unnamed>,
    rows: usize,
) -> Vec<FunctionData> {
    let mut table: Vec<FunctionData> = functions::functions(frames, samples.iter().copied())
        .into_iter()
        // Scaffolding is on every stack: it is worth a row only where it is the leaf.
        .filter(|row| {
            let origin = frames.get(row.frame).origin;
            row.own != Weight::default() || matches!(origin, Origin::Own | Origin::Dependency)
        })
        .take(rows)
        .map(|row| function(frames, row, whole))
        .collect();
    let unnamed = unnamed.into_iter().flat_map(|unnamed| {
        [
            ("[kernel]", unnamed.kernel_ns),
            ("[unsampled]", unnamed.unsampled_ns),
        ]
    });
    for (name, cpu_ns) in unnamed.filter(|(_, cpu_ns)| *cpu_ns > 0) {
        let weight = WeightData {
            cpu_ns,
            samples: 0,
            share: weight::share(cpu_ns, whole),
        };
        let row = FunctionData {
            name: name.to_owned(),
            system_name: String::new(),
            origin: Origin::Unknown.label(),
            file: String::new(),
            line: 0,
            module: String::new(),
            caller: String::new(),
            own: weight,
            total: weight,
        };
        let place = table.partition_point(|other| other.own.cpu_ns >= cpu_ns);
        table.insert(place, row);
    }
    table.truncate(rows);
    table
}

fn function(frames: &Frames, row: FunctionRow, whole: u64) -> FunctionData {
    let frame = frames.get(row.frame);
    let (file, line) = match row.hottest {
        Some(hottest) => (hottest.file, hottest.line),
        None => (frame.file.clone(), frame.start_line),
    };
    let module = frame
        .module
        .and_then(|module| frames.profile().modules.get(module as usize));
    FunctionData {
        name: frame.name.clone(),
        system_name: frame.system_name.clone(),
        origin: frame.origin.label(),
        file,
        line,
        module: module.map_or_else(String::new, |module| module.file_name().to_owned()),
        caller: row
            .caller
            .map_or_else(String::new, |caller| frames.get(caller).name.clone()),
        own: weigh(row.own, whole),
        total: weigh(row.total, whole),
    }
}

fn module_rows(frames: &Frames, samples: &[&Sample], whole: u64, rows: usize) -> Vec<ModuleData> {
    modules::modules(frames, samples.iter().copied())
        .into_iter()
        .take(rows)
        .map(|row| {
            let module = row
                .module
                .and_then(|module| frames.profile().modules.get(module as usize));
            ModuleData {
                path: module.map_or_else(|| "[no module]".to_owned(), |m| m.path.clone()),
                build_id: module.map_or_else(String::new, |module| hex(&module.build_id)),
                own: weigh(row.own, whole),
                total: weigh(row.total, whole),
                addresses: row.addresses,
                named: row.named,
                with_line: row.with_line,
            }
        })
        .collect()
}

fn task_rows(frames: &Frames, samples: &[&Sample], whole: u64, rows: usize) -> Vec<TaskData> {
    tasks::tasks(samples.iter().copied())
        .into_iter()
        .take(rows)
        .map(|row| TaskData {
            id: row.task,
            kind: row.kind,
            title: title(frames.profile(), row.kind),
            weight: weigh(row.weight, whole),
            hot_path: path(
                frames,
                hot_path::hot_path(frames, row.samples.iter().copied()),
                row.weight.cpu_ns,
            ),
        })
        .collect()
}

/// What a task kind is called, where the snapshot knows it.
fn title(profile: &Profile, kind: u64) -> String {
    let tasks = profile.snapshot.as_ref().map(|snapshot| &snapshot.tasks);
    let kind = tasks.and_then(|tasks| tasks.kind(kind));
    kind.map_or_else(String::new, |kind| kind.title())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
