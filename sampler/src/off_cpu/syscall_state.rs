//! From a system call's number to what a thread that is blocked in it waits for. x86-64 Linux.

use hotpoll_profile::State;

/// What a thread blocked in this system call waits for.
pub(super) fn state(syscall: Option<u32>) -> State {
    let Some(number) = syscall else {
        return State::OtherWait;
    };
    match i64::from(number) {
        // Locks, conditions, channels, parking: the stack knows.
        libc::SYS_futex | FUTEX_WAITV | FUTEX_WAIT => State::Futex,
        libc::SYS_flock
        // Of fcntl only the commands that wait for a record lock block.
        | libc::SYS_fcntl
        | libc::SYS_semop
        | libc::SYS_semtimedop => State::Lock,
        libc::SYS_nanosleep | libc::SYS_clock_nanosleep => State::Sleep,
        libc::SYS_read
        | libc::SYS_write
        | libc::SYS_pread64
        | libc::SYS_pwrite64
        | libc::SYS_readv
        | libc::SYS_writev
        | libc::SYS_preadv
        | libc::SYS_pwritev
        | libc::SYS_preadv2
        | libc::SYS_pwritev2
        | libc::SYS_poll
        | libc::SYS_ppoll
        | libc::SYS_select
        | libc::SYS_pselect6
        | libc::SYS_epoll_wait
        | libc::SYS_epoll_pwait
        | EPOLL_PWAIT2
        | libc::SYS_accept
        | libc::SYS_accept4
        | libc::SYS_connect
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_recvmmsg
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_sendmmsg
        | libc::SYS_shutdown
        | libc::SYS_open
        | libc::SYS_openat
        | libc::SYS_openat2
        | libc::SYS_close
        | libc::SYS_fsync
        | libc::SYS_fdatasync
        | libc::SYS_sync
        | libc::SYS_syncfs
        | libc::SYS_sync_file_range
        | libc::SYS_msync
        | libc::SYS_readahead
        | libc::SYS_sendfile
        | libc::SYS_splice
        | libc::SYS_tee
        | libc::SYS_vmsplice
        | libc::SYS_copy_file_range
        | libc::SYS_io_getevents
        | libc::SYS_io_uring_enter
        | libc::SYS_stat
        | libc::SYS_fstat
        | libc::SYS_lstat
        | libc::SYS_newfstatat
        | libc::SYS_statx
        | libc::SYS_access
        | libc::SYS_faccessat
        | libc::SYS_getdents
        | libc::SYS_getdents64
        | libc::SYS_truncate
        | libc::SYS_ftruncate
        | libc::SYS_fallocate
        | libc::SYS_unlink
        | libc::SYS_unlinkat
        | libc::SYS_rename
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_mkdir
        | libc::SYS_mkdirat
        | libc::SYS_rmdir
        | libc::SYS_readlink
        | libc::SYS_ioctl
        | libc::SYS_mq_timedsend
        | libc::SYS_mq_timedreceive
        | libc::SYS_msgsnd
        | libc::SYS_msgrcv => State::Io,
        _ => State::OtherWait,
    }
}

/// Whether a thread in this system call may sleep uninterruptibly, so that its `stat` is worth a read. Waits for other threads, for time and
/// for many descriptors at once are always interruptible.
pub(super) fn may_be_uninterruptible(syscall: Option<u32>) -> bool {
    let Some(number) = syscall else {
        return true;
    };
    !matches!(
        i64::from(number),
        libc::SYS_futex
            | FUTEX_WAITV
            | FUTEX_WAIT
            | libc::SYS_nanosleep
            | libc::SYS_clock_nanosleep
            | libc::SYS_poll
            | libc::SYS_ppoll
            | libc::SYS_select
            | libc::SYS_pselect6
            | libc::SYS_epoll_wait
            | libc::SYS_epoll_pwait
            | EPOLL_PWAIT2
            | libc::SYS_accept
            | libc::SYS_accept4
            | libc::SYS_recvfrom
            | libc::SYS_recvmsg
            | libc::SYS_recvmmsg
            | libc::SYS_wait4
            | libc::SYS_waitid
            | libc::SYS_pause
            | libc::SYS_rt_sigsuspend
            | libc::SYS_rt_sigtimedwait
    )
}

// Newer than the constants of older C libraries.
const EPOLL_PWAIT2: i64 = 441;
const FUTEX_WAITV: i64 = 449;
const FUTEX_WAIT: i64 = 455;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ones() {
        for (number, expected) in [
            (libc::SYS_futex, State::Futex),
            (libc::SYS_flock, State::Lock),
            (libc::SYS_epoll_wait, State::Io),
            (libc::SYS_clock_nanosleep, State::Sleep),
            (libc::SYS_wait4, State::OtherWait),
        ] {
            assert_eq!(state(Some(number as u32)), expected);
        }
        assert_eq!(state(None), State::OtherWait);
        assert!(may_be_uninterruptible(None));
        assert!(may_be_uninterruptible(Some(libc::SYS_fsync as u32)));
        assert!(!may_be_uninterruptible(Some(libc::SYS_futex as u32)));
    }
}
