//! What is said of a process's tasks, ready to be written: names resolved, rows chosen, nothing formatted. As JSON this is the kind
//! `tasks`; JSON.md documents it.

use super::coverage::Coverage;
use crate::stack::{FrameData, LevelData};
use serde::Serialize;

/// The version of the kind `tasks`.
pub const SCHEMA: u32 = 1;

/// The tasks of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The process's ID in its own namespace.
    pub pid: u32,
    /// The executable's file name.
    pub name: String,
    /// When it was looked at.
    pub taken_unix_ns: u64,
    /// `alive`, `tracked` and `tracked_beside`.
    #[serde(flatten)]
    pub coverage: Coverage,
    /// A longer poll is a long one.
    pub long_poll_ns: u64,
    /// Tracked tasks that are not listed one by one.
    pub folded_tasks: u64,
    /// Kinds without a row of their own.
    pub folded_kinds: u64,
    /// Tasks by what is wrong with them.
    pub problems: Vec<ProblemData>,
    /// How many have something that may be a problem or not: `no waker`.
    pub maybe: Vec<ProblemData>,
    /// The runtimes.
    pub runtimes: Vec<RuntimeData>,
    /// What a person should know before she believes a number.
    pub notices: Vec<String>,
    /// The kinds, those with most tasks alive first.
    pub kinds: Vec<KindData>,
    /// How many tasks the filter selects of those that are known one by one.
    pub selected: usize,
    /// Tasks, sorted.
    pub tasks: Vec<TaskData>,
    /// With `--suspended`: the places where tasks wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Vec<PlaceData>>,
    /// With `--long-polls`: those that are running, then the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_polls: Option<Vec<LongPollData>>,
}

/// How many tasks have a problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProblemData {
    /// `lost waker`, `long poll` or `not polled`; `no waker` where it may be one.
    pub problem: &'static str,
    /// How many tasks.
    pub tasks: usize,
    /// The longest time that one of them has been so.
    pub longest_ns: u64,
}

/// A runtime.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuntimeData {
    /// Its ID.
    pub id: u64,
    /// Its name; empty when it has none.
    pub name: String,
    /// Its workers' thread IDs.
    pub workers: Vec<u32>,
    /// Tasks alive in it.
    pub alive: u64,
    /// Whether every worker is in a long poll.
    pub blocked: bool,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteData {
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// How durations are spread; each is at most a quarter too long. Null without any.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SpreadData {
    /// How many there were.
    pub count: u64,
    /// Half of them are shorter.
    pub p50_ns: Option<u64>,
    /// Nine of ten.
    pub p90_ns: Option<u64>,
    /// Ninety-nine of a hundred.
    pub p99_ns: Option<u64>,
    /// All of them.
    pub max_ns: Option<u64>,
}

/// A kind of tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindData {
    /// What samples and tasks call it.
    pub id: u64,
    /// Its name, or else its site.
    pub title: String,
    /// The name it was given; empty when none was.
    pub name: String,
    /// Where its tasks are spawned.
    pub site: SiteData,
    /// Tasks alive, ever spawned, and how those that are gone ended.
    pub alive: u64,
    #[allow(missing_docs)]
    pub spawned: u64,
    #[allow(missing_docs)]
    pub completed: u64,
    #[allow(missing_docs)]
    pub aborted: u64,
    #[allow(missing_docs)]
    pub panicked: u64,
    /// Polls and wakes, wakes by the task itself, polls cut off by the runtime's budget.
    pub polls: u64,
    #[allow(missing_docs)]
    pub wakes: u64,
    #[allow(missing_docs)]
    pub self_wakes: u64,
    #[allow(missing_docs)]
    pub coop_yields: u64,
    /// Time in polls.
    pub busy_ns: u64,
    /// Time woken and not yet polled.
    pub scheduled_ns: u64,
    /// Time suspended.
    pub idle_ns: u64,
    /// How long polls took.
    pub poll_time: SpreadData,
    /// How long from wake to poll.
    pub wake_delay: SpreadData,
    /// The longest poll.
    pub longest_poll: Option<LongPollData>,
    /// Long polls, newest first.
    pub long_polls: Vec<LongPollData>,
    /// Stacks of suspensions that were captured.
    pub captures: u64,
    /// Captures without a stack.
    pub captures_failed: u64,
}

/// A long poll.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LongPollData {
    /// The task.
    pub task: u64,
    /// Its kind's title.
    pub kind: String,
    /// When it began.
    pub start_unix_ns: u64,
    /// How long it took, or has taken so far.
    pub poll_ns: u64,
    /// Whether it still runs.
    pub open: bool,
    /// What was seen of it.
    pub stacks: Vec<LookData>,
    /// Why nothing was; null where something was, or that is not known.
    pub no_stack: Option<&'static str>,
}

