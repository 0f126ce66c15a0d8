//! A perf `task-clock` event on one thread, signalling that thread through its descriptor's SIGIO.
//!
//! It is a high-resolution timer, so it samples between ticks and up to 10 kHz. The kernel is always excluded: with it included, a late signal
//! killed exec'ed children and interrupted sleepers. So kernel time carries no samples, and each context switch costs a little more.
//!
//! The first expiry comes after a whole interval, not after a random part of one as ctimer's: the kernel has one number for both, and setting it
//! (PERF_EVENT_IOC_PERIOD) throws away what has passed of the running period. Opened with 3 ms and set to 10 ms before it was enabled, an event fired at
//! 10, 20 and 30 ms; set 2 ms after, at 12 and 22. So the period is changed seldom (sampler/periods.rs).
#![allow(unsafe_code)] // perf_event_open, fcntl and ioctl on the event's descriptor.

use crate::slot::table::{self, Descriptor, SlotId};
use crate::sys;
use crate::thread::files;
use std::mem::zeroed;

/// An enabled event; dropping it disables and closes it.
pub(crate) struct PerfEvent {
    descriptor: libc::c_int,
    /// The kernel's number of the event.
    id: Option<u64>,
    start_number: u64,
}

/// The first version of `struct perf_event_attr` with all that is set here, and room for flags of later kernels.
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    config1: u64,
    config2: u64,
    rest: [u64; 8],
}
const _: () = assert!(size_of::<Attributes>() == 136);

const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_COUNT_SW_TASK_CLOCK: u64 = 1;
const DISABLED: u64 = 1 << 0;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
/// The event does not survive exec (Linux 5.13); without it only the closing of the descriptor ends it there.
const REMOVE_ON_EXEC: u64 = 1 << 36;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
const PERF_EVENT_IOC_ENABLE: libc::c_ulong = 0x2400;
const PERF_EVENT_IOC_DISABLE: libc::c_ulong = 0x2401;
const PERF_EVENT_IOC_PERIOD: libc::c_ulong = 0x4008_2404;
const PERF_EVENT_IOC_ID: libc::c_ulong = 0x8008_2407;
const F_SETSIG: libc::c_int = 10;
const F_SETOWN_EX: libc::c_int = 15;
const F_OWNER_TID: libc::c_int = 0;

#[repr(C)]
struct Owner {
    kind: libc::c_int,
    tid: libc::c_int,
}

impl PerfEvent {
    /// Opens an event for a thread of this process, to be enabled. That may take a while: on the first event of a thread in the whole system
    /// the kernel waits until every processor knows of it.
    pub fn open(tid: u32, signal: libc::c_int, interval_ns: u64, id: SlotId) -> Result<Self, i32> {
        let mut event = open(tid, interval_ns)?;
        // A signal of an earlier event still waits for this thread, and carries that one's descriptor.
        if table::by_descriptor(event.descriptor) == Descriptor::Closed
            && files::status(tid).is_some_and(|status| status.awaits(signal))
        {
            event.move_to_a_fresh_descriptor()?;
        }
        if !table::set_descriptor(event.descriptor, Some(id)) {
            return Err(libc::EMFILE);
        }
        event.send_to(tid, signal)?;
        Ok(event)
    }

    /// Opens and enables an event for the calling thread, whose signals the handler takes for late ones: to measure what they cost.
    pub fn arm_unheard(signal: libc::c_int, interval_ns: u64) -> Result<Self, i32> {
        let tid = sys::current_tid();
        let event = open(tid, interval_ns)?;
        if !table::set_descriptor(event.descriptor, None) {
            return Err(libc::EMFILE);
        }
        event.send_to(tid, signal)?;
        event.enable()?;
        Ok(event)
    }

    /// Begins to count the thread's time.
    pub fn enable(&self) -> Result<(), i32> {
        // Plain ENABLE: the one-shot REFRESH hangs on kernels 6.16 and 6.17, and with ENABLE nothing has to be re-armed from the handler.
        // SAFETY: the descriptor is ours and open, and the command takes a number.
        let result = unsafe { libc::ioctl(self.descriptor, PERF_EVENT_IOC_ENABLE, 0) };
        if result == 0 {
            Ok(())
        } else {
            Err(sys::errno())
        }
    }

    /// Expires by this period from now on. What has passed of the running one is forgotten.
    pub fn set_period(&self, interval_ns: u64) -> Result<(), i32> {
        // SAFETY: the descriptor is ours and open, and the command reads eight bytes from the address.
        let result = unsafe { libc::ioctl(self.descriptor, PERF_EVENT_IOC_PERIOD, &interval_ns) };
        if result == 0 {
            Ok(())
        } else {
            Err(sys::errno())
        }
    }

