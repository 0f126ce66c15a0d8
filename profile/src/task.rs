//! Tasks of the async runtimes: how each kind polls, wakes and waits, and where each task is now.
//!
//! Only tasks that were made through hotpoll are here ("tracked"); [`Tasks::alive`] says how many there are beside them.

use crate::{Histogram, State};

/// The tracked tasks of a process, as the moment found them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks alive in all runtimes that are known, tracked or not; `None` when no runtime is known.
    pub alive: Option<u64>,
    /// Those of them that are tracked.
    pub tracked: u64,
    /// What else is tracked and alive, that no runtime counts as a task of its own: futures inside of tasks, what threads block on, closures on
    /// blocking threads, tasks of a `LocalSet`.
    pub tracked_beside: u64,
    /// A poll longer than this is a long one.
    pub long_poll_ns: u64,
    /// The kinds. Their numbers are of all their tasks: those that ended, and those alive, up to this moment.
    pub kinds: Vec<TaskKind>,
    /// Live tasks: all of them, or the odd and the top ones.
    pub tasks: Vec<Task>,
    /// The runtimes that are known.
    pub runtimes: Vec<Runtime>,
    /// Live tasks that are not listed one by one in `tasks`; their kinds count them.
    pub folded_tasks: u64,
    /// Kinds that found no room of their own: their tasks count as one kind.
    pub folded_kinds: u64,
}

/// Tasks of one name, or of one spawn site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskKind {
    /// What [`crate::Sample::kind`] says.
    pub id: u64,
    /// The name it was given; empty: it goes by its site.
    pub name: String,
    /// Where its tasks are spawned.
    pub site: Site,
    /// Tasks alive.
    pub alive: u64,
    /// Tasks ever spawned.
    pub spawned: u64,
    /// Tasks that ran to their end.
    pub completed: u64,
    /// Tasks dropped before their end: aborted, or gone with what polled them; for futures inside of tasks, those that lost a `select!`, too.
    pub aborted: u64,
    /// Tasks ended by a panic.
    pub panicked: u64,
    /// Polls.
    pub polls: u64,
    /// Wakes.
    pub wakes: u64,
    /// Wakes by the task itself, during its own poll.
    pub self_wakes: u64,
    /// Polls that ended because the runtime's budget was used up.
    pub coop_yields: u64,
    /// Time in polls, with those of futures tracked inside of them, which count for their own kinds as well.
    pub busy_ns: u64,
    /// Time woken and not yet polled.
    pub scheduled_ns: u64,
    /// Time suspended: neither polled nor woken.
    pub idle_ns: u64,
    /// How long polls took.
    pub poll_time: Histogram,
    /// How long from wake to poll.
    pub wake_delay: Histogram,
    /// The longest poll so far.
    pub longest_poll: Option<LongPoll>,
    /// Stacks of suspensions that were captured.
    pub captures: u64,
    /// Captures that gave no stack.
    pub captures_failed: u64,
    /// Polls longer than [`Tasks::long_poll_ns`], newest first, at most [`MAX_LONG_POLLS`].
    pub long_polls: Vec<LongPoll>,
}

/// Long polls that a kind keeps.
pub const MAX_LONG_POLLS: usize = 8;

/// A place in the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line; 0 when not known.
    pub line: u32,
    /// The column; 0 when not known.
    pub column: u32,
}

/// One live task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// What [`crate::Sample::task`] says.
    pub id: u64,
    /// The runtime's own ID of the task; 0 when it has none.
    pub runtime_id: u64,
    /// Its kind: [`TaskKind::id`].
    pub kind: u64,
    /// The task that spawned it; 0 when none did that is known.
    pub parent: u64,
    /// What it is doing.
    pub state: TaskState,
    /// How long ago it was spawned.
    pub age_ns: u64,
    /// How long it has been in `state`.
    pub state_ns: u64,
    /// Polls.
    pub polls: u64,
    /// Wakes.
    pub wakes: u64,
    /// Wakes by itself, during its own poll.
    pub self_wakes: u64,
    /// Polls that ended because the runtime's budget was used up.
    pub coop_yields: u64,
    /// Time in polls.
    pub busy_ns: u64,
    /// Time woken and not yet polled.
    pub scheduled_ns: u64,
    /// Time suspended: neither polled nor woken.
    pub idle_ns: u64,
    /// Its longest poll.
    pub max_poll_ns: u64,
    /// Who woke it last.
    pub last_waker: Waker,
    /// How long ago that was; 0 when nobody did.
    pub last_wake_ns: u64,
    /// Clones of its waker that somebody holds.
    pub wakers: u64,
    /// Whether it is a closure on a blocking thread: its one poll may take as long as it likes.
    pub blocking: bool,
    /// Where it is suspended: one for each leaf that it waits for.
    pub waits: Vec<Suspension>,
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum TaskState {
    /// A thread is polling it.
    Polling,
    /// It has been woken and waits for a thread.
    Scheduled,
    /// It waits to be woken.
    #[default]
    Waiting,
    /// It gave way to others, and will be polled without anything having to happen.
    Yielded,
    /// It waits to be woken, and nobody holds its waker any more, though somebody did: it waits forever.
    LostWaker,
    /// It has ended, and is still there to be read.
    Done,
    /// It waits forever as well, but its last poll left its waker with nobody: on purpose (`pending()`), or because it forgot to.
    NoWaker,
}

