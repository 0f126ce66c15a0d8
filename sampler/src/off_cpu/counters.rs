//! What is counted for one thread: by the capture thread, read by the drain when it closes a slice.

use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{CaptureFailure, Counts, Reason, counts::MAX_REASONS};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Totals since the thread was first looked at. `looks` is the sum of `captured`, `kept` and `failed`. One thread writes.
#[derive(Debug, Default)]
pub(crate) struct WallCounters {
    looks: AtomicU64,
    captured: AtomicU64,
    kept: AtomicU64,
    failed: [AtomicU64; MAX_REASONS],
    runnable_ns: AtomicU64,
}

fn add(counter: &AtomicU64, n: u64) {
    // One writer; the reader wants a recent value only.
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

impl WallCounters {
    /// The thread had not run since the last look.
    pub fn kept(&self) {
        add(&self.looks, 1);
        add(&self.kept, 1);
    }

    /// Its stack was taken, or why not.
    pub fn looked(&self, failure: Option<CaptureFailure>) {
        add(&self.looks, 1);
        match failure {
            None => add(&self.captured, 1),
            Some(reason) => add(&self.failed[reason.index() % MAX_REASONS], 1),
        }
    }

    /// It waited for a processor for so long, as the kernel counts.
    pub fn was_runnable(&self, ns: u64) {
        add(&self.runnable_ns, ns);
    }

    /// The totals.
    pub fn add_to(&self, accounts: &mut Accounts) {
        accounts.looks = self.looks.load(Relaxed);
        accounts.captured = self.captured.load(Relaxed);
        accounts.kept = self.kept.load(Relaxed);
        accounts.runnable_ns = self.runnable_ns.load(Relaxed);
        let mut failed = Counts::ZERO;
        for reason in CaptureFailure::ALL {
            failed.add(
                *reason,
                self.failed[reason.index() % MAX_REASONS].load(Relaxed),
            );
        }
        accounts.capture_failed = failed;
    }
}
