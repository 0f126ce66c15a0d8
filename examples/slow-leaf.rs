//! Ten tasks that wait, each for something else, since before anybody looked.
//!
//! # The known answer
//! Each task's await stack names the function that it waits in, and its line: `on_mutex`, `on_rwlock`, `on_semaphore`, `on_notify`, `on_oneshot`,
//! `on_receive`, `on_full_channel`, `on_sleep`, `on_accept`, `on_join`. All have waited since the start; none has a problem.
//!
//! `cargo run --release --example slow-leaf -- [SECONDS]` (60), then `hotpoll tasks --suspended`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, RwLock, Semaphore, mpsc, oneshot};

const EXAMPLE: &str = "slow-leaf";
const DAY: Duration = Duration::from_secs(86_400);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    // What the tasks wait for is held, or not sent, by main.
    let mutex = Arc::new(Mutex::new(()));
    let _held = Arc::clone(&mutex).lock_owned().await;
    let rwlock = Arc::new(RwLock::new(()));
    let _written = Arc::clone(&rwlock).write_owned().await;
    let semaphore = Arc::new(Semaphore::new(0));
    let notify = Arc::new(Notify::new());
    let (_answer, question) = oneshot::channel();
    let (_sender, receiver) = mpsc::channel(1);
    let (full, _reader) = mpsc::channel(1);
    full.send(0).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    hotpoll::spawn(on_mutex(mutex));
    hotpoll::spawn(on_rwlock(rwlock));
    hotpoll::spawn(on_semaphore(semaphore));
    hotpoll::spawn(on_notify(notify));
    hotpoll::spawn(on_oneshot(question));
    hotpoll::spawn(on_receive(receiver));
    hotpoll::spawn(on_full_channel(full));
    hotpoll::spawn(on_sleep());
    hotpoll::spawn(on_accept(listener));
    hotpoll::spawn(on_join());
    shared::ready(EXAMPLE, "hotpoll tasks {} --suspended");
    tokio::time::sleep(seconds).await;
    Ok(())
}

async fn on_mutex(mutex: Arc<Mutex<()>>) {
    drop(mutex.lock().await);
}

async fn on_rwlock(rwlock: Arc<RwLock<()>>) {
    drop(rwlock.read().await);
}

async fn on_semaphore(semaphore: Arc<Semaphore>) {
    drop(semaphore.acquire().await);
}

async fn on_notify(notify: Arc<Notify>) {
    notify.notified().await;
}

async fn on_oneshot(question: oneshot::Receiver<u64>) {
    let _ = question.await;
}

async fn on_receive(mut receiver: mpsc::Receiver<u64>) {
    receiver.recv().await;
}

async fn on_full_channel(full: mpsc::Sender<u64>) {
    let _ = full.send(1).await;
}

async fn on_sleep() {
    tokio::time::sleep(DAY).await;
}

async fn on_accept(listener: TcpListener) {
    let _ = listener.accept().await;
}

async fn on_join() {
    let _ = hotpoll::spawn_named("day", tokio::time::sleep(DAY)).await;
}
