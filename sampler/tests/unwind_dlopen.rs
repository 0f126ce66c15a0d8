//! Libraries that come and go while their unwind tables are compiled and used.
#![allow(unsafe_code)] // Loads and unloads libraries, walks its own stack.

use std::arch::asm;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use hotpoll_profile::Truncation;
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::unwind::{BoundedStack, Registers, RuleCache, Tables, walk};

/// Part of every glibc, and not needed by this program.
const LIBRARY: &CStr = c"libm.so.6";

/// The tests of this file load the same libraries.
static ALONE: Mutex<()> = Mutex::new(());

fn open(library: &CStr) -> *mut c_void {
    // SAFETY: a system library.
    unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) }
}

fn symbol(library: *mut c_void, name: &CStr) -> u64 {
    // SAFETY: the library is open.
    unsafe { libc::dlsym(library, name.as_ptr()) as u64 }
}

fn close(library: *mut c_void) {
    // SAFETY: the library is open, and its functions are not used any more.
    assert_eq!(unsafe { libc::dlclose(library) }, 0);
}

#[test]
fn library_is_known_after_dlopen_and_forgotten_after_dlclose() {
    let _alone = ALONE.lock();
    let mut tracker = Tracker::new();
    let before = tracker.refresh().unwrap();
    assert!(tracker.refresh().is_none());
    let library = open(LIBRARY);
    let function = symbol(library, c"acosh");
    assert_eq!(before.function_start(function), None);

    let with = tracker.refresh().expect("a library came");
    assert_eq!(with.function_start(function), Some(function));
    assert_ne!(with.generation(), before.generation());
    let module = tracker
        .modules()
        .find(|module| module.contains(function))
        .expect("it is listed")
        .clone();
    assert!(
        module.path.ends_with("libm.so.6")
            && module.path.starts_with('/')
            && !module.build_id.is_empty(),
        "{module:?}"
    );
    assert!(tracker.refresh().is_none());

    close(library);
    let after = tracker.refresh().expect("a library went");
    assert_eq!(after.function_start(function), None);
    assert!(tracker.modules().all(|other| other.path != module.path));
    // What others may still be reading was copied: the closed library's table is whole.
    assert_eq!(with.function_start(function), Some(function));
    // Tables of modules that stayed are shared, not made again.
    let here = library_is_known_after_dlopen_and_forgotten_after_dlclose as *const () as u64;
    let table = |tables: &Tables| {
        tables
            .entries()
            .iter()
            .find(|entry| (entry.start..entry.end).contains(&here))
            .unwrap()
            .table
            .clone()
    };
    assert!(std::sync::Arc::ptr_eq(&table(&before), &table(&after)));
}

#[test]
fn libraries_that_come_and_go_all_the_time_do_no_harm() {
    let _alone = ALONE.lock();
    let long = std::env::var_os("HOTPOLL_TEST_LONG").is_some();
    let rounds = if long { 100_000 } else { 3000 };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                let library = open(LIBRARY);
                assert_ne!(symbol(library, c"sin"), 0);
                close(library);
            }
            stop.store(true, Ordering::Relaxed);
        });
        let mut tracker = Tracker::new();
        let (mut refreshed, mut with, mut without) = (0u64, 0u64, 0u64);
        while !stop.load(Ordering::Relaxed) {
            if let Some(tables) = tracker.refresh() {
                refreshed += 1;
                let loaded = tracker
                    .modules()
                    .any(|module| module.path.ends_with("libm.so.6"));
                *(if loaded { &mut with } else { &mut without }) += 1;
                let here = symbol as *const () as u64;
                assert_eq!(tables.function_start(here), Some(here));
            }
        }
        println!(
            "{rounds} times loaded and unloaded, {refreshed} new tables, {with} with and {without} without the library"
        );
        assert!(refreshed > 1);
    });
}

/// zlib's stream: it calls back to allocate.
#[repr(C)]
struct ZStream {
    before: [u64; 8],
    allocate: extern "C" fn(*mut c_void, u32, u32) -> *mut c_void,
    free: extern "C" fn(*mut c_void, *mut c_void),
    opaque: *mut c_void,
    after: [u64; 3],
}

struct FromLibrary<'t> {
    tables: &'t Tables,
    end: Option<Truncation>,
    callchain: Vec<u64>,
}

#[inline(never)]
extern "C" fn allocate(opaque: *mut c_void, items: u32, size: u32) -> *mut c_void {
    let (pc, sp, bp): (u64, u64, u64);
    // SAFETY: reads three registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) bp)
    };
    // SAFETY: the test's own value; this thread's own stack.
    let (from, stack) = unsafe {
        (
            &mut *opaque.cast::<FromLibrary<'_>>(),
            BoundedStack::new(sp, stack_end()),
        )
    };
    let mut out = [0; 128];
    let walked = walk(
        from.tables,
        &mut RuleCache::new(),
        Registers {
            pc,
            sp,
            bp: Some(bp),
        },
        &stack,
        &mut out,
    );
    from.end = Some(walked.end);
    from.callchain = out[..walked.frames].to_vec();
    // SAFETY: freed below.
    unsafe { libc::calloc(items as usize, size as usize) }
}

extern "C" fn free(_opaque: *mut c_void, address: *mut c_void) {
    // SAFETY: from `allocate`.
    unsafe { libc::free(address) };
}

fn stack_end() -> u64 {
    // SAFETY: asks for this thread's own attributes.
    unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_getattr_np(libc::pthread_self(), &mut attributes);
        let (mut low, mut size) = (ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attributes, &mut low, &mut size);
        libc::pthread_attr_destroy(&mut attributes);
        low as u64 + size as u64
    }
}

#[test]
fn walk_passes_through_a_library_loaded_at_run_time() {
    let _alone = ALONE.lock();
    let library = open(c"libz.so.1");
    if library.is_null() {
        println!("zlib is not installed: nothing to walk through");
        return;
    }
    let tables = Tracker::new().refresh().unwrap();
    let mut from = FromLibrary {
        tables: &tables,
        end: None,
        callchain: Vec::new(),
    };
    let mut stream = ZStream {
        before: [0; 8],
        allocate,
        free,
        opaque: (&raw mut from).cast(),
        after: [0; 3],
    };
    let (init, end) = (
        symbol(library, c"deflateInit_"),
        symbol(library, c"deflateEnd"),
    );
    // SAFETY: zlib's functions with their own types.
    unsafe {
        let init: extern "C" fn(*mut ZStream, c_int, *const c_char, c_int) -> c_int =
            std::mem::transmute(init);
        let end: extern "C" fn(*mut ZStream) -> c_int = std::mem::transmute(end);
        assert_eq!(
            init(
                &mut stream,
                6,
                c"1.2.11".as_ptr(),
                size_of::<ZStream>() as c_int
            ),
            0
        );
        assert_eq!(end(&mut stream), 0);
    }
    assert_eq!(from.end, Some(Truncation::Complete));
    let through = from.callchain[1..]
        .iter()
        .any(|&address| tables.function_start(address - 1) == Some(init));
    assert!(through, "deflateInit_ called back");
    close(library);
}
