//! Sixteen kinds of blocked thread, each with somebody who lets it go again a thousand times a second.
#![allow(unsafe_code)] // raw system calls and pthreads

use std::cell::UnsafeCell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, OnceLock, mpsc};
use std::thread::Thread;
use std::time::Duration;

/// What the blocked threads share with those who let them go.
pub struct Stage {
    pub stop: AtomicBool,
    /// Blocked threads that have not ended: until then somebody has to let them go.
    pub blocked: AtomicU64,
    /// Calls that returned EINTR.
    pub interrupted: AtomicU64,
    std_mutex: Mutex<()>,
    parking_lot_mutex: parking_lot::Mutex<()>,
    pthread_mutex: PthreadMutex,
    held: [AtomicBool; 3],
    condition: (Mutex<u64>, Condvar),
    sender: Mutex<Option<mpsc::Sender<()>>>,
    receiver: Mutex<mpsc::Receiver<()>>,
    poll_pipe: (OwnedFd, OwnedFd),
    read_pipe: (OwnedFd, OwnedFd),
    epoll: (OwnedFd, OwnedFd),
    listener: std::net::TcpListener,
    futex: AtomicU32,
    lock_files: [std::fs::File; 2],
    parked: OnceLock<Thread>,
    semaphore: Semaphore,
}

struct PthreadMutex(UnsafeCell<libc::pthread_mutex_t>);
// SAFETY: pthread functions are what it is used with.
unsafe impl Sync for PthreadMutex {}
struct Semaphore(UnsafeCell<libc::sem_t>);
// SAFETY: sem_* functions are what it is used with.
unsafe impl Sync for Semaphore {}

/// The return addresses of the caller's callers, outermost last, by the C library's own unwinder.
#[inline(never)]
pub fn callers() -> Vec<u64> {
    unsafe extern "C" {
        fn _Unwind_Backtrace(
            each: extern "C" fn(*mut libc::c_void, *mut libc::c_void) -> libc::c_int,
            into: *mut libc::c_void,
        ) -> libc::c_int;
        fn _Unwind_GetIP(context: *mut libc::c_void) -> usize;
    }
    extern "C" fn each(context: *mut libc::c_void, into: *mut libc::c_void) -> libc::c_int {
        // SAFETY: both are what _Unwind_Backtrace was given or hands out.
        unsafe { (*into.cast::<Vec<u64>>()).push(_Unwind_GetIP(context) as u64) };
        0
    }
    let mut found = Vec::new();
    // SAFETY: the callback takes exactly these arguments.
    unsafe { _Unwind_Backtrace(each, (&raw mut found).cast()) };
    // Itself and its caller's frame are first; 0 stands behind the last.
    found.retain(|&address| address != 0);
    found.drain(..2);
    found
}