impl TaskState {
    /// Every state, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[
        Self::Polling,
        Self::Scheduled,
        Self::Waiting,
        Self::Yielded,
        Self::LostWaker,
        Self::Done,
        Self::NoWaker,
    ];

    /// A word or two for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Scheduled => "scheduled",
            Self::Waiting => "waiting",
            Self::Yielded => "yielded",
            Self::LostWaker => "lost waker",
            Self::Done => "done",
            Self::NoWaker => "no waker",
        }
    }
}

/// Who woke a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub enum Waker {
    /// Nobody yet, or not known.
    #[default]
    None,
    /// A task, by its [`Task::id`], while it was polled.
    Task(u64),
    /// A thread outside of any tracked poll, by its thread ID.
    Thread(u32),
}

/// A place where a task is suspended, as it was when a leaf future took the task's waker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspension {
    /// Indices into [`crate::Profile::locations`], leaf first; ends at the poll of the tracked future.
    pub stack: Vec<u32>,
    /// Polls since then: 0 means that it is of the latest one. Leaves that keep their waker leave an older stack standing.
    pub polls_ago: u64,
    /// Whether this one of several stands for the task.
    pub representative: bool,
}

/// A poll that ran too long, or still does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LongPoll {
    /// The task.
    pub task: u64,
    /// Its kind.
    pub kind: u64,
    /// When the poll began, nanoseconds since 1970.
    pub start_unix_ns: u64,
    /// How long it took, or has taken so far.
    pub poll_ns: u64,
    /// Whether it still runs.
    pub open: bool,
    /// What was seen of it.
    pub stacks: Vec<PollStack>,
    /// Why nothing was, where that is known.
    pub no_stack: Option<NoPollStack>,
}

/// Why a long poll has left no stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum NoPollStack {
    /// Who watches for long polls did not look at it: mostly, on a busy machine that thread found no processor.
    NotLookedAt,
    /// Its thread waited for a processor when it was looked at, and did nothing that a stack could show.
    Waited,
    /// Its thread ran, and the timer that was to show where has not expired in the poll.
    Ran,
    /// Its thread could not be looked at.
    Failed,
    /// Stacks of newer long polls have taken their room.
    RoomTaken,
    /// The program had the watch for long polls switched off.
    NotWatched,
}

impl NoPollStack {
    /// Every reason, in the order of the numbers that are written to files.
    pub const ALL: &'static [Self] = &[
        Self::NotLookedAt,
        Self::Waited,
        Self::Ran,
        Self::Failed,
        Self::RoomTaken,
        Self::NotWatched,
    ];

    /// As a part of a sentence.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotLookedAt => "hotpoll's thread found no processor in time to look",
            Self::Waited => "its thread waited for a processor when looked at",
            Self::Ran => "its thread ran, and no timer expired on it",
            Self::Failed => "its thread could not be looked at",
            Self::RoomTaken => "newer long polls have taken the room of its stacks",
            Self::NotWatched => {
                "long polls are not watched here (HOTPOLL_LONG_POLL_MS=0, or the program's setting)"
            }
        }
    }
}

/// A look at a poll while it ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollStack {
    /// How long the poll had been running.
    pub at_ns: u64,
    /// What its thread was doing.
    pub state: State,
    /// Indices into [`crate::Profile::locations`], leaf first.
    pub stack: Vec<u32>,
}

/// An async runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// The runtime's ID.
    pub id: u64,
    /// Its name; empty when it has none.
    pub name: String,
    /// Its worker threads, by thread ID.
    pub workers: Vec<u32>,
    /// Tasks alive in it, tracked or not.
    pub alive: u64,
    /// Whether each worker is in one poll for longer than [`Tasks::long_poll_ns`]: nothing else makes progress in it.
    pub blocked: bool,
    /// It is so, if none of these threads works in a worker's place (after `block_in_place`): they run, and told of nothing that they got done.
    pub in_doubt: Vec<u32>,
}

impl Tasks {
    /// The kind with this ID.
    pub fn kind(&self, id: u64) -> Option<&TaskKind> {
        self.kinds.iter().find(|kind| kind.id == id)
    }
}

impl TaskKind {
    /// What to call it: its name, or its site.
    pub fn title(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        if self.site.file.is_empty() {
            return format!("kind {}", self.id);
        }
        self.site.to_string()
    }
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}", self.file),
            (line, 0) => write!(f, "{}:{line}", self.file),
            (line, column) => write!(f, "{}:{line}:{column}", self.file),
        }
    }
}
