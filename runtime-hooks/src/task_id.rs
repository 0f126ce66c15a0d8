//! `tokio::task::try_id()` as a number, callable in the sampling signal.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

/// The calling thread's current task, 0 when it is polling none.
///
/// Signal-safe on every thread where it was called once before: the first call registers tokio's thread-local destructor, which may allocate;
/// later calls read a cell. After the thread-local is gone it answers 0.
pub(crate) extern "C" fn current() -> u64 {
    ASKED.set(true);
    let Some(id) = tokio::task::try_id() else {
        return 0;
    };
    number(id)
}

thread_local! {
    /// Whether the thread has asked before. It needs no destructor, and so no memory.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// The same on threads that have asked before, and 0 on others: for calls under anybody's lock, where nothing may be registered or allocated. A thread
/// that never started in a runtime with our hooks, nor spawned or polled a tracked task, is in no task that we could name.
pub(crate) fn if_asked_before() -> u64 {
    if ASKED.get() { current() } else { 0 }
}

/// tokio's ID as a number.
pub(crate) fn number(id: tokio::task::Id) -> u64 {
    number_of(&id)
}

/// The number in one of tokio's IDs, of a task or of a runtime.
pub(crate) fn number_of(id: &impl Hash) -> u64 {
    // tokio gives its number to a hasher or a formatter only, and formatting is no work for a signal handler.
    let mut number = Number(0);
    id.hash(&mut number);
    number.0
}

/// A hasher that keeps the one number it is given.
struct Number(u64);

impl Hasher for Number {
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Another tokio might hash its ID as bytes: any mix of them still tells tasks apart.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::current;

    #[test]
    fn is_the_number_that_tokio_prints() {
        assert_eq!(current(), 0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        let (number, printed) = local.block_on(&runtime, async {
            tokio::task::spawn_local(async { (current(), tokio::task::id().to_string()) })
                .await
                .unwrap()
        });
        assert_eq!(number.to_string(), printed);
        assert_ne!(number, 0);
    }
}
