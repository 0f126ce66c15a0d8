//! What threads do while they are off the processor, seen from outside: nobody is interrupted.
//!
//! In: the threads that the sampler knows, `/proc/self/task/TID`, their CPU clocks, copies of their stacks. Out: a [`Look`] for each thread
//! and round: its state, how much wall time that stands for, and its callchain. Ordinary code of the agent; nothing here runs in the signal.
//!
//! ```text
//! CPU clock unmoved since the last look, which found it blocked ──▶ the stack kept from then (a clock read is all it costs)
//! else /proc/…/syscall: "running" ──▶ running or, when the clock stands still, runnable
//!      or the system call, sp and pc ──▶ copy the stack ──▶ unwind the copy ──▶ nothing moved meanwhile? then it is true
//! ```
//! A thread's stack is copied by the kernel (`process_vm_readv`) and never dereferenced: the thread may end, and its stack be unmapped, at
//! any moment. rbp is not in that file; `frame_pointer` finds it where code is built with frame pointers.
//!
//! Where the program wants it, a sleeper whose capture failed is asked by the sampling signal (`asked`); nobody is by default.
//!
//! What it cannot see: a long sleeper that was just woken and waits for a processor counts as asleep until it has run. And a look finds no other
//! thread running on its own processor: how long threads wait for one is the scheduler's own count, not the looks'.

mod asked;
mod call_site;
mod capture;
mod counters;
mod descriptor;
mod frame_pointer;
mod look;
mod memory;
mod prologue;
mod raised;
mod roster;
mod rounds;
mod syscall_file;
mod syscall_state;
mod watched;

pub(crate) use counters::WallCounters;
pub(crate) use descriptor::{DescriptorPool, KeptFile};
pub use look::Look;
pub use memory::Memory;
pub use raised::Raised;
pub(crate) use roster::{Member, Roster};
pub use rounds::OffCpu;
