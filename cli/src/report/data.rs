//! What a report says, ready to be written: names resolved, rows chosen, nothing formatted. Text, Markdown and JSON are
//! written from these, so that they cannot disagree. As JSON this is the kind `report`; JSON.md documents it.

use crate::locks::KindWaitsData;
use crate::stack::LevelData;
use crate::tasks::coverage::Coverage;
use serde::Serialize;

/// The version of the kind `report`.
pub const SCHEMA: u32 = 1;

/// A whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The process.
    pub process: ProcessData,
    /// The time it covers.
    pub window: WindowData,
    /// CPU time of the process in the window, by its clock where there is one.
    pub cpu_ns: u64,
    /// Whether `cpu_ns` and the threads' times are clocks', not sums of samples.
    pub clocked: bool,
    /// The same, as a part of one core.
    pub cores: f64,
    /// What got done, by counter: the program's own, those that the recording was given, completed tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<WorkData>,
    /// How many tasks were alive at its end, and how many of them were tracked, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_counts: Option<Coverage>,
    /// The samples, and how they came about.
    pub samples: SamplesData,
    /// Where the CPU time went, each term measured on its own.
    pub accounted: AccountedData,
    /// Expiries without a record, by reason.
    pub lost: Vec<Counted>,
    /// How far the stacks reach.
    pub stacks: StacksData,
    /// What profiling cost.
    pub overhead: OverheadData,
    /// What a person should know before she believes a number.
    pub notices: Vec<String>,
    /// What the report is narrowed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus: Option<FocusData>,
    /// Threads that ran, hotpoll's own not among them.
    pub thread_count: usize,
    /// Threads, with those of one name put together. Hotpoll's own come last.
    pub threads: Vec<ThreadData>,
    /// The hottest functions.
    pub functions: Vec<FunctionData>,
    /// CPU by module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modules: Option<Vec<ModuleData>>,
    /// Task kinds, with where their time went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<KindData>>,
    /// With `kinds`: whether their counts, and the times that the wrappers around polls measure, are since the process started; else they
    /// are of the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds_since_start: Option<bool>,
    /// Where they are of the window: how long lay between the two countings, which is a little longer than the window's slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds_window_ns: Option<u64>,
    /// With `kinds`: how long threads waited for a processor in no kind's polls: between them, where polls could not be told apart, and on threads
    /// that poll nothing tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runnable_in_no_kind_ns: Option<u64>,
    /// Locks and channels that were waited for: by whom, and what their holders did meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locks: Option<Vec<LockData>>,
    /// CPU by task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Vec<TaskData>>,
    /// Where threads' time went by the wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<WallData>,
    /// The call tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreeData>,
}

impl Data {
    /// Whether the report is narrowed to nothing: then its lists have nothing to say.
    pub fn is_without_match(&self) -> bool {
        let nothing = |focus: &FocusData| focus.selected.samples == 0;
        self.focus.as_ref().is_some_and(nothing)
    }
}

/// The process.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcessData {
    /// Its ID in its own namespace; 0 when not known.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When it started; 0 when not known.
    pub start_unix_ns: u64,
    /// Processors that it may use.
    pub cpus: u32,
    /// The hotpoll in it.
    pub hotpoll_version: String,
}

/// The time that a report covers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WindowData {
    /// When it began; 0 when not known.
    pub start_unix_ns: u64,
    /// How long it is.
    pub duration_ns: u64,
    /// Slices that fell out of the flight recorder before it.
    pub evicted_slices: u64,
}

/// Units of work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkData {
    /// What a unit is called.
    pub name: String,
    /// Who counted: `program`, `given` or `tasks`.
    pub source: &'static str,
    /// Units in the window.
    pub units: u64,
    /// Units a second; null where the window has no length.
    pub per_second: Option<f64>,
    /// CPU time of each, hotpoll's own threads left out; null where none was done.
    pub cpu_ns_each: Option<u64>,
}

/// The samples, and how they came about.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SamplesData {
    /// Timer expiries with a sample, overruns included.
    pub count: u64,
    /// The CPU time that they stand for.
    pub cpu_ns: u64,
    /// Signals that the handler saw.
    pub fired: u64,
    /// Records written.
    pub recorded: u64,
    /// Expiries that the kernel folded into a record's weight.
    pub overrun: u64,
    /// The rate asked for.
    pub asked_hz: f64,
    /// Signals a second of CPU time on the sampled threads; null when there was too little to say.
    pub delivered_hz: Option<f64>,
    /// The engines, the one with most CPU time first.
    pub engines: Vec<EngineData>,
}

