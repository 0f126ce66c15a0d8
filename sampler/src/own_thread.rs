//! Threads of our own, made by the C library alone.
//!
//! A thread that std makes takes a lock of std's while it is born (for the message of a stack overflow). A child that is forked in that moment has the lock
//! as it was, for ever, and each thread that std makes in the child waits for it. So a start must not make such moments in its host, and a start in a child
//! whose parent had one must not wait for its threads: theirs have no part of that lock.
#![allow(unsafe_code)] // Threads of the C library.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The kernel keeps so much of a thread's name, its last zero included.
const NAME_BYTES: usize = 16;
/// A stack that is too small for the program's thread-local variables is made larger, but not beyond this.
const MOST_STACK_BYTES: usize = 64 * 1024 * 1024;

struct Birth {
    name: [u8; NAME_BYTES],
    body: Box<dyn FnOnce() + Send>,
}

/// A thread that can be waited for. It goes on alone when this is dropped.
#[derive(Debug)]
pub struct OwnThread(libc::pthread_t);

impl OwnThread {
    /// Makes a thread with this name, of which the kernel keeps 15 bytes, and a stack of at least this size, in whole pages. A panic in it ends it alone.
    ///
    /// # Errors
    /// What the system says, mostly that there may be no more threads.
    pub fn spawn(
        name: &str,
        stack_bytes: usize,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let mut kept = [0; NAME_BYTES];
        for (place, byte) in kept[..NAME_BYTES - 1].iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        let birth = Birth {
            name: kept,
            body: Box::new(body),
        };
        let birth = Box::into_raw(Box::new(birth)).cast::<c_void>();
        let mut stack_bytes = stack_bytes;
        let mut made = create(stack_bytes, birth);
        // What the program has in thread-local variables lies in the stack's block, and may be more than that.
        while made == Err(libc::EINVAL) && stack_bytes < MOST_STACK_BYTES {
            stack_bytes *= 2;
            made = create(stack_bytes, birth);
        }
        made.map(Self).map_err(|errno| {
            // SAFETY: from Box::into_raw above, and no thread was made that has it.
            drop(unsafe { Box::from_raw(birth.cast::<Birth>()) });
            io::Error::from_raw_os_error(errno)
        })
    }

    /// Waits until it has ended. In the process that made it.
    pub fn join(self) {
        let thread = self.0;
        std::mem::forget(self);
        // SAFETY: the thread was made joinable, and is neither joined nor detached elsewhere: `self` was the only one to do so.
        unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        // SAFETY: as in `join`.
        unsafe { libc::pthread_detach(self.0) };
    }
}

/// Makes a joinable thread that owns `birth`; the error's number if there is none.
fn create(stack_bytes: usize, birth: *mut c_void) -> Result<libc::pthread_t, i32> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attributes are initialised before they are used, and destroyed after; `run` gets what `spawn` has leaked for it, once; `thread` is written
    // when the result is 0.
    unsafe {
        match libc::pthread_attr_init(attributes.as_mut_ptr()) {
            0 => {}
            errno => return Err(errno),
        }
        let sized = libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack_bytes);
        let made = match sized {
            0 => libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, birth),
            errno => errno,
        };
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        match made {
            0 => Ok(thread.assume_init()),
            errno => Err(errno),
        }
    }
}

/// The thread's first function.
extern "C" fn run(birth: *mut c_void) -> *mut c_void {
    // SAFETY: from Box::into_raw in `spawn`, which gives it to one thread.
    let Birth { name, body } = *unsafe { Box::from_raw(birth.cast::<Birth>()) };
    // SAFETY: the name is valid for the call and ends with a zero.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    // The hook has said what there is to say, and nothing unwinds out of here.
    let _ = catch_unwind(AssertUnwindSafe(body));
    std::ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::OwnThread;
    use std::sync::mpsc;

    #[test]
    fn a_thread_has_its_name_and_ends() {
        let (tell, told) = mpsc::channel();
        let thread = OwnThread::spawn("hotpoll-of-a-long-name", 0x4_5000, move || {
            let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
            tell.send(name).unwrap();
        });
        thread.unwrap().join();
        assert_eq!(told.recv().unwrap(), "hotpoll-of-a-lo\n");
    }

    #[test]
    fn a_panic_ends_the_thread_alone() {
        let thread = OwnThread::spawn("panics", 0x4_5000, || panic!("on purpose"));
        thread.unwrap().join();
    }

    #[test]
    fn a_stack_too_small_is_made_larger() {
        OwnThread::spawn("small", 4096, || {}).unwrap().join();
    }
}
