//! One fresh look at a thread: where it is, and if it is blocked, its stack.
//!
//! Nothing here stops the thread, so each step may find it gone on. What counts in the end is that neither its CPU clock nor its place in
//! the kernel has moved from before the copy until after it: then it has not executed anything in between, and the copy is one moment's.

use super::descriptor::{DescriptorPool, ThreadFile};
use super::frame_pointer::{self, ReadBytes};
use super::memory::Memory;
use super::syscall_file::{self, LONGEST_LINE, Place};
use super::syscall_state;
use crate::record::{MAX_DEPTH, Words};
use crate::sys;
use crate::thread::files;
use crate::unwind::{Registers, RuleCache, StackReader, Tables, Walk, walk};
use hotpoll_profile::{CaptureFailure, State, Truncation};
use std::cell::Cell;
use std::sync::Arc;

/// How much of a stack is copied at first, and how much more in each further attempt, in words: 8 KB, 64 KB, 512 KB.
const COPIES: [usize; 3] = [1 << 10, 1 << 13, 1 << 16];
/// A thread that moves on while it is looked at is looked at again, so often.
const ATTEMPTS: usize = 2;
/// Where a stack is not known, no frame pointer is believed that leads further up than this.
const FARTHEST: u64 = 64 << 20;

/// What a fresh look found; the callchain is in [`Capturer::callchain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Captured {
    pub state: State,
    pub truncation: Truncation,
    pub failure: Option<CaptureFailure>,
    pub syscall: Option<u32>,
    pub waits_at: u64,
    /// The CPU clock at which all this held.
    pub cpu_ns: u64,
    pub words: Words,
    pub frames: usize,
}

/// The system call whose first argument is the word that is waited at.
const FUTEX: u32 = libc::SYS_futex as u32;

/// What is to be looked at.
pub(super) struct Subject<'a> {
    pub tid: u32,
    pub file: &'a mut ThreadFile,
    /// What its CPU clock shows.
    pub cpu_ns: u64,
    /// Where its stack ends; 0 when not known.
    pub stack_high: u64,
    /// Reads what the thread has published.
    pub words: &'a dyn Fn() -> Words,
}

impl Captured {
    fn without_stack(state: State, failure: CaptureFailure, cpu_ns: u64) -> Self {
        Self {
            state,
            // Nothing was cut short.
            truncation: Truncation::Complete,
            failure: Some(failure),
            syscall: None,
            waits_at: 0,
            cpu_ns,
            words: Words::default(),
            frames: 0,
        }
    }
}

/// The means of a capture, used for one thread after the other.
pub(super) struct Capturer {
    memory: Memory,
    rules: Box<RuleCache>,
    words: Vec<u64>,
    /// As long as the deepest callchain.
    callchain: Vec<u64>,
    pub descriptors: Arc<DescriptorPool>,
}

impl Capturer {
    pub fn new(max_depth: usize, descriptors: Arc<DescriptorPool>) -> Self {
        Self {
            memory: Memory::default(),
            rules: Box::default(),
            words: Vec::new(),
            callchain: vec![0; max_depth.clamp(1, MAX_DEPTH)],
            descriptors,
        }
    }

    /// The callchain of the last capture.
    pub fn callchain(&self, captured: &Captured) -> &[u64] {
        &self.callchain[..captured.frames]
    }