/// A look at a poll while it ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookData {
    /// How long the poll had been running.
    pub at_ns: u64,
    /// What its thread was doing.
    pub state: &'static str,
    /// Its stack, folded, innermost first.
    pub folded: Vec<LevelData>,
    /// All of its frames, leaf first.
    pub stack: Vec<FrameData>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskData {
    /// What samples call it.
    pub id: u64,
    /// The runtime's own ID; 0 when it has none.
    pub runtime_id: u64,
    /// Its kind's title.
    pub kind: String,
    /// Its kind's ID.
    pub kind_id: u64,
    /// The task that spawned it; 0 when none did that is known.
    pub parent: u64,
    /// `polling`, `scheduled`, `waiting`, `yielded`, `lost waker`, `no waker` or `done`.
    pub state: &'static str,
    /// What is wrong with it; null when nothing is.
    pub problem: Option<&'static str>,
    /// Whether its poll is long and holds up nobody, as it is in `block_in_place`.
    pub in_place: bool,
    /// How many of its kind wait where it does, where these are few of many; null otherwise.
    pub rare: Option<usize>,
    /// Whether it has waited much longer than nearly all others of its kind, where these are many.
    pub longer: bool,
    /// How many others of its kind, in the same state at the same place, are left out after it.
    #[serde(skip_serializing_if = "is_zero")]
    pub alike: usize,
    /// How long ago it was spawned.
    pub age_ns: u64,
    /// How long it has been in its state.
    pub state_ns: u64,
    /// Polls and wakes, wakes by itself, polls cut off by the runtime's budget.
    pub polls: u64,
    #[allow(missing_docs)]
    pub wakes: u64,
    #[allow(missing_docs)]
    pub self_wakes: u64,
    #[allow(missing_docs)]
    pub coop_yields: u64,
    /// Time in polls.
    pub busy_ns: u64,
    /// Time woken and not yet polled.
    pub scheduled_ns: u64,
    /// Time suspended.
    pub idle_ns: u64,
    /// Its longest poll.
    pub max_poll_ns: u64,
    /// Who woke it last; null when nobody did that is known.
    pub last_waker: Option<WakerData>,
    /// How long ago that was.
    pub last_wake_ns: u64,
    /// Clones of its waker that somebody holds.
    pub wakers: u64,
    /// The thread that polls it.
    pub thread: Option<PolledByData>,
    /// Where it is suspended, the stack that stands for it first.
    pub waits: Vec<WaitData>,
    /// Why nothing is known of where it waits: one of the words below. Null where something is, or where it runs.
    pub no_stack: Option<&'static str>,
}

/// Nobody has polled it.
pub const NOT_POLLED_YET: &str = "not polled yet";
/// Its last poll left its waker with nobody, so that there was nothing to take a stack at.
pub const NO_WAKER_GIVEN: &str = "gave its waker to nobody";
/// Its waker was taken, and no stack of that: mostly before the unwind tables were there.
pub const NOT_CAPTURED: &str = "not captured";

/// Who woke a task: one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WakerData {
    /// A task, while it was polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// A thread, by its ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
}

/// The thread that polls a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolledByData {
    /// Its ID.
    pub tid: u32,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: &'static str,
    /// Its stack, folded, innermost first.
    pub folded: Vec<LevelData>,
}

/// Where a task is suspended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitData {
    /// The stack, folded, innermost first.
    pub folded: Vec<LevelData>,
    /// All of its frames, leaf first.
    pub stack: Vec<FrameData>,
    /// Polls since it was captured.
    pub polls_ago: u64,
    /// Whether it is the one that stands for the task.
    pub representative: bool,
}

/// Tasks of one kind that wait in one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceData {
    /// The kind's title.
    pub kind: String,
    /// How many tasks.
    pub tasks: usize,
    /// Some of them, the one that has waited longest first.
    pub ids: Vec<u64>,
    /// How many of them have lost their waker.
    pub lost_wakers: usize,
    /// How long they have waited: the longest, and the shortest.
    pub longest_ns: u64,
    #[allow(missing_docs)]
    pub shortest_ns: u64,
    /// The oldest capture of the place, in polls ago.
    pub polls_ago: u64,
    /// The stack, folded, innermost first; empty where none was captured.
    pub folded: Vec<LevelData>,
    /// Why it is empty, as in a task.
    pub no_stack: Option<&'static str>,
    /// What the first of them waits for as well, as in a `select!`: the innermost level of each other stack.
    pub others: Vec<LevelData>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}
