//! Settings, and the start.

use crate::environment::{Environment, Switch};
use crate::output::OutputPattern;
use crate::{Engine, Guard, StartError, agent};
use hotpoll_symbolizer::recorder;
use std::path::PathBuf;
use std::time::Duration;

/// All settings of hotpoll.
///
/// ```no_run
/// use std::time::Duration;
///
/// let profiler = hotpoll::Builder::new()
///     .sampling_hz(199)
///     .recorder(Duration::from_secs(60), 4 << 20)
///     .start()?;
/// # drop(profiler);
/// # Ok::<(), hotpoll::StartError>(())
/// ```
/// The environment overrides what is set here (see the [crate's head](crate#environment)).
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct Builder {
    sampler: hotpoll_sampler::Settings,
    wall_hz: u32,
    long_poll: Duration,
    signal_sleepers: bool,
    span: Duration,
    bytes: usize,
    output: Option<PathBuf>,
    dump_on_signal: Option<(i32, PathBuf)>,
    dump_when_stuck: Option<(Duration, PathBuf)>,
}

/// What the agent is started with: everything checked that can be checked without touching the system.
#[derive(Debug)]
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code)
)]
pub(crate) struct Plan {
    pub sampler: hotpoll_sampler::Settings,
    /// 0 is off.
    pub wall_hz: u32,
    /// Zero is off.
    pub long_poll: Duration,
    pub signal_sleepers: bool,
    pub recorder: recorder::Settings,
    pub output: Option<OutputPattern>,
    pub dump_on_signal: Option<(i32, OutputPattern)>,
    pub dump_when_stuck: Option<(Duration, OutputPattern)>,
}

/// The signal of `HOTPOLL_DUMP`, where the program has not set another one: Linux's number of SIGUSR2.
const SIGUSR2: i32 = 12;

impl Default for Builder {
    fn default() -> Self {
        let recorder = recorder::Settings::default();
        Self {
            sampler: hotpoll_sampler::Settings::default(),
            wall_hz: Self::DEFAULT_WALL_HZ,
            long_poll: Self::DEFAULT_LONG_POLL,
            signal_sleepers: false,
            span: Duration::from_nanos(recorder.span_ns),
            bytes: recorder.bytes,
            output: None,
            dump_on_signal: None,
            dump_when_stuck: None,
        }
    }
}

impl Builder {
    /// The highest rate of looks by the wall clock.
    pub(crate) const GREATEST_WALL_HZ: u32 = 1_000;
    /// The shortest poll that can be called long: the watchdog checks no more often.
    const LEAST_LONG_POLL: Duration = Duration::from_millis(1);
    /// What is a long poll where nothing else is asked for.
    const DEFAULT_LONG_POLL: Duration = Duration::from_millis(10);
    /// The rate of looks by the wall clock where none is asked for.
    const DEFAULT_WALL_HZ: u32 = 20;

