//! Work to unwind from. Each part does a little of one thing, with inputs that take many paths.
#![allow(unsafe_code)] // Calls into libc and other libraries, as real programs do.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt::Write;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::time::{Instant, SystemTime};

/// Each part and its name.
pub const ALL: &[(&str, fn())] = &[
    ("collections", collections),
    ("formatting", formatting),
    ("sorting", sorting),
    ("allocation", allocation),
    ("copying", copying),
    ("libc", libc_calls),
    ("vdso", vdso),
    ("frames", frames),
    ("panics", panics),
    ("signals", signals),
    ("libraries", libraries),
];

const ALTERNATE_STACK: usize = 64 * 1024;
static ALTERNATE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Loads libraries and sets handlers, so that child and parent agree on them.
pub fn prepare() {
    let stack = Box::leak(vec![0u8; ALTERNATE_STACK].into_boxed_slice());
    ALTERNATE.store(stack.as_mut_ptr(), Ordering::Relaxed);
    LIBRARIES.iter().for_each(|(name, _)| {
        // SAFETY: system libraries.
        unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY) };
    });
    // libcrypto reads its configuration at the first digest: five million instructions.
    // SAFETY: the function has this type.
    unsafe {
        let library = libc::dlopen(
            c"libcrypto.so.3".as_ptr(),
            libc::RTLD_LAZY | libc::RTLD_NOLOAD,
        );
        if !library.is_null() {
            call_digest(libc::dlsym(library, c"SHA1".as_ptr()));
        }
    }
    set_handler(libc::SIGUSR1, 0);
    set_handler(libc::SIGUSR2, libc::SA_ONSTACK);
}

/// Where handlers with SA_ONSTACK run.
pub fn alternate_stack() -> std::ops::Range<u64> {
    let start = ALTERNATE.load(Ordering::Relaxed) as u64;
    start..start + ALTERNATE_STACK as u64
}

fn collections() {
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    for n in 0..black_box(25u64) {
        map.insert(n.wrapping_mul(0x9e37_79b9), format!("{n}"));
        tree.insert(n * 7919 % 61, n);
    }
    black_box(map.values().map(String::len).sum::<usize>() + tree.range(5..15).count());
}

fn formatting() {
    let mut text = String::new();
    write!(
        text,
        "{:>12.3} {:e} {:#x} {:?} {:?}",
        black_box(1234.5678),
        black_box(1e-300),
        black_box(255),
        Some("a\u{e9}b"),
        [1, 2]
    )
    .unwrap();
    black_box(text.parse::<f64>().is_err() && "2.5e10".parse::<f64>().is_ok());
    black_box(
        text.split_whitespace()
            .rev()
            .collect::<Vec<_>>()
            .join("-")
            .to_uppercase(),
    );
}

fn sorting() {
    let mut numbers: Vec<u64> = (0..40u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)
        .collect();
    numbers.sort();
    numbers.reverse();
    numbers.sort_unstable_by_key(|number| number & 0xff);
    let mut words: Vec<String> = numbers.iter().take(9).map(u64::to_string).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    black_box((numbers, words));
}

fn allocation() {
    let mut kept = Vec::new();
    for size in [1, 24, 100, 1000, 40_000, 200_000] {
        let mut bytes = Vec::<u8>::with_capacity(size);
        bytes.push(1);
        bytes.reserve(black_box(size * 3));
        kept.push(bytes);
    }
    kept.truncate(black_box(3));
    // SAFETY: freed with the layout's owner.
    unsafe {
        let aligned = libc::aligned_alloc(256, 1024);
        libc::free(libc::realloc(aligned, 4096));
        libc::free(libc::calloc(10, 10));
        libc::malloc_trim(0);
    }
}

static SOURCE: [u8; 5000] = [7; 5000];

