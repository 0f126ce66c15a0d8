//! One thread that is looked at, with what the last look found.

use super::Member;
use super::asked::Asking;
use super::capture::{Captured, Capturer, Subject};
use super::descriptor::ThreadFile;
use super::look::Look;
use super::syscall_file::{self, LONGEST_LINE, Place};
use crate::published::Published;
use crate::record::Words;
use crate::sys;
use crate::thread::files;
use crate::unwind::Tables;
use hotpoll_profile::{CaptureFailure, State, Truncation};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// After so many looks at which it had not run, its files are closed: a sleeper needs none.
const IDLE_LOOKS_TO_CLOSE: u32 = 64;
/// At so many looks after it has last run, a sleeper is asked whether it still sleeps: woken and waiting for a processor, it has not run either.
/// One that has slept for longer is believed, at the risk of one look.
const IDLE_LOOKS_TO_BELIEVE: u32 = 8;
/// The scheduler's count of a thread's waits for a processor is read no more often than this.
const RUN_DELAY_PERIOD_NS: u64 = 200_000_000;

/// A thread that is looked at.
pub(super) struct Watched {
    member: Member,
    place_file: ThreadFile,
    schedstat_file: ThreadFile,
    last: Captured,
    callchain: Box<[u64]>,
    number: u64,
    fresh: bool,
    idle_looks: u32,
    /// When its state was first seen.
    since_ns: u64,
    now_ns: u64,
    /// Up to when its time was given to looks, and how much the last one got.
    weighed_ns: u64,
    wall_ns: u64,
    /// How long it had waited for a processor when the scheduler's count was last read.
    runnable_ns: u64,
    run_delay_ns: Option<u64>,
    /// Its CPU clock when the scheduler's count was last read; `None` before the first time.
    run_delay: Option<RunDelay>,
    /// Whether it was asked to show its stack itself.
    pub(super) asking: Asking,
}

#[derive(Clone, Copy)]
struct RunDelay {
    total_ns: u64,
    cpu_ns: u64,
    read_ns: u64,
}

impl Watched {
    pub fn new(member: Member) -> Self {
        Self {
            place_file: ThreadFile::new("syscall"),
            schedstat_file: ThreadFile::new("schedstat"),
            last: Captured {
                state: State::Running,
                truncation: Truncation::StackRead,
                failure: None,
                syscall: None,
                waits_at: 0,
                cpu_ns: 0,
                words: Words::default(),
                frames: 0,
            },
            callchain: Box::default(),
            number: 0,
            fresh: false,
            idle_looks: 0,
            since_ns: 0,
            now_ns: 0,
            weighed_ns: member.came_ns,
            wall_ns: 0,
            runnable_ns: 0,
            run_delay_ns: None,
            run_delay: None,
            asking: Asking::default(),
            member,
        }
    }

    pub fn tid(&self) -> u32 {
        self.member.tid
    }

    pub fn member(&self) -> &Member {
        &self.member
    }

    /// Whether it has ended, as far as is known.
    pub fn is_gone(&self) -> bool {
        self.last.failure == Some(CaptureFailure::Gone)
    }

    /// Whether its stack is there, and did not make sense.
    pub fn was_not_unwound(&self) -> bool {
        self.last.failure == Some(CaptureFailure::Unwind)
    }

    /// Makes the next look a fresh one.
    pub fn forget_stack(&mut self) {
        self.number = 0;
        self.idle_looks = 0;
    }

    /// Looks at it. A look that counts takes the time since the last one that did.
    pub fn look(&mut self, capturer: &mut Capturer, tables: &Tables, now_ns: u64, counts: bool) {
        self.now_ns = now_ns;
        (self.wall_ns, self.runnable_ns, self.run_delay_ns) = (0, 0, None);
        if self.is_gone() {
            return;
        }
        let cpu_ns = sys::clock_ns(sys::thread_cpu_clock(self.member.tid));
        let kept = cpu_ns == Some(self.last.cpu_ns)
            && self.number > 0
            && self.last.state.is_blocked()
            // What could not be taken is tried again, with growing pauses.
            && !(self.last.failure.is_some() && self.idle_looks.is_power_of_two())
            && (self.idle_looks >= IDLE_LOOKS_TO_BELIEVE || self.is_blocked(capturer));
        self.fresh = !kept;
        match cpu_ns {
            Some(_) if kept => {
                self.idle_looks = self.idle_looks.saturating_add(1);
                self.read_holds();
                if self.idle_looks == IDLE_LOOKS_TO_CLOSE {
                    self.place_file.close();
                    self.schedstat_file.close();
                }
            }
            // A clock that runs backwards is another thread's, under the same number.
            Some(cpu_ns) if cpu_ns >= self.last.cpu_ns => {
                let before = (self.last.cpu_ns, self.last.state);
                self.look_freshly(capturer, tables, cpu_ns);
                if before == (self.last.cpu_ns, self.last.state) {
                    // It sleeps on, and was looked at again for its stack alone.
                    self.idle_looks = self.idle_looks.saturating_add(1);
                } else {
                    self.since_ns = now_ns;
                    self.idle_looks = 0;
                }
            }
            _ => {
                self.last.failure = Some(CaptureFailure::Gone);
                self.place_file.close();
                self.schedstat_file.close();
            }
        }
        if counts {
            self.count();
            if self.fresh && !self.is_gone() {
                self.read_run_delay(capturer);
            }
        }
    }

