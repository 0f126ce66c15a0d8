//! From timer to record: per-thread timers, the SIGPROF handler, the compiled unwind table, lock-free rings.
//!
//! In: the threads of this process and their CPU time. Out: records, and exact accounts of what was and was not sampled. What they mean is
//! for others: the sampler knows nothing of async runtimes, symbols or files.
//!
//! [`start()`] gives a [`Sampler`], which one thread drains, and a [`ModuleWatch`], which another keeps up to date; neither makes threads.
//! All code that runs in the signal lives in `signal/`, and calls nothing but `ring/`, `slot/`, `record` and `unwind/`.
//!
//! # Example
//! ```
//! # #[cfg(all(target_os = "linux", target_arch = "x86_64"))] {
//! let (mut sampler, mut modules) = hotpoll_sampler::start(hotpoll_sampler::Settings::default())?;
//! modules.refresh();
//! sampler.scan_threads();
//! // … let the program run …
//! let mut samples = 0;
//! sampler.drain(&mut |_thread, _record| samples += 1);
//! let clocks = sampler.close_slice();
//! println!("{samples} samples, {} ns of CPU time", clocks.process_cpu_ns);
//! sampler.stop();
//! # }
//! # Ok::<(), hotpoll_sampler::StartError>(())
//! ```

mod error;
mod on_stack;
mod settings;

pub use error::StartError;
pub use on_stack::OnStack;
pub use settings::{EngineSetting, Settings};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod broken;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod clock;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod fork;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod fork_gate;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod fork_lock;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod module;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod modules;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod off_cpu;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod own;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod own_thread;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod pin;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod published;
pub mod record;
mod ring;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod sampler;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod signal;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod slot;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod sys;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[doc(hidden)]
pub mod testing;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod thread;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod timer;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod unwind;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod walk_again;

pub use record::{Record, Words};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use self::{
    fork::{generation, in_forked_child, start_number},
    fork_lock::ForkLock,
    modules::ModuleWatch,
    off_cpu::{Look, Memory, OffCpu, Raised},
    own::{
        announce_runtime_thread, register_drain_thread, register_own_thread, retire_runtime_thread,
    },
    own_thread::OwnThread,
    published::{Published, published, published_by, stack_pointer},
    sampler::{HandlerState, Sampler, SliceClocks, ThreadInfo, ThreadKey, start::start},
    signal::install::BlockSignals,
    signal::task_id::{TaskId, register as register_task_id},
    slot::HandlerTimes,
    sys::{cpu_ns_of, current_tid, own_run_delay_ns, thread_cpu_ns, tick_hz},
    thread::files::is_runnable,
    walk_again::WalkAgain,
};
