//! The background pool: plain named threads that index documents from a queue, in batches, with pauses between.

use crate::truth;
use crate::work::{self, Numbers};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

const THREADS: usize = 2;
/// Batches waiting; the feeder drops what does not fit.
const QUEUE: usize = 4;
/// Looks for requests that were answered.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Where the work goes by requests: so many for a batch, twice as many as with the usual load, as what a batch costs depends on who else uses the caches.
const REQUESTS_PER_BATCH: u64 = 160;
/// One batch to each thread in turn every so often. A batch takes some ten milliseconds or more: long enough for any timer to see.
const BATCH_EVERY: Duration = Duration::from_millis(80);
const WORDS_PER_BATCH: usize = 200_000;

/// Requests that were answered.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

/// A request was answered.
pub fn answered() {
    ANSWERED.fetch_add(1, Ordering::Relaxed);
}

/// The pool, until it is stopped.
pub struct Indexers {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts the pool and the thread that feeds it: by the clock, or as requests are answered.
pub fn start(by_requests: bool) -> Indexers {
    let stopped = Arc::new(AtomicBool::new(false));
    let mut queues = Vec::new();
    let mut threads = Vec::new();
    for number in 0..THREADS {
        let (queue, batches) = sync_channel(QUEUE);
        queues.push(queue);
        threads.push(named(format!("indexer-{number}"), move || index(batches)));
    }
    let until = Arc::clone(&stopped);
    let feed = if by_requests { feed_by_requests } else { feed };
    threads.push(named("feeder".into(), move || feed(&queues, &until)));
    Indexers { stopped, threads }
}

impl Indexers {
    /// Lets the threads finish what they have, and waits for them.
    pub fn stop(self) {
        // Release: the feeder sees all requests that were answered before.
        self.stopped.store(true, Ordering::Release);
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

/// The same requests are the same batches, however long they take. What is due at the end is done.
fn feed_by_requests(queues: &[SyncSender<Arc<str>>], stopped: &AtomicBool) {
    let document: Arc<str> = document(WORDS_PER_BATCH).into();
    let mut queues = queues.iter().cycle();
    let mut batches = 0;
    loop {
        let is_last = stopped.load(Ordering::Acquire);
        while batches < ANSWERED.load(Ordering::Relaxed) / REQUESTS_PER_BATCH {
            batches += 1;
            if let Some(queue) = queues.next() {
                // Its thread lives as long as its queue.
                let _ = queue.send(Arc::clone(&document));
            }
        }
        if is_last {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
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