    /// Whether the kernel says that it sleeps.
    fn is_blocked(&mut self, capturer: &Capturer) -> bool {
        matches!(self.place(capturer), Some(Place::Blocked { .. }))
    }

    /// Where the kernel says that it is.
    pub fn place(&mut self, capturer: &Capturer) -> Option<Place> {
        let mut line = [0; LONGEST_LINE];
        let tid = self.member.tid;
        let read = self.place_file.read(tid, &capturer.descriptors, &mut line);
        read.ok()
            .and_then(|length| syscall_file::parse(&line[..length]))
    }

    /// Takes over a whole stack that it has shown itself, at this reading of its CPU clock, in the state in which it was found.
    pub fn show(&mut self, truncation: Truncation, callchain: &[u64], cpu_ns: u64) {
        self.callchain = callchain.into();
        self.last.frames = callchain.len();
        self.last.truncation = truncation;
        self.last.failure = None;
        self.last.cpu_ns = cpu_ns;
        self.number += 1;
    }

    /// The one word that others write for it while it sleeps: who comes to wait for what it holds says so.
    fn read_holds(&mut self) {
        let words = self.published_words();
        if words.holds != self.last.words.holds {
            self.last.words.holds = words.holds;
            self.number += 1;
        }
    }

    fn published_words(&self) -> Words {
        let slot = self.member.slot;
        slot.map_or(Words::default(), |(id, slot)| slot.published_by(id))
    }

    fn look_freshly(&mut self, capturer: &mut Capturer, tables: &Tables, cpu_ns: u64) {
        let slot = self.member.slot;
        let published = || slot.map_or(Words::default(), |(id, slot)| slot.published_by(id));
        let stack_high = slot.map_or(0, |(_, slot)| slot.agent.stack_high.load(Acquire));
        let subject = Subject {
            tid: self.member.tid,
            file: &mut self.place_file,
            cpu_ns,
            stack_high,
            words: &published,
        };
        let captured = capturer.capture(subject, tables);
        let callchain = capturer.callchain(&captured);
        if *self.callchain != *callchain {
            self.callchain = callchain.into();
        }
        self.last = captured;
        self.number += 1;
    }

    fn count(&mut self) {
        self.wall_ns = self.now_ns.saturating_sub(self.weighed_ns);
        self.weighed_ns = self.now_ns;
        if self.fresh {
            self.member.counters.looked(self.last.failure);
        } else {
            self.member.counters.kept();
        }
    }

    /// It has run, so it may have waited for a processor before.
    fn read_run_delay(&mut self, capturer: &Capturer) {
        let due = self.run_delay.is_none_or(|before| {
            before.cpu_ns != self.last.cpu_ns && self.now_ns - before.read_ns >= RUN_DELAY_PERIOD_NS
        });
        if !due {
            return;
        }
        let mut text = [0; 96];
        let tid = self.member.tid;
        let Ok(length) = self
            .schedstat_file
            .read(tid, &capturer.descriptors, &mut text)
        else {
            return;
        };
        let Some(total_ns) = files::parse_run_delay(&text[..length]) else {
            self.schedstat_file.close();
            return;
        };
        let before_ns = match self.run_delay {
            Some(before) => before.total_ns,
            None if self.member.was_there => total_ns,
            None => 0,
        };
        self.runnable_ns = total_ns.saturating_sub(before_ns);
        self.member.counters.was_runnable(self.runnable_ns);
        self.run_delay_ns = Some(total_ns);
        self.run_delay = Some(RunDelay {
            total_ns,
            cpu_ns: self.last.cpu_ns,
            read_ns: self.now_ns,
        });
    }

    /// What the last look found.
    pub fn last(&self) -> Look<'_> {
        Look {
            tid: self.member.tid,
            state: self.last.state,
            wall_ns: self.wall_ns,
            runnable_ns: self.runnable_ns,
            run_delay_ns: self.run_delay_ns,
            state_ns: self.now_ns - self.since_ns,
            words: self.last.words,
            callchain: &self.callchain,
            truncation: self.last.truncation,
            failure: self.last.failure,
            syscall: self.last.syscall,
            waits_at: self.last.waits_at,
            fresh: self.fresh,
            number: self.number,
        }
    }
}

impl crate::slot::Slot {
    /// What ordinary code on the slot's thread has published, while this is still its use of the slot.
    fn published_by(&self, id: crate::slot::table::SlotId) -> Words {
        let read = self.published().map(Published::words).unwrap_or_default();
        // Acquire: the words are read before the check. Another use of the slot is another thread's.
        std::sync::atomic::fence(Acquire);
        if self.agent.generation.load(Relaxed) == u32::from(id.generation) {
            read
        } else {
            Words::default()
        }
    }
}
