//! Stacks as they are met, leaf first, and what they wait for.

use super::WaitKind::*;
use super::{Frame, KnownWait, WaitKind, known_wait};

fn wait(stack: &str) -> Option<KnownWait> {
    known_wait(stack.split(';').map(Frame::from))
}

#[track_caller]
fn check(stack: &str, expected: Option<(WaitKind, &str)>) {
    let known = wait(stack).map(|known| (known.kind, known.library));
    assert_eq!(known, expected, "{stack}");
}

#[test]
fn locks_of_std() {
    const FUTEX: &str = "syscall;std::sys::pal::unix::futex::futex_wait";
    for (inner, kind) in [
        (
            "std::sys::sync::mutex::futex::Mutex::lock_contended;std::sync::poison::mutex::Mutex<_>::lock",
            Mutex,
        ),
        ("std::sys::sync::mutex::futex::Mutex::lock_contended", Mutex),
        (
            "std::sys::sync::mutex::futex::Mutex::lock_contended;std::sync::reentrant_lock::ReentrantLock<_>::lock;<std::io::stdio::Stdout as std::io::Write>::write_all",
            Mutex,
        ),
        (
            "std::sys::sync::rwlock::futex::RwLock::read_contended;std::sync::poison::rwlock::RwLock<_>::read",
            RwLockRead,
        ),
        (
            "std::sys::sync::rwlock::futex::RwLock::write_contended",
            RwLockWrite,
        ),
        (
            "std::sys::sync::condvar::futex::Condvar::wait_optional_timeout;std::sync::poison::condvar::Condvar::wait",
            Condvar,
        ),
        (
            "std::sys::sync::once::futex::Once::call;std::sync::once_lock::OnceLock<_>::initialize",
            Once,
        ),
        (
            "std::sys::sync::once::futex::Once::wait;std::sync::once::Once::wait",
            Once,
        ),
        (
            "std::sys::sync::thread_parking::futex::Parker::park;std::thread::functions::park",
            Park,
        ),
        (
            "std::sys::sync::condvar::futex::Condvar::wait_optional_timeout;std::sync::barrier::Barrier::wait",
            Barrier,
        ),
        (
            "std::thread::functions::park;std::thread::scoped::scope",
            Join,
        ),
    ] {
        check(&format!("{FUTEX};{inner};shop::main"), Some((kind, "std")));
    }
}

#[test]
fn a_condition_whose_mutex_is_taken_waits_for_the_mutex() {
    check(
        "syscall;std::sys::pal::unix::futex::futex_wait;std::sys::sync::mutex::futex::Mutex::lock_contended;std::sys::sync::condvar::futex::Condvar::wait;std::sync::poison::condvar::Condvar::wait;shop::main",
        Some((Mutex, "std")),
    );
    check(
        "__lll_lock_wait;__pthread_mutex_cond_lock;pthread_cond_wait@@GLIBC_2.3.2;shop_wait",
        Some((Mutex, "pthread")),
    );
}

#[test]
fn channels_are_made_of_parking() {
    const PARKED: &str = "syscall;std::sys::pal::unix::futex::futex_wait;std::sys::sync::thread_parking::futex::Parker::park;std::thread::park;std::sync::mpmc::context::Context::wait_until";
    check(
        &format!(
            "{PARKED};std::sync::mpmc::list::Channel<_>::recv::{{closure}};std::sync::mpmc::list::Channel<_>::recv;std::sync::mpsc::Receiver<_>::recv;shop::main"
        ),
        Some((ChannelReceive, "std")),
    );
    check(
        &format!(
            "{PARKED};std::sync::mpmc::array::Channel<_>::send;std::sync::mpsc::SyncSender<_>::send;shop::main"
        ),
        Some((ChannelSend, "std")),
    );
    // Its own mutex.
    check(
        "syscall;std::sys::sync::mutex::futex::Mutex::lock_contended;std::sync::mpmc::waker::SyncWaker::register;std::sync::mpmc::list::Channel<_>::recv;shop::main",
        Some((Mutex, "std")),
    );
    check(
        "syscall;std::sys::sync::thread_parking::futex::Parker::park;std::thread::park;crossbeam_channel::context::Context::wait_until;crossbeam_channel::flavors::array::Channel<_>::send;crossbeam_channel::channel::Sender<_>::send;shop::main",
        Some((ChannelSend, "crossbeam")),
    );
    check(
        "syscall;std::thread::park;crossbeam_channel::context::Context::wait_until;crossbeam_channel::select::run_select;shop::main",
        Some((ChannelSelect, "crossbeam")),
    );
    check(
        "syscall;std::thread::park;<flume::signal::SyncSignal as flume::signal::Signal>::wait;flume::Shared<_>::recv_sync;flume::Receiver<_>::recv;shop::main",
        Some((ChannelReceive, "flume")),
    );
}