/// Threads sampled by one engine for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineData {
    /// `ctimer`, `perf` or `none`.
    pub engine: &'static str,
    /// Why.
    pub reason: &'static str,
    /// How many threads.
    pub threads: usize,
    /// Their CPU time.
    pub cpu_ns: u64,
}

/// Where the CPU time went. The terms are measured each on its own; they sum to `cpu_ns` up to the samples' grain.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AccountedData {
    /// What samples stand for.
    pub sampled_ns: u64,
    /// The part of it that was spent in the kernel.
    pub sampled_kernel_ns: u64,
    /// In the kernel, without samples.
    pub kernel_ns: u64,
    /// Of known threads, without samples.
    pub unsampled_ns: u64,
    /// Of threads that lived and died unseen.
    pub unseen_ns: u64,
    /// Of hotpoll's own threads.
    pub agent_ns: u64,
    /// What samples stand for beyond the threads' clocks.
    pub oversampled_ns: u64,
}

/// A number of things for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The reason.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// How far the stacks reach.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StacksData {
    /// The part of the records whose stack reaches its thread's start; null without records.
    pub complete: Option<f64>,
    /// The others, by reason.
    pub cut_short: Vec<Counted>,
    /// Stacks with a step on the evidence of the stack alone, where there is no unwind information.
    pub guessed: u64,
    /// Samples whose stack was not kept.
    pub other: WeightData,
    /// How many distinct stacks these had.
    pub folded_stacks: u64,
    /// CPU time of samples whose leaf has no name.
    pub unnamed_ns: u64,
}

/// What profiling cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OverheadData {
    /// Handler and delivery as a part of the process's CPU time.
    pub fraction: f64,
    /// Time in the handler.
    pub handler_ns: u64,
    /// Whether that could be measured.
    pub handler_measured: bool,
    /// Signals times the calibrated cost of delivering one; 0 when it could not be measured.
    pub delivery_ns: u64,
    /// CPU time of hotpoll's own threads as a part of one core.
    pub agent_cores: f64,
}

/// What a report is narrowed to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FocusData {
    /// The pattern that a frame must match.
    pub pattern: String,
    /// The samples with such a frame.
    pub selected: WeightData,
}

/// Samples, their time, and their part of the whole that the row belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct WeightData {
    /// CPU time.
    pub cpu_ns: u64,
    /// Samples; 0 for time that no sample stands for.
    pub samples: u64,
    /// The part of the thread's CPU time (rows of threads), else of the process's.
    pub share: f64,
}

/// Threads that a report shows as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThreadData {
    /// The name, with a `*` for digits that differ.
    pub name: String,
    /// Their IDs.
    pub tids: Vec<u32>,
    /// Whether they are hotpoll's own.
    pub own: bool,
    /// How many have ended.
    pub exited: usize,
    /// CPU time, by their clocks where there are clocks.
    pub cpu_ns: u64,
    /// The same, as a part of one core.
    pub cores: f64,
    /// Their samples.
    pub samples: u64,
    /// CPU time in the kernel, where the engine cannot sample.
    pub kernel_ns: u64,
    /// CPU time without samples.
    pub unsampled_ns: u64,
    /// Their engines.
    pub engines: Vec<EngineData>,
    /// How many block the sampling signal.
    pub signal_blocked: usize,
    /// How many ran in bursts of a few kernel ticks at most and are sampled by ctimer still.
    pub tick_biased: usize,
    /// The program's own functions, with what libraries did for them: each sample is in one of them.
    pub own_code: Vec<OwnData>,
    /// The path that most of their samples have in common.
    pub hot_path: PathData,
    /// Their hottest functions.
    pub functions: Vec<FunctionData>,
}

/// A function of the program, with what libraries did for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnData {
    /// The function; for stacks without any own code a dependency's, or the leaf.
    #[serde(flatten)]
    pub function: NameData,
    /// Samples in it, its closures, and in libraries that it called.
    pub weight: WeightData,
}

