//! The agent: what runs in the background while hotpoll samples.
//!
//! | thread | does |
//! |---|---|
//! | `hotpoll-drain` | finds threads, empties rings into the recorder, closes slices, watches the handler |
//! | `hotpoll-modules` | keeps the unwind tables in step with the loader; waits for the loader's lock, so that nobody else does |
//! | `hotpoll-wall` | looks at every thread by the wall clock, from outside, and watches for long polls; waits for no lock of the program's |
//! | `hotpoll-socket` | answers clients, from the recorder's closed slices |
//! | `hotpoll-dump` | only where a dump was asked for: writes it on the signal, or when something is stuck |
//! | `hotpoll-output` | only with an output file: writes it, so that a slow disk delays nobody else |
//!
//! All signals are blocked on all of them: a host that waits for its signals on a descriptor must not lose one to us. They share
//! one [`Shared`], and wait for each other only for moments. In a forked child none of them exists: everything asks first whether
//! its own start is still the one in force.

mod account;
mod build_facts;
mod drain;
mod dump_signal;
mod dump_thread;
mod dump_verdicts;
mod exit;
mod facts;
#[cfg_attr(not(feature = "tokio"), allow(dead_code))] // Only hooks know of polls.
mod long_polls;
mod machine;
mod module_thread;
mod now;
mod output_thread;
mod pace;
mod progress;
mod refreshing;
mod run_delays;
mod shared;
mod shown;
mod wall_pace;
mod wall_thread;
#[cfg(feature = "tokio")]
mod watchdog;
mod work_meter;

pub(crate) use refreshing::Refreshing;
pub(crate) use shared::{LoadedModules, SamplingFacts, Shared, lock};

use self::dump_signal::Taken;
use self::dump_thread::{DumpFile, Dumps};
use self::shown::Shown;
use crate::builder::Plan;
use crate::output::OutputPattern;
use crate::{Profile, StartError, output, socket};
use hotpoll_symbolizer::recorder::{Query, Recorder};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long stopping waits for the threads: a loader's lock or a disk may hold one of them up, and the host must go on.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// How long starting waits for the unwind tables, which take some ten milliseconds to compile, and seconds in a debug build on a crowded machine: no longer than
/// they take. So often it is looked whether the thread that compiles them has run: the loader's lock may hold it up, where `start` is called under that, and
/// then nobody waits for it.
const UNWINDING_STEP: Duration = Duration::from_millis(500);
/// At the most so often, however the thread works.
const UNWINDING_STEPS: u32 = 20;
/// What is said in every report where that was not enough.
const LATE_TABLES: &str = "the unwind tables were not ready when the start was over: a task suspended before they were has no stack until it waits anew (hotpoll tasks --refresh has it take one)";
/// Address space for each thread's stack; only what is touched takes memory.
const STACK_BYTES: usize = 512 * 1024;

/// A running agent.
pub(crate) struct Agent {
    shared: Arc<Shared>,
}

/// Starts sampling and the threads. Whatever fails, nothing is left running.
pub(crate) fn start(plan: Plan) -> Result<Agent, StartError> {
    let (mut sampler, modules) = hotpoll_sampler::start(plan.sampler.clone())?;
    let work = work_meter::WorkMeter::start();
    let mut off_cpu = sampler.off_cpu();
    off_cpu.signal_sleepers(plan.signal_sleepers);
    #[cfg(feature = "tokio")]
    if !plan.long_poll.is_zero() {
        // After the sampler's start, as the clock's rate is known from then on.
        let ns = plan.long_poll.as_nanos();
        hotpoll_hooks::tasks::set_long_poll_ns(u64::try_from(ns).unwrap_or(u64::MAX));
    }
    let facts = facts::Facts::read(&plan.sampler, plan.wall_hz);
    let output = match &plan.output {
        Some(pattern) => {
            let path = pattern.path(facts.pid);
            // The host may change its working directory later.
            let path = std::path::absolute(&path).unwrap_or(path);
            output::check_writable(&path).map_err(|source| StartError::Output {
                path: path.clone(),
                source,
            })?;
            Some(path)
        }
        None => None,
    };
    let dumps = dumps(&plan, facts.pid)?;
    let recorder = Recorder::new(plan.recorder);
    let bound = socket::bind(facts.pid, facts.start_ticks);
    let shared = Arc::new(Shared::new(
        facts,
        recorder,
        off_cpu,
        Shown::new(plan.signal_sleepers),
    )?);
    let server = match bound {
        Ok(listening) => Some(socket::Server::new(listening, Arc::clone(&shared))),
        Err(why) => {
            shared.notice(format!(
                "no socket, so the command cannot reach this process: {why}"
            ));
            None
        }
    };

    let blocked = hotpoll_sampler::BlockSignals::new();
    let spawned = spawn(&shared, "hotpoll-modules", {
        let shared = Arc::clone(&shared);
        move || module_thread::run(&shared, modules)
    })
    .and_then(|()| {
        let (hz, long_poll) = (plan.wall_hz, plan.long_poll);
        if hz == 0 && long_poll.is_zero() {
            return Ok(());
        }
        spawn(&shared, "hotpoll-wall", {
            let shared = Arc::clone(&shared);
            move || wall_thread::run(&shared, hz, long_poll)
        })
    })
    .and_then(|()| match server {
        Some(server) => spawn(&shared, "hotpoll-socket", move || server.run()),
        None => Ok(()),
    })
    .and_then(|()| match output {
        Some(path) => {
            shared.progress.expect_last_look();
            spawn(&shared, "hotpoll-output", {
                let shared = Arc::clone(&shared);
                move || output_thread::run(&shared, &path)
            })
        }
        None => Ok(()),
    })
    .and_then(|()| match dumps {
        Some(dumps) => spawn(&shared, "hotpoll-dump", {
            let shared = Arc::clone(&shared);
            move || dump_thread::run(&shared, &dumps)
        }),
        None => Ok(()),
    })
    .and_then(|()| {
        spawn(&shared, "hotpoll-drain", {
            let shared = Arc::clone(&shared);
            move || drain::run(&shared, sampler, work)
        })
    });
    drop(blocked);
    // Those that were made end by themselves; without the drain thread the sampler was dropped with its closure.
    spawned.inspect_err(|_| shared.ask_to_stop())?;
    exit::remember(&shared);
    hotpoll_hooks::sync::begin();
    // Tasks made right after the start leave a stack where they wait, once; without tables it would be lost for as long as they wait.
    if !wait_for_unwinding(&shared) {
        shared.notice(LATE_TABLES.to_owned());
    }
    Ok(Agent { shared })
}

