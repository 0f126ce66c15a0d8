//! Small system calls that std has no words for.
#![allow(unsafe_code)] // Thin wrappers of libc calls.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Wakes the thread that polls it.
#[derive(Debug)]
pub(crate) struct Waker(OwnedFd);

impl Waker {
    /// Makes one: a descriptor, closed on exec.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it readable.
    pub fn wake(&self) {
        if !self.is_ours() {
            return;
        }
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the buffer is valid for its length. Fails only when it is readable already.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable again.
    pub fn rest(&self) {
        if !self.is_ours() {
            return;
        }
        let mut count = [0_u8; 8];
        // SAFETY: the buffer is valid for its length. Fails only when it is not readable.
        unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl Waker {
    /// Whether the descriptor is still an anonymous one of the kernel's: a host that closes all descriptors, as daemons do, and opens files
    /// gives its number to one of them.
    fn is_ours(&self) -> bool {
        // SAFETY: zero is a valid stat, and it is a valid place for the result.
        let kind = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            if libc::fstat(self.0.as_raw_fd(), &mut stat) != 0 {
                return false;
            }
            stat.st_mode & libc::S_IFMT
        };
        kind == 0
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One descriptor to wait for.
#[repr(transparent)]
pub(super) struct Interest(libc::pollfd);

impl Interest {
    /// Waits for a descriptor to be readable or writable; for neither, only its end is noticed.
    pub fn new(fd: BorrowedFd<'_>, readable: bool, writable: bool) -> Self {
        let mut events = 0;
        if readable {
            events |= libc::POLLIN;
        }
        if writable {
            events |= libc::POLLOUT;
        }
        Self(libc::pollfd {
            fd: fd.as_raw_fd(),
            events,
            revents: 0,
        })
    }

    /// After [`poll`]: whether there is something to read, if only the end.
    pub fn is_readable(&self) -> bool {
        self.0.revents & libc::POLLIN != 0
    }

    /// After [`poll`]: whether there is room to write.
    pub fn is_writable(&self) -> bool {
        self.0.revents & libc::POLLOUT != 0
    }

    /// After [`poll`]: whether the other side is gone for good.
    pub fn is_gone(&self) -> bool {
        self.0.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0
    }
}

/// Waits until something happens on one of the descriptors, or for so long (`None`: for ever). Errors look like nothing happened.
pub(super) fn poll(interests: &mut [Interest], patience: Option<Duration>) {
    // Rounded up, so that a deadline has passed when it was waited for.
    let timeout_ms = patience.map_or(-1, |patience| {
        i32::try_from(patience.as_millis() + 1).unwrap_or(i32::MAX)
    });
    // SAFETY: Interest is a transparent pollfd, and the slice is valid for its length.
    let result = unsafe {
        libc::poll(
            interests.as_mut_ptr().cast(),
            interests.len() as libc::nfds_t,
            timeout_ms,
        )
    };
    if result < 0 {
        interests
            .iter_mut()
            .for_each(|interest| interest.0.revents = 0);
    }
}

/// Sends what fits without waiting. Never raises SIGPIPE.
pub(super) fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the buffer is valid for its length.
    let sent = unsafe {
        libc::send(
            stream.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// The user at the other end of a connection.
pub(super) fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    let mut credentials = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the place for the result is valid for `length` bytes.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &mut length,
        )
    };
    if result == 0 {
        Ok(credentials.uid)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The user that this process acts as now.
pub(super) fn own_uid() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// How many descriptors the process may have.
pub(super) fn descriptor_limit() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the result.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    limit.rlim_cur
}