/// A kind: its name, what blocks, and what lets go (nothing, where time does).
pub type Kind = (&'static str, fn(&Stage), Option<fn(&Stage)>);

pub const KINDS: [Kind; 16] = [
    ("std mutex", std_mutex, Some(hold_std_mutex)),
    (
        "parking_lot mutex",
        parking_lot_mutex,
        Some(hold_parking_lot_mutex),
    ),
    ("pthread mutex", pthread_mutex, Some(hold_pthread_mutex)),
    ("condvar", condvar, Some(notify)),
    ("channel recv", channel_recv, Some(channel_send)),
    ("sleep", sleep, None),
    ("poll", poll, Some(write_poll_pipe)),
    ("epoll", epoll, Some(write_event)),
    ("accept", accept, Some(connect)),
    ("read", read, Some(write_read_pipe)),
    ("futex with time-out", futex, None),
    ("join", join, None),
    ("wait4", wait4, None),
    ("flock", flock, Some(hold_flock)),
    ("nanosleep in C", nanosleep, None),
    ("park", park, Some(unpark)),
];

/// And a seventeenth, as C's semaphores are not Rust's.
pub const SEMAPHORE: Kind = ("semaphore", semaphore, Some(post));

/// A holder holds so long after so many times that were short.
const LONG: Duration = Duration::from_millis(100);
const LONG_EVERY: u32 = 64;

fn moment() {
    std::thread::sleep(Duration::from_millis(1));
}

fn owned(fd: libc::c_int) -> OwnedFd {
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: a descriptor that a call has just returned.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    (owned(ends[0]), owned(ends[1]))
}

impl Stage {
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        // SAFETY: plain calls; the event is initialised.
        let epoll = unsafe {
            let (epoll, event) = (owned(libc::epoll_create1(0)), owned(libc::eventfd(0, 0)));
            let mut wanted = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            let added = libc::epoll_ctl(
                epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                event.as_raw_fd(),
                &mut wanted,
            );
            assert_eq!(added, 0);
            (epoll, event)
        };
        let path = std::env::temp_dir().join(format!("hotpoll-flock-{}", std::process::id()));
        let open = || std::fs::File::create(&path).unwrap();
        let lock_files = [open(), open()];
        let _ = std::fs::remove_file(&path);
        // Two names of one file were wanted: locks belong to the open file.
        let stage = Self {
            stop: AtomicBool::new(false),
            blocked: AtomicU64::new(0),
            interrupted: AtomicU64::new(0),
            std_mutex: Mutex::new(()),
            parking_lot_mutex: parking_lot::Mutex::new(()),
            pthread_mutex: PthreadMutex(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)),
            held: Default::default(),
            condition: Default::default(),
            sender: Mutex::new(Some(sender)),
            receiver: Mutex::new(receiver),
            poll_pipe: pipe(),
            read_pipe: pipe(),
            epoll,
            listener: std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
            futex: AtomicU32::new(0),
            lock_files,
            parked: OnceLock::new(),
            // SAFETY: zero bytes are initialised below.
            semaphore: Semaphore(UnsafeCell::new(unsafe { std::mem::zeroed() })),
        };
        // SAFETY: nobody uses it yet.
        assert_eq!(unsafe { libc::sem_init(stage.semaphore.0.get(), 0, 0) }, 0);
        stage
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn all_ended(&self) -> bool {
        self.stopped() && self.blocked.load(Relaxed) == 0
    }

    /// Counts a call that a signal has interrupted; a look must never be one.
    fn check(&self, result: libc::c_long) {
        if result < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) {
            self.interrupted.fetch_add(1, Relaxed);
        }
    }

    /// Asleep, not in a loop: on few processors who tries a little longer before it waits would be kept from waiting.
    fn wait_until_held(&self, index: usize) {
        while !self.held[index].load(Relaxed) && !self.stopped() {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn hold<G>(&self, index: usize, lock: impl Fn() -> G) {
        let mut rounds = 0;
        while !self.all_ended() {
            let guard = lock();
            self.held[index].store(true, Relaxed);
            moment();
            // Now and then for long: where the processor is crowded a moment is over before who tries a little longer comes to wait.
            rounds += 1;
            if rounds % LONG_EVERY == 0 && !self.stopped() {
                std::thread::sleep(LONG);
            }
            self.held[index].store(false, Relaxed);
            drop(guard);
            std::thread::yield_now();
        }
    }
}

fn std_mutex(stage: &Stage) {
    stage.wait_until_held(0);
    drop(stage.std_mutex.lock());
}

fn hold_std_mutex(stage: &Stage) {
    stage.hold(0, || stage.std_mutex.lock());
}

fn parking_lot_mutex(stage: &Stage) {
    stage.wait_until_held(1);
    drop(stage.parking_lot_mutex.lock());
}

fn hold_parking_lot_mutex(stage: &Stage) {
    stage.hold(1, || stage.parking_lot_mutex.lock());
}

fn pthread_mutex(stage: &Stage) {
    stage.wait_until_held(2);
    let mutex = stage.pthread_mutex.0.get();
    // SAFETY: an initialised mutex that outlives the call.
    unsafe {
        assert_eq!(libc::pthread_mutex_lock(mutex), 0);
        assert_eq!(libc::pthread_mutex_unlock(mutex), 0);
    }
}

fn hold_pthread_mutex(stage: &Stage) {
    struct Held<'a>(&'a PthreadMutex);
    impl Drop for Held<'_> {
        fn drop(&mut self) {
            // SAFETY: this thread has locked it.
            unsafe { libc::pthread_mutex_unlock(self.0.0.get()) };
        }
    }
    stage.hold(2, || {
        // SAFETY: an initialised mutex that outlives the call.
        unsafe { libc::pthread_mutex_lock(stage.pthread_mutex.0.get()) };
        Held(&stage.pthread_mutex)
    });
}

fn condvar(stage: &Stage) {
    let (count, changed) = &stage.condition;
    let guard = count.lock().unwrap();
    let before = *guard;
    drop(changed.wait_while(guard, |count| *count == before && !stage.stopped()));
}

fn notify(stage: &Stage) {
    while !stage.all_ended() {
        moment();
        *stage.condition.0.lock().unwrap() += 1;
        stage.condition.1.notify_all();
    }
    stage.condition.1.notify_all();
}

fn channel_recv(stage: &Stage) {
    let _ = stage.receiver.lock().unwrap().recv();
}

fn channel_send(stage: &Stage) {
    let sender = stage.sender.lock().unwrap().take().unwrap();
    while !stage.all_ended() {
        moment();
        let _ = sender.send(());
    }
}

