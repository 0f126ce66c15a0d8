//! What the sampler's tests share: a harness that drains as the agent does, and work of known size.
#![allow(dead_code)] // each test file uses a part
#![allow(unsafe_code)] // clocks

use hotpoll_profile::{Engine, Truncation, thread::Accounts};
use hotpoll_sampler::{ModuleWatch, Record, Sampler, Settings, ThreadInfo, ThreadKey};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Records of one thread, folded as far as tests look at them.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub records: u64,
    pub expiries: u64,
    pub sampled_ns: u64,
    /// Weight by what the thread was doing.
    pub by_state: BTreeMap<hotpoll_profile::State, u64>,
    /// Weight by leaf address.
    pub leaves: BTreeMap<u64, u64>,
    /// Callchains, when kept.
    pub callchains: Vec<(Vec<u64>, Truncation, u64)>,
}

/// A running sampler with everything it has seen.
pub struct Harness {
    pub sampler: Sampler,
    pub modules: ModuleWatch,
    pub seen: BTreeMap<ThreadKey, Seen>,
    pub info: BTreeMap<ThreadKey, ThreadInfo>,
    pub accounts: BTreeMap<ThreadKey, Accounts>,
    /// What each slice added, with the engine that was in force in it.
    pub slices: Vec<BTreeMap<ThreadKey, (Engine, Accounts)>>,
    pub process_cpu_ns: u64,
    pub unseen_cpu_ns: u64,
    pub keep_callchains: bool,
    /// Shown every record, for what `Seen` does not keep.
    pub on_record: Option<OnRecord>,
}

pub type OnRecord = Box<dyn FnMut(ThreadKey, &Record<'_>) + Send>;

impl Harness {
    pub fn start(settings: Settings) -> Self {
        let (sampler, mut modules) = hotpoll_sampler::start(settings).expect("start");
        modules.refresh();
        let mut harness = Self {
            sampler,
            modules,
            seen: BTreeMap::new(),
            info: BTreeMap::new(),
            accounts: BTreeMap::new(),
            slices: Vec::new(),
            process_cpu_ns: 0,
            unseen_cpu_ns: 0,
            keep_callchains: false,
            on_record: None,
        };
        harness.sampler.scan_threads();
        harness
    }

    /// Scans, drains, as the agent does between slices.
    pub fn turn(&mut self) {
        self.sampler.scan_threads();
        self.drain();
    }

    pub fn drain(&mut self) {
        let Self {
            sampler,
            seen,
            keep_callchains,
            on_record,
            ..
        } = self;
        sampler.drain(&mut |thread, record| {
            if let Some(on_record) = on_record {
                on_record(thread, record);
            }
            let seen = seen.entry(thread).or_default();
            seen.records += 1;
            seen.expiries += record.expiries;
            seen.sampled_ns += record.cpu_ns;
            *seen.by_state.entry(record.state).or_default() += record.cpu_ns;
            *seen.leaves.entry(record.callchain[0]).or_default() += record.cpu_ns;
            if *keep_callchains {
                seen.callchains
                    .push((record.callchain.to_vec(), record.truncation, record.cpu_ns));
            }
        });
    }

    pub fn close_slice(&mut self) {
        self.drain();
        for (key, info) in self.sampler.threads() {
            self.info.insert(key, info.clone());
        }
        let clocks = self.sampler.close_slice();
        self.info.extend(clocks.ended);
        let mut slice = BTreeMap::new();
        for (key, accounts) in &clocks.threads {
            self.accounts.entry(*key).or_default().add(accounts);
            slice.insert(*key, (self.info[key].engine, *accounts));
        }
        self.slices.push(slice);
        for (key, info) in self.sampler.threads() {
            self.info.insert(key, info.clone());
        }
        self.process_cpu_ns += clocks.process_cpu_ns;
        self.unseen_cpu_ns += clocks.unseen_cpu_ns;
    }

    /// Drains for a while, closing a slice every `slice`.
    pub fn run_for(&mut self, time: Duration, slice: Duration) {
        let begun = std::time::Instant::now();
        let mut slice_begun = begun;
        while begun.elapsed() < time {
            std::thread::sleep(
                Duration::from_nanos(self.sampler.next_drain_ns())
                    .min(slice)
                    .min(Duration::from_millis(50)),
            );
            self.turn();
            if slice_begun.elapsed() >= slice {
                self.close_slice();
                slice_begun = std::time::Instant::now();
            }
        }
        self.close_slice();
    }

    /// The thread with this name.
    pub fn key(&self, name: &str) -> ThreadKey {
        *self
            .info
            .iter()
            .find(|(_, info)| info.name == name)
            .unwrap_or_else(|| panic!("no thread {name}: {:?}", self.info))
            .0
    }
}

/// The calling thread's CPU clock.
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Burns CPU until told to stop.
#[inline(never)]
pub fn burn_until(stop: &AtomicBool) -> u64 {
    let mut x = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..1000 {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1);
        }
        std::hint::black_box(x);
    }
    x
}

/// Settings for a rate.
pub fn at_hz(hz: u64) -> Settings {
    let mut settings = Settings::default();
    settings.interval_ns = 1_000_000_000 / hz;
    settings
}
