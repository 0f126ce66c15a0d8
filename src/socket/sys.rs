//! Small system calls that std has no words for.
#![allow(unsafe_code)] // Thin wrappers of libc calls.

use super::kept::Kept;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Wakes the thread that polls it: a pipe, because an eventfd cannot be told from one of the host's that has its number.
#[derive(Debug)]
pub(crate) struct Waker {
    reader: Kept<OwnedFd>,
    writer: Kept<OwnedFd>,
}

impl Waker {
    /// Makes one: two descriptors, closed on exec.
    pub fn new() -> io::Result<Self> {
        let mut ends = [-1; 2];
        // SAFETY: the place for the result is valid.
        if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: both descriptors were just made and belong to nobody else.
        let [reader, writer] = ends.map(|fd| Kept::new(unsafe { OwnedFd::from_raw_fd(fd) }));
        Ok(Self { reader, writer })
    }

    /// Makes it readable, if the host has left it to us.
    pub fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            // SAFETY: the buffer is valid for its length. Fails only when there is plenty to read already.
            unsafe { libc::write(writer.as_raw_fd(), [1_u8].as_ptr().cast(), 1) };
        }
    }

    /// Makes it unreadable again.
    pub fn rest(&self) {
        if let Some(reader) = self.reader.get() {
            let mut bytes = [0_u8; 64];
            // SAFETY: the buffer is valid for its length. Fails only when it is not readable.
            unsafe { libc::read(reader.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
        }
    }

    /// What to poll; `None` when the host has closed it.
    pub(super) fn reader(&self) -> Option<BorrowedFd<'_>> {
        self.reader.get().map(AsFd::as_fd)
    }
}

/// What a descriptor stands for: device and number of its file.
pub(super) type Identity = (u64, u64);

/// What this descriptor stands for now.
pub(super) fn identity(fd: BorrowedFd<'_>) -> Option<Identity> {
    // SAFETY: zero is a valid stat, and it is a valid place for the result.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(fd.as_raw_fd(), &mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
    }
}

/// One descriptor to wait for.
#[repr(transparent)]
pub(super) struct Interest(libc::pollfd);

impl Interest {
    /// Waits for a descriptor to be readable or writable; for neither, only its end is noticed. Without a descriptor nothing happens.
    pub fn new(fd: Option<BorrowedFd<'_>>, readable: bool, writable: bool) -> Self {
        let mut events = 0;
        if readable {
            events |= libc::POLLIN;
        }
        if writable {
            events |= libc::POLLOUT;
        }
        Self(libc::pollfd {
            fd: fd.map_or(-1, |fd| fd.as_raw_fd()),
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

/// Waits until something happens on one of the descriptors, or for so long. Errors look like nothing happened.
pub(super) fn poll(interests: &mut [Interest], patience: Duration) {
    // Rounded up, so that a deadline has passed when it was waited for.
    let timeout_ms = i32::try_from(patience.as_millis() + 1).unwrap_or(i32::MAX);
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