/// A function's name, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NameData {
    /// The canonical name.
    pub name: String,
    /// `own`, `dependency`, `std`, `runtime`, `system` or `unknown`.
    pub origin: &'static str,
}

/// A path of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PathData {
    /// The functions, outermost first, without scaffolding and libraries around the program's own.
    pub functions: Vec<NameData>,
    /// The samples that go through all of it.
    pub weight: WeightData,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionData {
    /// Its canonical name. In square brackets: time that is no function's (`[kernel]`, `[unsampled]`, `[other]`).
    pub name: String,
    /// Its mangled name; empty when not known.
    pub system_name: String,
    /// Whose it is: `own`, `dependency`, `std`, `runtime`, `system` or `unknown`.
    pub origin: &'static str,
    /// The file of its hottest line; empty when not known.
    pub file: String,
    /// Its hottest line; 0 when not known.
    pub line: u32,
    /// The file name of a module that it was seen in; empty when not known.
    pub module: String,
    /// For a leaf in a library: the nearest function of the program above it, in most of its samples; empty otherwise.
    pub caller: String,
    /// Samples with it at the leaf, inlining expanded.
    #[serde(rename = "self")]
    pub own: WeightData,
    /// Samples with it anywhere on the stack, each once.
    pub total: WeightData,
}

/// A module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModuleData {
    /// Its path as the process sees it; in square brackets: no module.
    pub path: String,
    /// Its build ID in hexadecimal; empty when it has none.
    pub build_id: String,
    /// Samples with their leaf in it.
    #[serde(rename = "self")]
    pub own: WeightData,
    /// Samples with any frame in it.
    pub total: WeightData,
    /// Distinct addresses seen in it.
    pub addresses: u64,
    /// Of these, those with a function's name.
    pub named: u64,
    /// Of these, those with a line.
    pub with_line: u64,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskData {
    /// The runtime's ID; 0 for code outside of tasks, and tasks that were not kept.
    pub id: u64,
    /// Its kind; 0 is none.
    pub kind: u64,
    /// What its kind is called; empty when nobody knows.
    pub title: String,
    /// Its samples.
    pub weight: WeightData,
    /// The path that most of its samples have in common.
    pub hot_path: PathData,
}

/// A kind of tasks, and where its time went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindData {
    /// What samples call it.
    pub id: u64,
    /// Its name, or else its site, or else its ID.
    pub title: String,
    /// The name it was given; empty when none was.
    pub name: String,
    /// Where its tasks are spawned; empty when not known.
    pub site: String,
    /// Tasks alive.
    pub alive: u64,
    /// Polls.
    pub polls: u64,
    /// On a processor in polls, by samples.
    pub on_cpu: WeightData,
    /// Blocked in polls, by looks at the threads that polled.
    pub blocked_in_poll_ns: u64,
    /// In polls, ready and waiting for a processor, by the scheduler's count.
    pub runnable_in_poll_ns: u64,
    /// In polls, by the clock of the wrappers around them.
    pub busy_ns: u64,
    /// Woken and not yet polled, by the wrappers; null where they were not asked: a file without a snapshot.
    pub scheduled_ns: Option<u64>,
    /// Suspended, by the wrappers; null as above.
    pub suspended_ns: Option<u64>,
    /// The path that most of its CPU samples have in common.
    pub hot_path: PathData,
    /// Where its polls were off the processor, longest first.
    pub waits: Vec<PlaceData>,
}

/// Where threads' time went by the wall clock, each term measured on its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WallData {
    /// How often each thread was to be looked at.
    pub asked_hz: f64,
    /// How often it was.
    pub delivered_hz: f64,
    /// Looks.
    pub looks: u64,
    /// Looks that took a stack.
    pub captured: u64,
    /// Looks that kept the stack before, as the thread had not run.
    pub kept: u64,
    /// Looks without a whole stack, by reason.
    pub failed: Vec<Counted>,
    /// The threads' lives within the window.
    pub lived_ns: u64,
    /// On a processor, by their clocks.
    pub on_cpu_ns: u64,
    /// Ready and waiting for a processor, by the scheduler's count.
    pub runnable_ns: u64,
    /// Blocked, by looks.
    pub blocked: Vec<StateData>,
    /// Time of the lives that none of these stands for.
    pub unlooked_ns: u64,
    /// By how much they are more than the lives: each has a meter of its own.
    pub overlap_ns: u64,
    /// Threads, with those of one name put together; hotpoll's own left out.
    pub threads: Vec<WallThreadData>,
}