#[test]
fn locks_of_parking_lot() {
    const PARKED: &str = "syscall;parking_lot_core::thread_parker::imp::ThreadParker::futex_wait;<parking_lot_core::thread_parker::imp::ThreadParker as parking_lot_core::thread_parker::ThreadParkerT>::park;parking_lot_core::parking_lot::park";
    for (inner, kind) in [
        ("parking_lot::raw_mutex::RawMutex::lock_slow", Mutex),
        (
            "parking_lot::raw_mutex::RawMutex::lock_slow;<parking_lot::raw_mutex::RawMutex as lock_api::mutex::RawMutex>::lock;lock_api::mutex::Mutex<_>::lock",
            Mutex,
        ),
        (
            "parking_lot::raw_rwlock::RawRwLock::lock_common;parking_lot::raw_rwlock::RawRwLock::lock_shared_slow",
            RwLockRead,
        ),
        (
            "parking_lot::raw_rwlock::RawRwLock::lock_common;parking_lot::raw_rwlock::RawRwLock::lock_exclusive_slow",
            RwLockWrite,
        ),
        (
            "parking_lot::raw_rwlock::RawRwLock::wait_for_readers",
            RwLockWrite,
        ),
        (
            "parking_lot::condvar::Condvar::wait_until_internal",
            Condvar,
        ),
        ("parking_lot::once::Once::call_once_slow", Once),
    ] {
        check(
            &format!("{PARKED};{inner};shop::main"),
            Some((kind, "parking_lot")),
        );
    }
}

#[test]
fn locks_of_c() {
    for (stack, kind) in [
        (
            "__futex_abstimed_wait_common64;__pthread_cond_wait_common;___pthread_cond_wait;work",
            Condvar,
        ),
        ("__lll_lock_wait;___pthread_mutex_lock;work", Mutex),
        (
            "libc.so.6+0x91117;libc.so.6+0x98678;pthread_mutex_lock;work",
            Mutex,
        ),
        ("__lll_lock_wait_private;malloc", Mutex),
        (
            "__futex_abstimed_wait_common;__pthread_rwlock_wrlock_full64;___pthread_rwlock_wrlock;work",
            RwLockWrite,
        ),
        ("___pthread_rwlock_rdlock@GLIBC_2.34;work", RwLockRead),
        (
            "__new_sem_wait_slow64.constprop.0;__new_sem_wait;work",
            Semaphore,
        ),
        ("__GI___pthread_barrier_wait;work", Barrier),
        (
            "__futex_abstimed_wait_common64;__pthread_clockjoin_ex;work",
            Join,
        ),
    ] {
        check(stack, Some((kind, "pthread")));
    }
}

#[test]
fn what_is_no_futex() {
    for (stack, kind) in [
        (
            "clock_nanosleep@@GLIBC_2.17;nanosleep;std::thread::sleep;shop::main",
            Sleep,
        ),
        ("__GI___clock_nanosleep;work", Sleep),
        (
            "epoll_wait;mio::sys::unix::selector::Selector::select;tokio::runtime::io::driver::Driver::turn",
            Io,
        ),
        ("__libc_read;shop::main", Io),
        ("__GI___libc_accept4;shop::main", Io),
        ("flock;shop::main", FileLock),
        ("wait4;std::process::Child::wait;shop::main", Process),
        ("__GI___sigsuspend;shop::main", Signal),
    ] {
        check(stack, Some((kind, "libc")));
    }
}