fn copying() {
    let source = &SOURCE;
    let mut target = vec![0u8; 6000];
    for length in (0..70)
        .step_by(3)
        .chain([127, 128, 129, 255, 256, 500, 1000, 2500, 5000])
    {
        target[3..3 + length].copy_from_slice(&source[..black_box(length)]);
        target.copy_within(1..length + 1, 4);
        target[..length].fill(black_box(7));
        black_box(target[..length] == source[..length]);
        black_box(target[..length.min(40)].contains(&9));
    }
    let text = c"some text to look through, with an end";
    // SAFETY: strings that end.
    unsafe {
        black_box(text.count_bytes() + libc::strchr(text.as_ptr(), b'x' as c_int) as usize);
        black_box(
            libc::strcmp(text.as_ptr(), text.as_ptr())
                + libc::strncasecmp(text.as_ptr(), text.as_ptr(), 20),
        );
        black_box(
            libc::strstr(text.as_ptr(), c"look".as_ptr()) as usize
                + libc::memrchr(text.as_ptr().cast(), 0x20, 30) as usize,
        );
    }
}

unsafe extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
    // SAFETY: qsort passes elements of the array.
    unsafe { (*a.cast::<i32>()).cmp(&*b.cast::<i32>()) as c_int }
}

fn libc_calls() {
    let mut numbers: Vec<i32> = (0..60).map(|n| n * 7919 % 61).collect();
    let mut buffer = [0 as c_char; 200];
    // SAFETY: buffers are large enough, strings end.
    unsafe {
        libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, Some(compare));
        libc::snprintf(
            buffer.as_mut_ptr(),
            buffer.len(),
            c"%5d %-8s %g %Lf".as_ptr(),
            42,
            c"x".as_ptr(),
            2.5e-7,
        );
        black_box(
            libc::strtod(c"12345.678e-9".as_ptr(), ptr::null_mut())
                + libc::atoi(c"99".as_ptr()) as f64,
        );
        let now = 1_700_000_000;
        let mut parts = std::mem::zeroed();
        libc::localtime_r(&now, &mut parts);
        libc::strftime(
            buffer.as_mut_ptr(),
            buffer.len(),
            c"%Y-%m-%d %A".as_ptr(),
            &parts,
        );
        black_box(libc::getenv(c"PATH".as_ptr()));
        black_box(libc::getpid() + libc::sched_getcpu());
        let mut mutex = libc::PTHREAD_MUTEX_INITIALIZER;
        libc::pthread_mutex_lock(&mut mutex);
        libc::pthread_mutex_unlock(&mut mutex);
    }
    black_box(std::fs::read("/proc/self/comm").is_ok());
}

fn vdso() {
    for _ in 0..3 {
        black_box((Instant::now(), SystemTime::now()));
        // SAFETY: plain results.
        unsafe {
            let mut time = std::mem::zeroed();
            for clock in [
                libc::CLOCK_REALTIME_COARSE,
                libc::CLOCK_MONOTONIC_RAW,
                libc::CLOCK_BOOTTIME,
                libc::CLOCK_THREAD_CPUTIME_ID,
            ] {
                libc::clock_gettime(clock, &mut time);
            }
            libc::clock_getres(libc::CLOCK_MONOTONIC, &mut time);
            libc::time(ptr::null_mut());
            let mut now = std::mem::zeroed();
            libc::gettimeofday(&mut now, ptr::null_mut());
        }
    }
}

#[repr(align(256))]
struct Aligned([u8; 512]);

#[inline(never)]
fn recurse(depth: u32) -> u32 {
    let mut space = Aligned([depth as u8; 512]);
    black_box(&mut space.0);
    if depth == 0 {
        1
    } else {
        recurse(depth - 1) + black_box(space.0[0]) as u32
    }
}

#[inline(never)]
fn large_frame() {
    // Not filled: a string instruction is one step for each byte.
    let mut space = std::mem::MaybeUninit::<[u8; 150_000]>::uninit();
    black_box(&mut space);
    black_box(Instant::now());
}

fn frames() {
    black_box(recurse(6));
    large_frame();
    // A call whose last instruction is the call: the return address is the next function's.
    black_box(std::panic::catch_unwind(|| black_box(1)).is_ok());
}

struct Guard(u32);

impl Drop for Guard {
    fn drop(&mut self) {
        black_box(self.0);
    }
}