/// Time in one state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateData {
    /// `lock`, `I/O`, `sleep`, `other wait` or `uninterruptible`.
    pub state: &'static str,
    /// The time.
    pub wall_ns: u64,
    /// Its part of the threads' lives.
    pub share: f64,
}

/// Threads that a report shows as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WallThreadData {
    /// The name, with a `*` for digits that differ.
    pub name: String,
    /// Their IDs.
    pub tids: Vec<u32>,
    /// Their lives within the window.
    pub lived_ns: u64,
    /// On a processor, by their clocks.
    pub on_cpu_ns: u64,
    /// Ready and waiting for a processor, by the scheduler's count.
    pub runnable_ns: u64,
    /// Blocked, by looks.
    pub blocked: Vec<StateData>,
    /// Time of the lives that none of these stands for.
    pub unlooked_ns: u64,
    /// By how much they are more than the lives.
    pub overlap_ns: u64,
    /// Where, longest first.
    pub places: Vec<PlaceData>,
}

/// A place of the program where somebody waited.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceData {
    /// In what.
    pub state: &'static str,
    /// For what, by the functions on the stack: `mutex`, `condvar`, `park`, `channel recv` and so on; null where they do not say.
    pub wait: Option<&'static str>,
    /// How long.
    pub wall_ns: u64,
    /// Its part of the whole that it belongs to: of the threads' lives, of the kind's time off the processor.
    pub share: f64,
    /// The stack, folded, innermost first; empty where none was taken.
    pub folded: Vec<LevelData>,
}

/// A node of the call tree.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TreeData {
    /// The function, thread, or `[…]` for what is neither.
    pub name: String,
    /// Samples that end here.
    #[serde(rename = "self")]
    pub own: WeightData,
    /// Samples that go through here.
    pub total: WeightData,
    /// The calls from here, heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<TreeData>,
    /// Calls that weigh too little to be listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A lock or channel, and what samples say of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LockData {
    /// Its number.
    pub id: u64,
    /// `mutex`, `rwlock`, …; empty: it is gone.
    pub kind: &'static str,
    /// Its name, or its site.
    pub title: String,
    /// Threads blocked in waiting for it, all together, in the window.
    pub waited_ns: u64,
    /// Waits that ended, all together, by its own clock; since sampling began.
    pub total_wait_ns: u64,
    /// Who waited, longest first.
    pub waits: Vec<LockWaitData>,
    /// Time for which samples found it held while others waited.
    pub held_ns: u64,
    /// What its holders did in that time.
    pub holds: Vec<LockHoldData>,
    /// Tasks were suspended in waits for it so long, since sampling began; 0 of what blocks threads.
    pub suspended_ns: u64,
    /// By the kinds of tasks that waited, longest first; since sampling began.
    pub by_kind: Vec<KindWaitsData>,
}

/// Who waited for a lock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LockWaitData {
    /// A task kind's title, or threads' name.
    pub who: String,
    /// The task kind; 0: threads.
    pub kind: u64,
    /// For how long.
    pub waited_ns: u64,
    /// The part of its time in polls (of threads: of their lives) that samples stand for.
    pub share: f64,
}

/// In which function holders of a lock were while others waited.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LockHoldData {
    /// A task kind's title, or threads' name.
    pub who: String,
    /// The task kind; 0: threads.
    pub kind: u64,
    /// For how long.
    pub ns: u64,
    /// The part of the time that it was held while others waited.
    pub share: f64,
    /// The program's innermost function: one level, with a line where it was always the same.
    pub folded: Vec<LevelData>,
    /// What they did in there, most of it first.
    pub parts: Vec<HoldPartData>,
}

/// What holders of a lock did in one function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldPartData {
    /// `running`, `I/O`, …
    pub state: &'static str,
    /// For how long.
    pub ns: u64,
    /// The part of the time that the lock was held while others waited.
    pub share: f64,
    /// The function, and before it what it called.
    pub folded: Vec<LevelData>,
}
