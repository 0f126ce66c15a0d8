//! What comes out: a problem, with who is to be asked about it and why it is believed.

use super::actor::Actor;
use super::names::Names;
use hotpoll_profile::{Holder, Resource, Since, Site};

/// Something that does not go on, and its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// How sure that is.
    pub confidence: Confidence,
    /// For how long: the worst wait; of a cycle, since it closed.
    pub age_ns: u64,
    /// One line.
    pub headline: String,
    /// Why it is believed: sentences with numbers.
    pub evidence: Vec<String>,
    /// The resource that it is about.
    pub resource: Option<u64>,
    /// Who can end it.
    pub owner: Option<Owner>,
    /// Who it is about, where that waits for no resource that is known.
    pub subject: Option<Actor>,
    /// Of a cycle: its members, each waiting for the next, and the last for the first.
    pub cycle: Vec<Link>,
    /// Who waits because of it, the members of a cycle not among them; longest first.
    pub victims: Vec<Victim>,
    /// The call that waits (or does not end).
    pub site: Site,
    /// Its stack: indices into [`hotpoll_profile::Profile::locations`], leaf first.
    pub stack: Vec<u32>,
    /// Threads that it explains: what is wrong with them is no problem of its own.
    pub threads: Vec<u32>,
}

/// What a problem is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Each waits for what the next one holds, and nothing else can end that.
    Deadlock,
    /// It looks so; but one wait may end otherwise.
    PossibleDeadlock,
    /// A task waits to be woken, and nobody holds its waker.
    LostWaker,
    /// Each worker of a runtime is blocked: nothing in it goes on.
    BlockedRuntime,
    /// The one who holds it is gone: nobody will let go.
    LeakedGuard,
    /// One holds it for long, while others wait.
    LongHold,
    /// All permits are held for long.
    StarvedSemaphore,
    /// A channel is full, and its receiver does not receive.
    FullChannel,
    /// Readers come and go, and a writer waits.
    WriterStarvation,
    /// It changes hands, and one waits all the same.
    StarvedWaiter,
    /// Nearly every acquisition finds a queue.
    LockConvoy,
    /// A receiver waits for one value, and the sender that is there does not send.
    LostSender,
    /// A thread waits for a lock that nobody wrapped.
    InferredLock,
    /// A thread is blocked in a task's poll.
    BlockedPoll,
    /// A runtime's worker is blocked in something that is not tracked.
    BlockedWorker,
    /// A task's poll runs for too long.
    LongPoll,
    /// A task was woken and is not polled.
    NotPolled,
    /// A thread is ready to run, and no processor takes it.
    NoProcessor,
    /// A thread is in the kernel where no signal reaches it.
    Uninterruptible,
    /// No problem: a task or thread waits for input or output.
    ExternalWait,
    /// No problem: a task or thread waits for something to do.
    BenignIdle,
}

impl ProblemKind {
    /// A few words for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Deadlock => "deadlock",
            Self::PossibleDeadlock => "possible deadlock",
            Self::LostWaker => "lost waker",
            Self::BlockedRuntime => "blocked runtime",
            Self::LeakedGuard => "leaked guard",
            Self::LongHold => "held for long",
            Self::StarvedSemaphore => "starved semaphore",
            Self::FullChannel => "full channel, stalled receiver",
            Self::WriterStarvation => "writer starvation",
            Self::StarvedWaiter => "starved waiter",
            Self::LockConvoy => "lock convoy",
            Self::LostSender => "lost sender",
            Self::InferredLock => "waits for a lock",
            Self::BlockedPoll => "blocked in a poll",
            Self::BlockedWorker => "blocked worker",
            Self::LongPoll => "long poll",
            Self::NotPolled => "not polled",
            Self::NoProcessor => "no processor",
            Self::Uninterruptible => "stuck in the kernel",
            Self::ExternalWait => "external wait",
            Self::BenignIdle => "benign idling",
        }
    }
}

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing else can be.
    Certain,
    /// Something else is hard to imagine.
    Likely,
    /// It may well be meant so.
    Possible,
}

impl Confidence {
    /// A word for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// Who can end a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Owner {
    /// Who, where that is known.
    pub actor: Option<Actor>,
    /// What to call it.
    pub who: String,
    /// The acquisition.
    pub site: Site,
    /// How long it has held it; see `since`.
    pub since_ns: u64,
    /// What `since_ns` is.
    pub since: Since,
    /// What it is doing: a few words.
    pub doing: String,
    /// Where: indices into [`hotpoll_profile::Profile::locations`], leaf first.
    pub stack: Vec<u32>,
}

impl Owner {
    /// One who holds a resource.
    pub(super) fn holds(names: &Names<'_>, holder: &Holder, resource: &Resource) -> Self {
        let doing = names.doing_of(holder, resource);
        Self {
            actor: Actor::holding(holder, resource),
            who: names.holder(holder, resource),
            site: holder.site.clone(),
            since_ns: holder.since_ns,
            since: holder.since,
            doing: doing.words,
            stack: doing.stack,
        }
    }

    /// One who does something for so long by itself.
    pub(super) fn itself(names: &Names<'_>, actor: Actor, since_ns: u64) -> Self {
        let doing = names.doing(actor);
        Self {
            actor: Some(actor),
            who: names.actor(actor),
            site: Site::default(),
            since_ns,
            since: Since::Exact,
            doing: doing.words,
            stack: doing.stack,
        }
    }
}

/// A member of a cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Who.
    pub actor: Actor,
    /// What to call it.
    pub who: String,
    /// What it waits for; `None`: a thread that polls the next member.
    pub resource: Option<u64>,
    /// What to call that.
    pub what: String,
    /// The call that waits.
    pub site: Site,
    /// For how long.
    pub since_ns: u64,
    /// Where the next member acquired it.
    pub held_site: Site,
    /// The waiting stack, leaf first.
    pub stack: Vec<u32>,
}

/// One who waits because of a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Victim {
    /// Who, where that is known.
    pub actor: Option<Actor>,
    /// What to call it.
    pub who: String,
    /// What it waits for.
    pub resource: u64,
    /// What to call that.
    pub what: String,
    /// The call that waits.
    pub site: Site,
    /// For how long.
    pub since_ns: u64,
    /// The waiting stack, leaf first.
    pub stack: Vec<u32>,
}