/// Waits for the unwind tables while the thread that compiles them runs, and at least for two steps. Whether they are there.
fn wait_for_unwinding(shared: &Shared) -> bool {
    let mut before_ns = 0;
    for step in 0..UNWINDING_STEPS {
        if shared.progress.wait_for_unwinding(UNWINDING_STEP) {
            return true;
        }
        let cpu_ns = shared.module_thread_cpu_ns();
        if step > 0 && cpu_ns == before_ns {
            return false;
        }
        before_ns = cpu_ns;
    }
    false
}

/// What to dump on, with its files checked and its signal taken; `None` where no dump was asked for.
fn dumps(plan: &Plan, pid: u32) -> Result<Option<Dumps>, StartError> {
    let file = |pattern: &OutputPattern| {
        let file = DumpFile::new(pattern.absolute(), pid);
        let first = file.first();
        match output::check_writable(&first) {
            Ok(()) => Ok(file),
            Err(source) => Err(StartError::Output {
                path: first,
                source,
            }),
        }
    };
    let when_stuck = match &plan.dump_when_stuck {
        Some((after, pattern)) => Some((*after, file(pattern)?)),
        None => None,
    };
    let on_signal = match &plan.dump_on_signal {
        Some((signal, pattern)) => {
            let file = file(pattern)?;
            let taken = |why| StartError::DumpSignal {
                signal: *signal,
                why,
            };
            if *signal == plan.sampler.signal {
                return Err(taken("it carries the samples".to_owned()));
            }
            dump_signal::install(*signal).map_err(|why| match why {
                Taken::ByHost => taken("the program has a handler of its own for it".to_owned()),
                Taken::System(error) => taken(error.to_string()),
            })?;
            Some(file)
        }
        None => None,
    };
    Ok(
        (on_signal.is_some() || when_stuck.is_some()).then_some(Dumps {
            on_signal,
            when_stuck,
        }),
    )
}

/// Makes one of our threads. It is detached: in a forked child a handle would name a thread that does not exist there.
fn spawn(
    shared: &Arc<Shared>,
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<(), StartError> {
    let ended = Ended(Arc::clone(shared));
    shared.progress.expect_thread();
    let body = move || {
        let ended = ended;
        hotpoll_sampler::register_own_thread();
        ended.0.thread_runs(name, hotpoll_sampler::current_tid());
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        if result.is_err() {
            ended.0.notice(format!(
                "hotpoll's thread {name} has failed; what it did stands still"
            ));
        }
    };
    hotpoll_sampler::OwnThread::spawn(name, STACK_BYTES, body)
        .map(drop)
        .map_err(|source| StartError::Thread { name, source })
}

/// Counts a thread as ended when its closure is dropped, whether it ran or could not be made.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.progress.thread_ended();
    }
}

impl Agent {
    /// Whether sampling runs, and this is not a forked child.
    pub fn is_running(&self) -> bool {
        self.shared.is_in_force()
    }

    /// What the recorder holds, up to now, and what threads and tasks are doing.
    pub fn profile(&self) -> Profile {
        if !self.shared.may_be_read() {
            return Profile::default();
        }
        self.shared.close_slice_now();
        self.shared.profile_and_now(Query::ALL)
    }

    /// Stops everything; waits for it, but not for ever.
    pub fn stop(&self) {
        if self.shared.is_in_force() {
            exit::forget(&self.shared);
            hotpoll_hooks::sync::end();
            self.shared.stop(STOP_PATIENCE);
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