    /// The defaults: 99 Hz of CPU time, 20 Hz by the wall clock, engine `auto`, SIGPROF, callchains up to 1,024 frames, five minutes and 8 MB kept, no file.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sample for every so much CPU time that a thread uses: from 100 µs to 10 s.
    pub fn sampling_interval(mut self, interval: Duration) -> Self {
        self.sampler.interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// So many samples for each second of CPU time that a thread uses: from 1 to 10,000. Rates that divide 100 or 1,000 fall into
    /// step with programs' own periods; 99, 199 and 997 do not.
    pub fn sampling_hz(mut self, hz: u32) -> Self {
        // 0 Hz is an interval that `start` refuses.
        self.sampler.interval_ns = 1_000_000_000_u64.checked_div(u64::from(hz)).unwrap_or(0);
        self
    }

    /// How often each thread is looked at by the wall clock, whether it runs or sleeps: up to 1,000 Hz (more is an error of `start`); 0
    /// switches that off. A sleeping thread's
    /// stack is copied from outside; no thread gets a signal for it. All looks together take under 1 % of a core: beside thousands of threads
    /// they come less often, and reports say so.
    pub fn wall_hz(mut self, hz: u32) -> Self {
        self.wall_hz = hz;
        self
    }

    /// From when on a poll of a tracked task is a long one: it is watched while it runs, and its stacks are kept. 10 ms where nothing else is
    /// asked for; nothing shorter than 1 ms; zero switches the watch off.
    pub fn long_poll(mut self, threshold: Duration) -> Self {
        self.long_poll = match threshold {
            Duration::ZERO => Duration::ZERO,
            some => some.max(Self::LEAST_LONG_POLL),
        };
        self
    }

    /// Whether a sleeping thread whose stack cannot be taken from outside gets the sampling signal, so that it shows its stack itself. `false` where nothing
    /// else is asked for: no sleeping thread is interrupted.
    ///
    /// **This may break programs.** The signal interrupts what the thread waits in. The kernel begins most system calls again, but `poll`, `epoll_wait`,
    /// `select`, `nanosleep`, `sem_timedwait`, socket calls with a time-out and some more return `EINTR`, and not every program is ready for that. A
    /// thread gets it once a second at most, only after it has slept for a tenth of a second, and only while the stack is missing; reports say how
    /// often that was. They count what cannot be taken, with the reason (`hotpoll doctor`): without such a count this changes nothing.
    pub fn signal_sleepers(mut self, may: bool) -> Self {
        self.signal_sleepers = may;
        self
    }

    /// The timers. [`Engine::Auto`] decides for each thread, and reports say why.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.sampler.engine = engine;
        self
    }

    /// The signal that carries samples, by number: SIGPROF, or where another profiler wants that one, SIGURG.
    pub fn signal(mut self, signal: i32) -> Self {
        self.sampler.signal = signal;
        self
    }

    /// How far back the flight recorder keeps samples, and how much memory it may take. What comes first ends it; samples beyond
    /// the memory are counted as evicted, or as "other" where one second alone would not fit. From 64 KiB to 1 GiB, taken as samples come.
    pub fn recorder(mut self, span: Duration, bytes: usize) -> Self {
        self.span = span;
        self.bytes = bytes;
        self
    }

    /// The longest callchain, from 1 to 1,024 frames.
    pub fn max_depth(mut self, frames: usize) -> Self {
        self.sampler.max_depth = frames;
        self
    }

    /// Writes what the recorder holds to a file: a gzipped pprof profile, now and then (at first after one second, later every ten),
    /// when the guard is dropped, and when the process exits. A process that is killed loses only what came after the last
    /// write. `%p` in the path is the PID, `%%` a percent sign. The file is replaced whole, never seen half written.
    /// Forked children write nothing.
    pub fn output(mut self, pattern: impl Into<PathBuf>) -> Self {
        self.output = Some(pattern.into());
        self
    }

    /// Writes a dump whenever the process gets this signal (SIGUSR2 is a good one): the recorder, and what every thread and tracked task is doing at that
    /// moment, in a file that `hotpoll tasks`, `hotpoll threads` and `hotpoll report` read. `%p` in the path is the PID, and `%n` the dump's
    /// number, from 1 to 8 and from 1 again: more files than that are never there. Without it each dump replaces the one before.
    ///
    /// No signal is taken unless this, or `HOTPOLL_DUMP`, asks for it; one for which the program has a handler is an error of `start`. The signal may
    /// interrupt a system call of whichever thread gets it; most are begun again by the kernel. `hotpoll dump PID` needs no signal.
    pub fn dump_on_signal(mut self, signal: i32, pattern: impl Into<PathBuf>) -> Self {
        self.dump_on_signal = Some((signal, pattern.into()));
        self
    }

    /// Writes such a dump, while it lasts, when something has been stuck for longer than this: a poll of a tracked task; a tracked task that has
    /// lost its waker; or a runtime, every worker of which is in long polls. Each is dumped once, and of each of these three sorts at
    /// most one a minute. Reports of the dump say what it was.
    ///
    /// Finding lost wakers and blocked runtimes means to look at all tasks: beside many of them that is done less often, to cost next to nothing.
    pub fn dump_when_stuck(mut self, after: Duration, pattern: impl Into<PathBuf>) -> Self {
        self.dump_when_stuck = Some((after, pattern.into()));
        self
    }