#[inline(never)]
fn fails(depth: u32) {
    let _guard = Guard(depth);
    if depth == 0 {
        panic!("on purpose");
    }
    fails(black_box(depth - 1));
}

fn panics() {
    black_box(std::panic::catch_unwind(|| fails(3)).is_err());
    black_box(std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(1))).is_err());
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn handler(signal: c_int) {
    if HANDLED.fetch_add(1, Ordering::Relaxed) == 0 {
        // A handler interrupted by a handler.
        // SAFETY: the handler is set.
        unsafe { libc::raise(libc::SIGUSR1 + libc::SIGUSR2 - signal) };
    }
    black_box(Instant::now());
}

fn set_handler(signal: c_int, flags: c_int) {
    // SAFETY: the handler is safe to run at any time.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        libc::sigaction(signal, &action, ptr::null_mut());
    }
}

fn signals() {
    let stack = libc::stack_t {
        ss_sp: ALTERNATE.load(Ordering::Relaxed).cast(),
        ss_flags: 0,
        ss_size: ALTERNATE_STACK,
    };
    // SAFETY: the stack is never freed; the handlers are set.
    unsafe {
        libc::sigaltstack(&stack, ptr::null_mut());
        libc::raise(libc::SIGUSR1);
        libc::raise(libc::SIGUSR2);
        // Without raise: the interrupted instruction is the one behind the system call itself.
        libc::syscall(libc::SYS_kill, libc::getpid(), libc::SIGUSR2);
    }
}

type Call = unsafe fn(*mut c_void);

/// Libraries loaded at run time, lazily bound, and how to call one function of each. Those that are not there are left out.
const LIBRARIES: &[(&CStr, &[(&CStr, Call)])] = &[
    (
        c"libm.so.6",
        &[
            (c"pow", call_pow),
            (c"sin", call_sin),
            (c"lgamma", call_sin),
            (c"fma", call_pow),
        ],
    ),
    (
        c"libz.so.1",
        &[(c"crc32", call_hash), (c"adler32", call_hash)],
    ),
    (
        c"libcrypto.so.3",
        &[
            (c"SHA256", call_digest),
            (c"SHA512", call_digest),
            (c"SHA1", call_digest),
            (c"MD5", call_digest),
        ],
    ),
];

unsafe fn call_sin(function: *mut c_void) {
    // SAFETY: double (double).
    unsafe {
        let function: extern "C" fn(f64) -> f64 = std::mem::transmute(function);
        black_box(function(1e-3) + function(black_box(12345.678)));
    }
}

unsafe fn call_pow(function: *mut c_void) {
    // SAFETY: the first arguments are doubles; a third one is a register that is ignored, or read.
    unsafe {
        let function: extern "C" fn(f64, f64, f64) -> f64 = std::mem::transmute(function);
        black_box(function(1.5, black_box(77.7), 1.0));
    }
}

unsafe fn call_hash(function: *mut c_void) {
    // SAFETY: unsigned long (unsigned long, const char *, unsigned).
    unsafe {
        let function: extern "C" fn(u64, *const u8, u32) -> u64 = std::mem::transmute(function);
        black_box(function(0, [7; 500].as_ptr(), 500));
    }
}

unsafe fn call_digest(function: *mut c_void) {
    let mut digest = [0u8; 64];
    // SAFETY: unsigned char *(const unsigned char *, size_t, unsigned char *).
    unsafe {
        let function: extern "C" fn(*const u8, usize, *mut u8) -> *mut u8 =
            std::mem::transmute(function);
        black_box(function([7; 300].as_ptr(), 300, digest.as_mut_ptr()));
    }
}

fn libraries() {
    for (library, functions) in LIBRARIES {
        for (function, call) in *functions {
            // SAFETY: each function is called with its own type.
            unsafe {
                let library = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
                if !library.is_null() {
                    let function = libc::dlsym(library, function.as_ptr());
                    assert!(!function.is_null());
                    call(function);
                    libc::dlclose(library);
                }
            }
        }
    }
}
