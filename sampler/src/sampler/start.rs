//! Starting: what must be true before the first timer is armed.

use super::budget::Budget;
use super::{Sampler, accounts, attach, delivery, pool};
use crate::broken;
use crate::error::StartError;
use crate::fork;
use crate::fork_gate;
use crate::modules::ModuleWatch;
use crate::off_cpu::Roster;
use crate::pin;
use crate::record::MAX_DEPTH;
use crate::settings::{EngineSetting, Settings};
use crate::signal::{self, install, stack_bounds, tsc};
use crate::slot::table;
use crate::sys;
use crate::thread::files;
use crate::thread::numbers::Numbers;
use crate::timer;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts starts in this process and, copied, in its children; never 0.
static STARTS: AtomicU64 = AtomicU64::new(1);

/// Starts sampling. Threads are found at the first [`Sampler::scan_threads`]; callchains are whole after the first [`ModuleWatch::refresh`].
///
/// One `Sampler` exists at a time in a process. In a forked child of a process that samples, nothing runs until `start` is called there.
///
/// # Errors
/// [`StartError`] says what is wrong with the settings, or what the system refused; nothing is left armed then.
pub fn start(settings: Settings) -> Result<(Sampler, ModuleWatch), StartError> {
    broken::read_environment();
    validate(&settings)?;
    let page = fork::map().map_err(|errno| StartError::System {
        what: "mapping a page that is wiped on fork",
        errno,
    })?;
    let number = STARTS.fetch_add(1, Ordering::Relaxed);
    if page
        .start_number
        .compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        return Err(StartError::AlreadyRunning);
    }
    begin(settings, page, number).inspect_err(|_| release(number))
}

fn begin(
    settings: Settings,
    page: &'static fork::Page,
    number: u64,
) -> Result<(Sampler, ModuleWatch), StartError> {
    if settings.signal == libc::SIGPROF && install::itimer_prof_is_armed() {
        return Err(StartError::ItimerProfArmed);
    }
    if !files::show_this_thread() {
        return Err(StartError::NoProc);
    }
    let perf_errno = timer::probe_perf().err();
    if settings.engine == EngineSetting::Perf
        && let Some(errno) = perf_errno
    {
        return Err(StartError::PerfDenied { errno });
    }
    if page.tag.load(Ordering::Relaxed) == 0 {
        // The first start of this process, or the first in a forked child: the slots there are only copies of the parent's.
        table::forget_all();
        pool::reset();
        fork::set_tag(page, sys::random_u64() | 1);
    }
    // Threads that lived at the last stop have kept their slots, for signals that were on their way; some have ended since.
    for id in pool::take_dead(files::is_alive) {
        attach::free_slot(id);
    }
    pin::pin();
    fork_gate::register();
    tsc::probe();
    crate::clock::begin();
    // Without it the agent looks stacks up, and each thread's first sample has its leaf only.
    stack_bounds::calibrate();
    signal::set_max_depth(settings.max_depth);
    install::install(settings.signal)?;
    let tag = page.tag.load(Ordering::Relaxed);
    let budget = Budget::of_limits(settings.limit_share);
    let numbers = Numbers::new(budget.pool());
    let roster = Arc::new(Roster::new(Arc::clone(budget.pool()), settings.signal, tag));
    let sampler = Sampler {
        roster: Arc::clone(&roster),
        tag,
        start_number: number,
        tick_hz: sys::tick_hz(),
        perf_errno,
        budget,
        next_key: 0,
        entries: BTreeMap::new(),
        by_tid: HashMap::new(),
        by_slot: Vec::new(),
        numbers,
        busy: Vec::new(),
        replaced: false,
        scans: 0,
        next_scan_is_first: true,
        tsc: tsc::Calibration::begin(),
        delivery: delivery::Delivery::default(),
        past_handler_times: attach::no_handler_times(),
        slice: accounts::SliceStart::now(),
        cpu_before_ns: HashMap::new(),
        words: Vec::new(),
        stopped: false,
        settings,
    };
    Ok((sampler, ModuleWatch::new(roster)))
}

/// Lets the next start happen.
pub(super) fn release(number: u64) {
    if let Some(page) = fork::page() {
        // Fails in a forked child, where the page is wiped, and when a later start has taken over.
        let _ = page
            .start_number
            .compare_exchange(number, 0, Ordering::AcqRel, Ordering::Acquire);
    }
}

fn validate(settings: &Settings) -> Result<(), StartError> {
    let interval_ns = settings.interval_ns;
    if interval_ns == 0 {
        return Err(StartError::ZeroRate);
    }
    if interval_ns < Settings::LEAST_INTERVAL_NS {
        return Err(StartError::TooFast { interval_ns });
    }
    if interval_ns > Settings::GREATEST_INTERVAL_NS {
        return Err(StartError::TooSlow { interval_ns });
    }
    if !(1..=MAX_DEPTH).contains(&settings.max_depth) {
        return Err(StartError::BadDepth {
            max_depth: settings.max_depth,
        });
    }
    if !install::is_usable(settings.signal) {
        return Err(StartError::BadSignal {
            signal: settings.signal,
        });
    }
    Ok(())
}