    /// Whom it will signal.
    fn send_to(&self, tid: u32, signal: libc::c_int) -> Result<(), i32> {
        let owner = Owner {
            kind: F_OWNER_TID,
            tid: tid as libc::c_int,
        };
        // SAFETY: the descriptor is ours and open, and the arguments are of the types that the commands take.
        let done = unsafe {
            libc::fcntl(
                self.descriptor,
                libc::F_SETFL,
                libc::O_ASYNC | libc::O_NONBLOCK,
            ) == 0
                && libc::fcntl(self.descriptor, F_SETSIG, signal) == 0
                && libc::fcntl(self.descriptor, F_SETOWN_EX, &owner) == 0
        };
        if done { Ok(()) } else { Err(sys::errno()) }
    }

    /// Whether the descriptor is still the event's: a host that closes all descriptors ends the event with it.
    pub fn is_open(&self) -> bool {
        self.id.is_some() && event_id(self.descriptor) == self.id
    }
}

impl PerfEvent {
    /// Takes a descriptor that no event had before.
    fn move_to_a_fresh_descriptor(&mut self) -> Result<(), i32> {
        for number in self.descriptor + 1..table::MAX_DESCRIPTOR as libc::c_int {
            if table::by_descriptor(number) == Descriptor::Closed {
                continue;
            }
            // SAFETY: it makes another descriptor of ours, with the lowest free number from there on.
            let moved = unsafe { libc::fcntl(self.descriptor, libc::F_DUPFD_CLOEXEC, number) };
            if moved < 0 {
                return Err(sys::errno());
            }
            // SAFETY: the old one is ours, and is closed once; the event stays with the new one.
            unsafe { libc::close(self.descriptor) };
            self.descriptor = moved;
            if table::by_descriptor(moved) != Descriptor::Closed {
                return Ok(());
            }
        }
        Err(libc::EMFILE)
    }
}

impl Drop for PerfEvent {
    fn drop(&mut self) {
        if !crate::fork::is_in_force(self.start_number) {
            return; // the event is the parent's, and must go on; this copy of its descriptor goes with exec or the child
        }
        if !self.is_open() {
            table::set_descriptor(self.descriptor, None);
            return; // the host has closed all descriptors, as daemons do, and the number is another file's now
        }
        // Disabled before it is closed: a forked child may hold a copy of the descriptor, which would keep an enabled event alive.
        // SAFETY: the descriptor is ours and is closed once.
        unsafe {
            libc::ioctl(self.descriptor, PERF_EVENT_IOC_DISABLE, 0);
            table::set_descriptor(self.descriptor, None);
            libc::close(self.descriptor);
        }
    }
}

/// The kernel's number of the event behind a descriptor; `None` when it is no event's.
fn event_id(descriptor: libc::c_int) -> Option<u64> {
    let mut id = 0u64;
    // SAFETY: the command writes eight bytes to the address; what is no perf event refuses it.
    let result = unsafe { libc::ioctl(descriptor, PERF_EVENT_IOC_ID, &mut id) };
    (result == 0).then_some(id)
}

/// Opens a disabled event.
fn open(tid: u32, interval_ns: u64) -> Result<PerfEvent, i32> {
    // SAFETY: zero is a valid value of every field.
    let mut attributes: Attributes = unsafe { zeroed() };
    attributes.kind = PERF_TYPE_SOFTWARE;
    attributes.size = size_of::<Attributes>() as u32;
    attributes.config = PERF_COUNT_SW_TASK_CLOCK;
    attributes.sample_period = interval_ns;
    attributes.wakeup_events = 1;
    let base = DISABLED | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR;
    for flags in [base | REMOVE_ON_EXEC, base] {
        attributes.flags = flags;
        // SAFETY: the attributes are valid for their stated size; the other arguments are integers.
        let descriptor = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &attributes,
                tid as libc::pid_t,
                -1,
                -1,
                PERF_FLAG_FD_CLOEXEC,
            )
        };
        if descriptor >= 0 {
            return Ok(PerfEvent {
                descriptor: descriptor as libc::c_int,
                id: event_id(descriptor as libc::c_int),
                start_number: crate::fork::start_number(),
            });
        }
        if sys::errno() != libc::EINVAL {
            break;
        }
    }
    Err(sys::errno())
}

/// Whether events may be opened here: opens one for the calling thread and closes it again.
pub(crate) fn probe() -> Result<(), i32> {
    open(sys::current_tid(), 1_000_000_000).map(drop)
}
