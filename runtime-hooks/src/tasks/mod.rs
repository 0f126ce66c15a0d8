//! Tracked tasks: how often and how long they are polled, who wakes them, and where they are suspended.
//!
//! In: futures, by the functions here in the place of tokio's. Out: [`snapshot`], and words in every sample. On stable tokio, without flags. While
//! sampling does not run (or with `HOTPOLL=off`) futures are spawned as they are.
//!
//! One poll's way: `tracked` publishes the task's words and lends the future our `waker`; a leaf that clones it leaves its stack (`stacks`); a wake is
//! stamped (`wake_stamp`) and passed on (`inner_waker`); the next poll turns the stamp into a delay (`record`, `stats`).

mod block_on;
mod executor;
mod join_set;
mod local_set;
mod spawn;
mod track;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod elsewhere;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub use elsewhere::Tracked;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) use elsewhere::is_a_sets;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
use elsewhere::{Handle, Inside, Kind, blocking};

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod deferral;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod inner_waker;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod kind;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod live;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lost;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod open_polls;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod record;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod refresh;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod roots;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod row;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod run_delay;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod runtimes;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod snapshot;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stacks;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stats;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod suspensions;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod thread;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tracked;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod wait;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod wake_stamp;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod waker;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod watch;

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use self::{
    kind::Kind,
    record::Handle,
    runtimes::Inside,
    tracked::blocking,
    watch::{LONG_POLL, is_on, is_stopped, parent, poll_begins},
};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use self::{
    open_polls::{OpenPoll, any_pollers, open_polls, outermost_polls},
    refresh::{Refresh, refresh, take_stacks_anew},
    roots::completed_roots,
    run_delay::{OutsideCount, Waited, charge_open_polls, pollers, run_delays},
    runtimes::{Place, place},
    snapshot::{Limits, Moment, snapshot, snapshot_at},
    tracked::Tracked,
    watch::{i_watch_polls, long_poll_ns, set_long_poll_ns, wake_me_at_the_next_poll},
};
pub use block_on::{BlockOn, block_on, block_on_named};
pub use executor::Executor;
pub use join_set::JoinSet;
pub use local_set::LocalSet;
pub use spawn::{
    spawn, spawn_blocking, spawn_blocking_named, spawn_local, spawn_local_named, spawn_named,
    spawn_on, spawn_on_named,
};
pub use track::Track;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use {thread::with_holds, tracked::futures, waker::is_a_sets};