    /// Looks at a thread.
    pub fn capture(&mut self, mut subject: Subject<'_>, tables: &Tables) -> Captured {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let cpu_ns = subject.cpu_ns;
            let mut captured = self.attempt(&mut subject, tables);
            captured.words = (subject.words)();
            let Some(now) = sys::clock_ns(sys::thread_cpu_clock(subject.tid)) else {
                return Captured::without_stack(State::OtherWait, CaptureFailure::Gone, cpu_ns);
            };
            captured.cpu_ns = now;
            if captured.failure == Some(CaptureFailure::Running) {
                // On a processor the clock runs on with every read; where it stands still, the thread waits for one.
                captured.state = if now > cpu_ns {
                    State::Running
                } else {
                    State::Runnable
                };
                return captured;
            }
            if now == cpu_ns && captured.failure != Some(CaptureFailure::Moved) {
                return captured;
            }
            if attempt == ATTEMPTS {
                captured.failure = Some(CaptureFailure::Moved);
                // The program counter is where it was when it was asked for.
                captured.frames = captured.frames.min(1);
                captured.truncation = Truncation::StackRead;
                return captured;
            }
            subject.cpu_ns = now;
        }
    }

    fn attempt(&mut self, subject: &mut Subject<'_>, tables: &Tables) -> Captured {
        let &mut Subject {
            tid,
            cpu_ns,
            stack_high,
            ..
        } = subject;
        let file = &mut *subject.file;
        let mut line = [0; LONGEST_LINE];
        let Ok(length) = file.read(tid, &self.descriptors, &mut line) else {
            return Captured::without_stack(
                State::OtherWait,
                CaptureFailure::NoStackPointer,
                cpu_ns,
            );
        };
        let Some(place) = syscall_file::parse(&line[..length]) else {
            file.close();
            return Captured::without_stack(
                State::OtherWait,
                CaptureFailure::NoStackPointer,
                cpu_ns,
            );
        };
        let Place::Blocked {
            syscall,
            first,
            sp,
            pc,
        } = place
        else {
            return Captured::without_stack(State::Running, CaptureFailure::Running, cpu_ns);
        };
        let mut state = syscall_state::state(syscall);
        if syscall_state::may_be_uninterruptible(syscall) && files::is_uninterruptible(tid) {
            state = State::Uninterruptible;
        }
        self.callchain[0] = pc;
        let mut captured = Captured {
            state,
            truncation: Truncation::StackRead,
            failure: None,
            syscall,
            waits_at: if syscall == Some(FUTEX) { first } else { 0 },
            cpu_ns,
            words: Words::default(),
            frames: 1,
        };
        match self.unwind(sp, pc, stack_high, tables) {
            Ok(walk) => {
                captured.frames = walk.frames.max(1);
                captured.truncation = walk.end;
                if !matches!(walk.end, Truncation::Complete | Truncation::Depth) {
                    captured.failure = Some(CaptureFailure::Unwind);
                }
            }
            Err(failure) => captured.failure = Some(failure),
        }
        let mut again = [0; LONGEST_LINE];
        let unmoved = file
            .read(tid, &self.descriptors, &mut again)
            .is_ok_and(|length_again| again[..length_again] == line[..length]);
        if !unmoved {
            captured.failure = Some(CaptureFailure::Moved);
        }
        captured
    }

    /// Unwinds a copy of the stack from `sp` on, as much of it as that takes.
    fn unwind(
        &mut self,
        sp: u64,
        pc: u64,
        stack_high: u64,
        tables: &Tables,
    ) -> Result<Walk, CaptureFailure> {
        if sp == 0 || !sp.is_multiple_of(8) {
            return Err(CaptureFailure::NoStackPointer);
        }
        let high = if stack_high > sp {
            stack_high
        } else {
            sp.saturating_add(FARTHEST)
        };
        let mut walked = None;
        for wanted in COPIES {
            let wanted = wanted.min(((high - sp) / 8) as usize);
            if self.words.len() < wanted {
                self.words.resize(wanted, 0);
            }
            let words = &mut self.words[..wanted];
            let copied = self.memory.copy(sp, as_bytes(words)) / 8;
            if copied == 0 {
                return Err(CaptureFailure::Unreadable);
            }
            let walk = self.walk(sp, pc, copied, tables);
            walked = Some(walk);
            // Less than was asked for is the whole stack.
            if copied < wanted
                || !matches!(
                    walk.end,
                    Truncation::StackRead | Truncation::UnknownFramePointer
                )
            {
                break;
            }
        }
        // A deep stack is rare: its room is not kept.
        if self.words.len() > COPIES[1] {
            self.words = Vec::new();
        }
        walked.ok_or(CaptureFailure::Unreadable)
    }

    /// Unwinds the copy; the callchain is written in either case.
    fn walk(&mut self, sp: u64, pc: u64, copied: usize, tables: &Tables) -> Walk {
        let stack = Copied {
            low: sp,
            words: &self.words[..copied],
            highest: Cell::new(sp),
        };
        let registers = |bp| Registers { pc, sp, bp };
        let out = &mut self.callchain[..];
        let first = walk(tables, &mut self.rules, registers(None), &stack, out);
        if first.end != Truncation::UnknownFramePointer || first.frames == 0 {
            return first;
        }
        // The frame that needs it was the last one written; its stack pointer is above the return address that led to it.
        let lookup = out[first.frames - 1] - u64::from(first.frames > 1);
        let bp = frame_pointer::find(
            tables,
            &stack,
            stack.highest.get(),
            lookup,
            &mut self.memory,
        );
        match bp {
            Some(_) => walk(tables, &mut self.rules, registers(bp), &stack, out),
            None => first,
        }
    }
}

impl ReadBytes for Memory {
    fn read_bytes(&mut self, address: u64, into: &mut [u8]) -> bool {
        self.copy(address, into) == into.len()
    }
}

/// The words' bytes.
#[allow(unsafe_code)]
fn as_bytes(words: &mut [u64]) -> &mut [u8] {
    // SAFETY: every byte pattern is a valid u64 and the other way round; the slice covers exactly the words' memory for their lifetime.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
}

/// A copied stack that remembers how far up it was read.
struct Copied<'a> {
    low: u64,
    words: &'a [u64],
    /// One past the highest word read.
    highest: Cell<u64>,
}

impl StackReader for Copied<'_> {
    fn read(&self, address: u64) -> Option<u64> {
        let word = (self.low, self.words).read(address)?;
        self.highest.set(self.highest.get().max(address + 8));
        Some(word)
    }
}