fn sleep(_: &Stage) {
    moment();
    // No tail call, which would leave no frame of this function.
    std::hint::black_box(());
}

fn poll(stage: &Stage) {
    let end = stage.poll_pipe.0.as_raw_fd();
    let mut wanted = libc::pollfd {
        fd: end,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one initialised entry, and a buffer of its length.
    unsafe {
        stage.check(libc::poll(&mut wanted, 1, -1).into());
        libc::read(end, [0u8; 8].as_mut_ptr().cast(), 8);
    }
}

fn write_to(stage: &Stage, end: &OwnedFd) {
    loop {
        moment();
        // SAFETY: a buffer of its length.
        unsafe { libc::write(end.as_raw_fd(), 1u64.to_ne_bytes().as_ptr().cast(), 8) };
        if stage.all_ended() {
            return;
        }
    }
}

fn write_poll_pipe(stage: &Stage) {
    write_to(stage, &stage.poll_pipe.1);
}

fn epoll(stage: &Stage) {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event, and a buffer of its length.
    unsafe {
        stage.check(libc::epoll_wait(stage.epoll.0.as_raw_fd(), &mut event, 1, -1).into());
        libc::read(stage.epoll.1.as_raw_fd(), [0u8; 8].as_mut_ptr().cast(), 8);
    }
}

fn write_event(stage: &Stage) {
    write_to(stage, &stage.epoll.1);
}

fn accept(stage: &Stage) {
    // SAFETY: no address is asked for.
    let fd = unsafe {
        libc::accept4(
            stage.listener.as_raw_fd(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            libc::SOCK_CLOEXEC,
        )
    };
    stage.check(fd.into());
    if fd >= 0 {
        drop(owned(fd));
    }
}

fn connect(stage: &Stage) {
    let address = stage.listener.local_addr().unwrap();
    loop {
        moment();
        drop(std::net::TcpStream::connect(address));
        if stage.all_ended() {
            return;
        }
    }
}

fn read(stage: &Stage) {
    // SAFETY: a buffer of its length.
    let result = unsafe {
        libc::read(
            stage.read_pipe.0.as_raw_fd(),
            [0u8; 8].as_mut_ptr().cast(),
            8,
        )
    };
    stage.check(result as libc::c_long);
}

fn write_read_pipe(stage: &Stage) {
    write_to(stage, &stage.read_pipe.1);
}

fn futex(stage: &Stage) {
    let timeout = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    // SAFETY: the word lives as long as the stage, and holds the value that is waited on.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            stage.futex.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            0,
            &timeout,
        )
    };
    stage.check(result);
}

fn join(_: &Stage) {
    std::thread::spawn(moment).join().unwrap();
}

fn wait4(stage: &Stage) {
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: 2_000_000,
    };
    // SAFETY: the child makes two system calls and ends.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::nanosleep(&pause, std::ptr::null_mut());
            libc::_exit(0);
        }
        let mut status = 0;
        stage.check(libc::wait4(child, &mut status, 0, std::ptr::null_mut()).into());
    }
}

fn flock(stage: &Stage) {
    let file = stage.lock_files[0].as_raw_fd();
    // SAFETY: an open file.
    unsafe {
        stage.check(libc::flock(file, libc::LOCK_EX).into());
        libc::flock(file, libc::LOCK_UN);
    }
    std::thread::yield_now();
}

fn hold_flock(stage: &Stage) {
    let file = stage.lock_files[1].as_raw_fd();
    while !stage.all_ended() {
        // SAFETY: an open file.
        unsafe {
            libc::flock(file, libc::LOCK_EX);
            moment();
            libc::flock(file, libc::LOCK_UN);
        }
        std::thread::yield_now();
    }
}

fn nanosleep(stage: &Stage) {
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    // SAFETY: an initialised time.
    let result = unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
    stage.check(result.into());
}

fn park(stage: &Stage) {
    stage.parked.get_or_init(std::thread::current);
    std::thread::park();
    std::hint::black_box(());
}

fn unpark(stage: &Stage) {
    loop {
        moment();
        if let Some(thread) = stage.parked.get() {
            thread.unpark();
            if stage.all_ended() {
                return;
            }
        }
    }
}

fn semaphore(stage: &Stage) {
    // SAFETY: an initialised semaphore that outlives the call.
    stage.check(unsafe { libc::sem_wait(stage.semaphore.0.get()) }.into());
}

fn post(stage: &Stage) {
    loop {
        moment();
        // SAFETY: as above.
        unsafe { libc::sem_post(stage.semaphore.0.get()) };
        if stage.all_ended() {
            return;
        }
    }
}
