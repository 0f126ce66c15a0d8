//! What is wrong with threads, tasks and runtimes by themselves, where nothing that they wait for explains it.

use super::actor::Actor;
use super::finder::Finder;
use super::names::{counted, duration};
use super::problem::{Confidence, Owner, Problem, ProblemKind};
use super::{task, thread};
use crate::view::live_tasks::{LiveTask, representative};
use crate::view::live_threads::{LiveThread, Role};
use hotpoll_profile::{Site, Snapshot, State, Waker};
use std::collections::{BTreeMap, HashSet};

/// The threads of runtimes that have one alone, which does something else.
fn undriven<'t>(
    threads: &'t [LiveThread<'_>],
    snapshot: &'t Snapshot,
) -> impl Iterator<Item = u32> + 't {
    let outside = |tid: &u32| {
        let mut threads = threads.iter();
        threads.any(|one| one.thread.tid == *tid && one.role == Some(Role::Outside))
    };
    let runtimes = snapshot.tasks.runtimes.iter();
    runtimes.filter_map(move |one| match one.workers.as_slice() {
        [only] => Some(*only).filter(outside),
        _ => None,
    })
}

impl Finder<'_, '_> {
    /// What is wrong with threads, tasks and runtimes by themselves, where no other problem explains it.
    pub(super) fn threads(
        &self,
        threads: &[LiveThread<'_>],
        tasks: &[LiveTask<'_>],
        snapshot: &Snapshot,
        problems: &mut Vec<Problem>,
    ) {
        self.runtimes(snapshot, problems);
        let explained: HashSet<u32> = (problems.iter())
            .flat_map(|problem| problem.threads.iter().copied())
            .collect();
        for one in threads {
            let Some(stuck) = one.stuck.filter(|_| !one.thread.own) else {
                continue;
            };
            if explained.contains(&one.thread.tid) {
                continue;
            }
            problems.extend(self.thread(one, stuck));
        }
        for one in tasks {
            let (kind, words) = match one.problem {
                Some(task::Problem::LostWaker) => (
                    ProblemKind::LostWaker,
                    "waits to be woken, and nobody holds its waker any more",
                ),
                Some(task::Problem::NotPolled) => {
                    (ProblemKind::NotPolled, "was woken, and no thread polls it")
                }
                _ => continue,
            };
            let stack = representative(one.task).map_or_else(Vec::new, |wait| wait.stack.clone());
            let who = self.names.actor(Actor::Task(one.task.id));
            let mut evidence = vec![format!(
                "{} and {} so far, {} of them its own",
                counted(one.task.polls as usize, "poll"),
                counted(one.task.wakes as usize, "wake"),
                one.task.self_wakes
            )];
            let woke = match one.task.last_waker {
                Waker::Task(task) if task == one.task.id => None,
                Waker::Task(task) => Some(Actor::Task(task)),
                Waker::Thread(tid) => Some(Actor::Thread(tid)),
                Waker::None => None,
            };
            evidence.extend(woke.map(|woke| {
                format!(
                    "{} woke it last, {} ago",
                    self.names.actor(woke),
                    duration(one.task.last_wake_ns)
                )
            }));
            if kind == ProblemKind::NotPolled {
                evidence.extend(undriven(threads, snapshot).map(|tid| {
                    let thread = Actor::Thread(tid);
                    format!(
                        "{}, the only one of a runtime, is outside of it ({}): nobody drives that runtime meanwhile",
                        self.names.actor(thread),
                        self.names.doing(thread).words
                    )
                }));
            }
            problems.push(Problem {
                kind,
                confidence: match kind {
                    ProblemKind::LostWaker => Confidence::Certain,
                    _ => Confidence::Likely,
                },
                age_ns: one.task.state_ns,
                headline: format!("{who} {words}"),
                evidence,
                resource: None,
                owner: None,
                subject: Some(Actor::Task(one.task.id)),
                cycle: Vec::new(),
                victims: Vec::new(),
                site: Site::default(),
                stack,
                threads: Vec::new(),
            });
        }
    }

    fn thread(&self, one: &LiveThread<'_>, stuck: thread::Stuck) -> Option<Problem> {
        let who = self.names.actor(Actor::Thread(one.thread.tid));
        let polls = match one.now.task {
            0 => "a task".to_owned(),
            task => self.names.actor(Actor::Task(task)),
        };
        let (kind, age_ns, headline) = match stuck {
            thread::Stuck::BlockedPoll if one.now.state == State::Io => (
                ProblemKind::BlockedPoll,
                one.now.poll_ns,
                format!("{polls} waits for I/O inside its poll, on {who}"),
            ),
            thread::Stuck::BlockedPoll => (
                ProblemKind::BlockedPoll,
                one.now.poll_ns,
                format!("{polls} blocks {who} in its poll"),
            ),
            thread::Stuck::LongPoll => (
                ProblemKind::LongPoll,
                one.now.poll_ns,
                format!("{polls} has kept {who} busy in one poll"),
            ),
            thread::Stuck::BlockedWorker => (
                ProblemKind::BlockedWorker,
                one.now.state_ns,
                format!("{who}, a runtime's worker, is blocked in what is not tracked"),
            ),
            // Those are inferred locks, with a problem of their own.
            thread::Stuck::Lock => return None,
            thread::Stuck::NoProcessor => (
                ProblemKind::NoProcessor,
                one.now.state_ns,
                format!("{who} is ready to run, and no processor takes it"),
            ),
            thread::Stuck::Uninterruptible => (
                ProblemKind::Uninterruptible,
                one.now.state_ns,
                format!("{who} is in the kernel, where no signal reaches it"),
            ),
        };
        let doing = self.names.doing(Actor::Thread(one.thread.tid));
        // Who polls is the one that can end the poll.
        let owner = match one.now.task {
            task if task != 0 && one.now.poll_ns > 0 => Actor::Task(task),
            _ => Actor::Thread(one.thread.tid),
        };
        let mut evidence = Vec::new();
        if one.now.poll_ns > 0 {
            let meanwhile = match one.worker {
                true => "; nothing else of this worker is polled meanwhile",
                false => "",
            };
            evidence.push(format!(
                "{who} has been in one poll of {polls} for {}{meanwhile}",
                duration(one.now.poll_ns)
            ));
        }
        if !doing.words.is_empty() {
            evidence.push(format!("it is {}", doing.words));
        }
        Some(Problem {
            kind,
            confidence: Confidence::Certain,
            age_ns,
            headline,
            evidence,
            resource: None,
            owner: Some(Owner {
                doing: doing.words,
                stack: doing.stack.clone(),
                ..Owner::itself(self.names, owner, age_ns)
            }),
            subject: Some(owner),
            cycle: Vec::new(),
            victims: Vec::new(),
            site: Site::default(),
            stack: doing.stack,
            threads: vec![one.thread.tid],
        })
    }

    /// Runtimes each of whose workers is blocked. Where one cause explains all of it, that says so.
    fn runtimes(&self, snapshot: &Snapshot, problems: &mut Vec<Problem>) {
        for runtime in snapshot.tasks.runtimes.iter().filter(|one| one.blocked) {
            let workers: BTreeMap<u32, u64> = (runtime.workers.iter())
                .filter_map(|&tid| Some((tid, self.names.thread(tid)?.1.poll_ns)))
                .collect();
            let Some(&age_ns) = workers.values().min() else {
                continue;
            };
            let name = match runtime.name.is_empty() {
                true if snapshot.tasks.runtimes.len() > 1 => format!(" {}", runtime.id),
                true => String::new(),
                false => format!(" {}", runtime.name),
            };
            let all = match workers.len() {
                1 => format!("the only worker of the runtime{name} is"),
                n => format!("all {n} workers of the runtime{name} are"),
            };
            let sentence = format!(
                "{all} blocked: none of its {} goes on",
                counted(runtime.alive as usize, "task")
            );
            let explains =
                |problem: &&mut Problem| workers.keys().all(|tid| problem.threads.contains(tid));
            if let Some(problem) = problems.iter_mut().find(explains) {
                if problem.kind == ProblemKind::InferredLock {
                    // Who holds the lock is not known: that nothing goes on is what there is to say.
                    problem.kind = ProblemKind::BlockedRuntime;
                    let why = std::mem::replace(&mut problem.headline, sentence);
                    problem.evidence.insert(0, why);
                } else {
                    problem.evidence.push(sentence);
                }
                continue;
            }
            let mut evidence: Vec<String> = (workers.iter())
                .map(|(&tid, poll_ns)| {
                    let task = self.names.thread(tid).map_or(0, |(_, now)| now.task);
                    let doing = self.names.doing(Actor::Thread(tid));
                    format!(
                        "{} polls {} for {}: {}",
                        self.names.actor(Actor::Thread(tid)),
                        self.names.actor(Actor::Task(task)),
                        duration(*poll_ns),
                        doing.words
                    )
                })
                .collect();
            const WORKERS: usize = 8;
            if evidence.len() > WORKERS {
                let more = evidence.len() - WORKERS;
                evidence.truncate(WORKERS);
                evidence.push(format!("{more} more likewise"));
            }
            // The one who has kept its worker for longest.
            let longest = workers.iter().max_by_key(|(_, poll_ns)| **poll_ns);
            let (first, poll_ns) = longest.map_or((0, 0), |(&tid, &ns)| (tid, ns));
            let owner = match self.names.thread(first).map_or(0, |(_, now)| now.task) {
                0 => Actor::Thread(first),
                task => Actor::Task(task),
            };
            let doing = self.names.doing(Actor::Thread(first));
            problems.push(Problem {
                kind: ProblemKind::BlockedRuntime,
                confidence: Confidence::Certain,
                age_ns,
                headline: sentence,
                evidence,
                resource: None,
                owner: Some(Owner {
                    doing: doing.words,
                    stack: doing.stack.clone(),
                    ..Owner::itself(self.names, owner, poll_ns)
                }),
                subject: Some(owner),
                cycle: Vec::new(),
                victims: Vec::new(),
                site: Site::default(),
                stack: doing.stack,
                threads: workers.into_keys().collect(),
            });
        }
    }
}
