//! A thread that is interrupted, and what its handler keeps.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hotpoll_sampler::unwind::{
    BoundedStack, Note, Publisher, RED_ZONE, Registers, RuleCache, SavedRegisters, TRAIL_LENGTH,
    Tables, Trail, Walk, walk_interrupted_along,
};
use libc::{c_int, c_void, siginfo_t, ucontext_t};

use crate::unwind_common::gimli_walk::AllRegisters;

pub const DEPTH: usize = 512;
/// How much of a stack is kept. The workload's largest frame has 150 KB.
const STACK_WORDS: usize = 256 * 1024 / 8;
/// Samples that are taken before the thread stops to compare them.
const BATCH: usize = 128;
const INTERVAL_NS: i64 = 200_000;

/// Registers, stack, and the walk made in the handler.
pub struct Sample {
    pub registers: SavedRegisters,
    stack_start: u64,
    stack_words: usize,
    stack: [u64; STACK_WORDS],
    pub walk: Option<Walk>,
    out: [u64; DEPTH],
}

impl Sample {
    pub fn stack(&self) -> (u64, &[u64]) {
        (self.stack_start, &self.stack[..self.stack_words])
    }

    pub fn callchain(&self) -> &[u64] {
        &self.out[..self.walk.map_or(0, |walk| walk.frames)]
    }

    fn register(&self, place: c_int) -> u64 {
        self.registers[place as usize] as u64
    }

    pub fn start(&self) -> Registers {
        Registers {
            pc: self.register(libc::REG_RIP),
            sp: self.register(libc::REG_RSP),
            bp: Some(self.register(libc::REG_RBP)),
        }
    }

    /// By DWARF number.
    pub fn all_registers(&self) -> AllRegisters {
        use libc::{
            REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP,
            REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
        };
        [
            REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9,
            REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
        ]
        .map(|place| Some(self.register(place)))
    }
}

static TABLES: Publisher = Publisher::new();
static STACK_END: AtomicU64 = AtomicU64::new(0);
/// Samples taken; the handler leaves when the batch is full.
static TAKEN: AtomicUsize = AtomicUsize::new(BATCH);

/// What only the handler touches while samples are taken, and only the thread itself when they are not.
struct Shared<T>(UnsafeCell<MaybeUninit<T>>);
// SAFETY: one thread, and the handler that interrupts it; TAKEN says whose turn it is.
unsafe impl<T> Sync for Shared<T> {}
static SAMPLES: Shared<[Sample; BATCH]> = Shared(UnsafeCell::new(MaybeUninit::zeroed()));
static CACHE: Shared<RuleCache> = Shared(UnsafeCell::new(MaybeUninit::zeroed()));
/// Of the walk before and of the one under way, in turn.
static NOTES: Shared<[[Note; TRAIL_LENGTH]; 2]> = Shared(UnsafeCell::new(MaybeUninit::zeroed()));

extern "C" fn handler(_signal: c_int, _info: *mut siginfo_t, context: *mut c_void) {
    let index = TAKEN.load(Ordering::Relaxed);
    if index >= BATCH {
        return;
    }
    // SAFETY: the kernel's context; the sample and the cache are the handler's now; all zero is valid for both.
    let (context, samples, cache, [first, second]) = unsafe {
        (
            &*context.cast::<ucontext_t>(),
            (*SAMPLES.0.get()).assume_init_mut(),
            (*CACHE.0.get()).assume_init_mut(),
            (*NOTES.0.get()).assume_init_mut(),
        )
    };
    let (earlier, later) = samples.split_at_mut(index);
    let sample = &mut later[0];
    let (notes, into) = if index.is_multiple_of(2) {
        (second, first)
    } else {
        (first, second)
    };
    // Along the trail of the sample before, as the profiler's own handler walks.
    let before = earlier
        .last()
        .and_then(|before| Some(&before.out[..before.walk?.frames]));
    let mut trail = Trail::new(before.unwrap_or_default(), notes, into);
    sample.registers = context.uc_mcontext.gregs;
    let low = (sample.register(libc::REG_RSP) & !7) - RED_ZONE;
    let high = STACK_END.load(Ordering::Relaxed);
    sample.stack_start = low;
    sample.stack_words = (high.saturating_sub(low) as usize / 8).min(STACK_WORDS);
    for (at, word) in sample.stack[..sample.stack_words].iter_mut().enumerate() {
        // SAFETY: this thread's own stack, from its red zone to its end.
        *word = unsafe { (low as usize as *const u64).add(at).read_volatile() };
    }
    // SAFETY: likewise.
    let stack = unsafe { BoundedStack::new(low, high) };
    sample.walk = TABLES.current().map(|tables| {
        walk_interrupted_along(
            tables,
            cache,
            &mut trail,
            &sample.registers,
            &stack,
            &mut sample.out,
        )
    });
    TAKEN.store(index + 1, Ordering::Relaxed);
}

/// Runs the parts on a thread of its own again and again, interrupted, until `batch` has had enough of the samples that it is given.
pub fn run_sampled<P: Iterator<Item = fn()>>(
    tables: Tables,
    parts: fn() -> P,
    mut batch: impl FnMut(&Tables, &[Sample]) -> bool + Send,
) {
    let _ = TABLES.publish(tables);
    let body = move || {
        STACK_END.store(stack_end(), Ordering::Relaxed);
        install();
        let timer = start_timer();
        loop {
            TAKEN.store(0, Ordering::Relaxed);
            while TAKEN.load(Ordering::Relaxed) < BATCH {
                parts().for_each(|part| part());
            }
            // SAFETY: TAKEN says that the batch is full, so the handler leaves it alone.
            let samples = unsafe { (*SAMPLES.0.get()).assume_init_ref() };
            if !batch(TABLES.current().expect("published above"), samples) {
                break;
            }
        }
        // SAFETY: our own timer.
        unsafe { libc::timer_delete(timer) };
    };
    std::thread::scope(|scope| {
        scope.spawn(body);
    });
}

fn install() {
    // SAFETY: the handler is signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGPROF, &action, ptr::null_mut()), 0);
    }
}

fn start_timer() -> libc::timer_t {
    // SAFETY: a timer for this thread.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGPROF;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer = ptr::null_mut();
        assert_eq!(
            libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer),
            0
        );
        let interval = libc::timespec {
            tv_sec: 0,
            tv_nsec: INTERVAL_NS,
        };
        let spec = libc::itimerspec {
            it_interval: interval,
            it_value: interval,
        };
        assert_eq!(libc::timer_settime(timer, 0, &spec, ptr::null_mut()), 0);
        timer
    }
}

fn stack_end() -> u64 {
    static HERE: AtomicBool = AtomicBool::new(false);
    let local = HERE.load(Ordering::Relaxed);
    let here = &raw const local as u64;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let end = maps.lines().find_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        range.contains(&here).then_some(range.end)
    });
    end.expect("a stack is mapped")
}
