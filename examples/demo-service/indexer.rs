//! The background pool: plain named threads that index documents from a queue, in batches, with pauses between.

use crate::truth;
use crate::work::{self, Numbers};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

const THREADS: usize = 2;
/// Batches waiting; the feeder drops what does not fit.
const QUEUE: usize = 4;
/// One batch to each thread in turn every so often. A batch takes some ten milliseconds or more: long enough for any timer to see.
const BATCH_EVERY: Duration = Duration::from_millis(80);
const WORDS_PER_BATCH: usize = 200_000;

/// The pool, until it is stopped.
pub struct Indexers {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts the pool and the thread that feeds it.
pub fn start() -> Indexers {
    let stopped = Arc::new(AtomicBool::new(false));
    let mut queues = Vec::new();
    let mut threads = Vec::new();
    for number in 0..THREADS {
        let (queue, batches) = sync_channel(QUEUE);
        queues.push(queue);
        threads.push(named(format!("indexer-{number}"), move || index(batches)));
    }
    let until = Arc::clone(&stopped);
    threads.push(named("feeder".into(), move || feed(&queues, &until)));
    Indexers { stopped, threads }
}

impl Indexers {
    /// Lets the threads finish what they have, and waits for them.
    pub fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn named(name: String, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .expect("a thread of the background pool")
}

fn feed(queues: &[SyncSender<Arc<str>>], stopped: &AtomicBool) {
    let document: Arc<str> = document(WORDS_PER_BATCH).into();
    for queue in queues.iter().cycle() {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        let _ = queue.try_send(Arc::clone(&document));
        std::thread::sleep(BATCH_EVERY / THREADS as u32);
    }
}

fn index(batches: Receiver<Arc<str>>) {
    for document in batches {
        let counts = truth::COUNT_WORDS.of(|| work::count_words(&document));
        let ranked = truth::RANK_WORDS.of(|| work::rank_words(&counts));
        std::hint::black_box(ranked.first());
    }
}

fn document(words: usize) -> String {
    let mut numbers = Numbers::new(42);
    let mut text = String::new();
    for _ in 0..words {
        // Few words are frequent, many are rare.
        let spread = 1 + numbers.below(20_000);
        text.push_str(&format!("word{} ", numbers.below(spread)));
    }
    text
}