    /// Starts sampling. Waits for the unwind tables, which take some ten milliseconds to compile (a development build of hotpoll on a crowded machine takes
    /// seconds), but for ten seconds at most: where they take longer, callchains of the first moments have only their leaf, and say so.
    ///
    /// # Errors
    /// [`StartError`] says what to do about it. With `HOTPOLL=off` there is no error: the guard does nothing.
    pub fn start(self) -> Result<Guard, StartError> {
        let environment = Environment::read()?;
        self.start_with(environment)
    }

    /// Starts sampling if the environment asks for it: see [`crate::start_if_asked()`].
    ///
    /// # Errors
    /// Those of [`Builder::start`].
    pub fn start_if_asked(self) -> Result<Guard, StartError> {
        let environment = Environment::read()?;
        if environment.asks() {
            self.start_with(environment)
        } else {
            Ok(Guard::inert())
        }
    }

    fn start_with(mut self, environment: Environment) -> Result<Guard, StartError> {
        if environment.switch == Some(Switch::Off) {
            return Ok(Guard::inert());
        }
        if let Some(hz) = environment.hz {
            self = self.sampling_hz(hz);
        }
        if let Some(hz) = environment.wall_hz {
            self = self.wall_hz(hz);
        }
        if let Some(ms) = environment.long_poll_ms {
            self = self.long_poll(Duration::from_millis(ms.into()));
        }
        if let Some(may) = environment.signal_sleepers {
            self = self.signal_sleepers(may);
        }
        if let Some(engine) = environment.engine {
            self = self.engine(engine);
        }
        if let Some(output) = environment.output {
            self = self.output(output);
        }
        if let Some(path) = environment.dump {
            if let Some(ms) = environment.dump_stuck_ms {
                self = self.dump_when_stuck(Duration::from_millis(ms), &path);
            }
            let signal = match self.dump_on_signal {
                Some((signal, _)) => signal,
                None => SIGUSR2,
            };
            self = self.dump_on_signal(signal, path);
        }
        agent::start(self.plan()?).map(Guard::running)
    }

    fn plan(self) -> Result<Plan, StartError> {
        if self.bytes < recorder::Settings::LEAST_BYTES {
            return Err(StartError::RecorderTooSmall {
                bytes: self.bytes,
                least: recorder::Settings::LEAST_BYTES,
            });
        }
        if self.bytes > recorder::Settings::GREATEST_BYTES {
            return Err(StartError::RecorderTooLarge {
                bytes: self.bytes,
                greatest: recorder::Settings::GREATEST_BYTES,
            });
        }
        if self.wall_hz > Self::GREATEST_WALL_HZ {
            return Err(StartError::WallRateTooHigh {
                hz: self.wall_hz,
                greatest: Self::GREATEST_WALL_HZ,
            });
        }
        if self.span.is_zero() {
            return Err(StartError::RecorderSpanZero);
        }
        let output = self.output.map(|path| OutputPattern::parse(&path));
        Ok(Plan {
            recorder: recorder::Settings {
                span_ns: u64::try_from(self.span.as_nanos()).unwrap_or(u64::MAX),
                bytes: self.bytes,
                interval_ns: self.sampler.interval_ns,
                ..recorder::Settings::default()
            },
            sampler: self.sampler,
            wall_hz: self.wall_hz,
            long_poll: self.long_poll,
            signal_sleepers: self.signal_sleepers,
            output: output.transpose()?,
            dump_on_signal: match self.dump_on_signal {
                Some((signal, path)) => Some((signal, OutputPattern::parse_numbered(&path)?)),
                None => None,
            },
            dump_when_stuck: match self.dump_when_stuck {
                Some((after, path)) => Some((after, OutputPattern::parse_numbered(&path)?)),
                None => None,
            },
        })
    }
}
