//! Everything that runs in the sampling signal, and nothing else.
//!
//! In: a siginfo and the interrupted registers. Out: one record in the thread's ring, or a counted loss. Nothing reachable from
//! [`handler`] allocates, locks, makes a system call, touches lazily made TLS, panics or loops without a bound. The one exception is a signal that
//! is not ours: `forward` makes one system call where the earlier handler wants no alternate stack, and what that handler does is its own affair.
//!
//! What it cannot survive: the kernel pushes a frame of 2.9 KB (with 512-bit registers) before any code of ours runs. On a thread without an
//! alternate stack that is nearer than 3.1 KB to its guard page, or with an alternate stack below AT_MINSIGSTKSZ, the kernel ends the process, as
//! with any signal. We add 0.2 KB to that (`tests/handler_room.rs` measures both); from there on a sample is a counted loss, then a leaf, then whole.
//!
//! `handler` is the order of events; `source` tells whose signal it is; `frame` reads the interrupted context; `stack_bounds` says which
//! memory may be read; `capture` walks it; `forward` passes foreign signals on; `install` is the only file here that runs in ordinary code.

mod capture;
pub(crate) mod forward;
mod frame;
mod handler;
pub(crate) mod install;
pub(crate) mod source;
pub(crate) mod stack_bounds;
mod syscall;
pub(crate) mod task_id;
pub(crate) mod tsc;

pub(crate) use capture::set_max_depth;
pub use handler::{ROOM_FOR_LEAF, ROOM_FOR_WALK, ROOM_TO_LOOK};
pub(crate) use handler::{end, leaked_tables, publish_tables, wait_for, walk_ordinary};