#[test]
fn locks_of_cpp() {
    for (stack, kind, library) in [
        (
            "__futex_abstimed_wait_common64;pthread_cond_wait;std::condition_variable::wait(std::unique_lock<std::mutex>&);work()",
            Condvar,
            "pthread",
        ),
        (
            "syscall;void std::condition_variable::wait<main::{lambda()#1}>(std::unique_lock<std::mutex>&, main::{lambda()#1});work()",
            Condvar,
            "C++",
        ),
        (
            "syscall;_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE;work()",
            Condvar,
            "C++",
        ),
        ("syscall;std::__1::mutex::lock();work()", Mutex, "C++"),
        (
            "pthread_cond_wait;std::condition_variable::wait(std::unique_lock<std::mutex>&);std::__basic_future<int>::wait() const;work()",
            ChannelReceive,
            "C++",
        ),
    ] {
        check(stack, Some((kind, library)));
    }
}

#[test]
fn idle_workers_are_parked() {
    for stack in [
        "syscall;parking_lot_core::parking_lot::park;parking_lot::condvar::Condvar::wait_until_internal;parking_lot::condvar::Condvar::wait;tokio::loom::std::parking_lot::Condvar::wait;tokio::runtime::scheduler::multi_thread::park::Inner::park_condvar;tokio::runtime::scheduler::multi_thread::worker::Context::park_internal",
        "syscall;std::sys::sync::condvar::futex::Condvar::wait_optional_timeout;tokio::runtime::blocking::pool::Inner::run;tokio::runtime::blocking::pool::Spawner::spawn_thread::{closure}",
        "syscall;std::sys::sync::condvar::futex::Condvar::wait;tokio::runtime::park::Inner::park;tokio::runtime::park::CachedParkThread::block_on",
    ] {
        check(stack, Some((Park, "tokio")));
    }
    // The runtime's own lock.
    check(
        "syscall;parking_lot::raw_mutex::RawMutex::lock_slow;tokio::runtime::scheduler::multi_thread::worker::Context::park",
        Some((Mutex, "parking_lot")),
    );
    check(
        "syscall;std::sys::sync::condvar::futex::Condvar::wait;std::sync::poison::condvar::Condvar::wait;rayon_core::sleep::Sleep::sleep;rayon_core::registry::WorkerThread::wait_until_cold",
        Some((Park, "rayon")),
    );
}

#[test]
fn the_programs_own_functions_end_it() {
    check(
        "syscall;std::thread::park;shop::queue::take;std::sync::mpsc::Receiver<_>::recv",
        Some((Park, "std")),
    );
    check("shop::spin;std::thread::park", None);
    check(
        "syscall;std::sys::pal::unix::futex::futex_wait;shop::own_lock",
        None,
    );
    check("", None);
    // A function of one's own, called as one of the C library's.
    check("pthread_cond_wait;wait;work", Some((Condvar, "pthread")));
}

#[test]
fn who_waits_is_the_next_frame() {
    let stack = "syscall;std::sys::pal::unix::futex::futex_wait;std::sys::sync::mutex::futex::Mutex::lock_contended;std::sync::poison::mutex::Mutex<_>::lock;shop::db";
    assert_eq!(wait(stack).unwrap().frames, 4);
}

#[test]
fn with_line_tables_alone_the_file_says_the_module() {
    let frames = [
        ("syscall", ""),
        ("std::sys::sync::mutex::futex::Mutex::lock_contended", ""),
        ("lock", "library/std/src/sys/sync/mutex/futex.rs"),
        ("lock", "library/std/src/sync/poison/mutex.rs"),
        ("db", "src/db.rs"),
    ];
    let wait = known_wait(frames.map(|(name, file)| Frame { name, file })).unwrap();
    assert_eq!((wait.kind, wait.library, wait.frames), (Mutex, "std", 4));
    let frames = [
        ("syscall", ""),
        ("park", "/rustc/abc/library/std/src/thread/mod.rs"),
        ("wait_until", "crossbeam-channel/src/context.rs"),
        ("Channel::recv", "crossbeam-channel/src/flavors/list.rs"),
    ];
    let wait = known_wait(frames.map(|(name, file)| Frame { name, file })).unwrap();
    assert_eq!((wait.kind, wait.library), (ChannelReceive, "crossbeam"));
}

#[test]
fn labels_are_the_fields_words() {
    let mut labels: Vec<&str> = WaitKind::ALL.iter().map(|kind| kind.label()).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), WaitKind::ALL.len());
    let locks = WaitKind::ALL.iter().filter(|kind| kind.is_lock());
    assert!(locks.eq(&[Mutex, RwLockRead, RwLockWrite, FileLock, Once]));
}
