//! A lock that is held while a file is written, and threads that wait meanwhile: what the holder does is what they wait for.
//!
//! # The known answer
//! The mutex `cache` is waited for by `reader-0` to `reader-3` in `get`. The thread `saver` takes it in `save` and holds it most of the time, while it turns the
//! entries to text (`to_text`, most of the time, on the processor) and writes them to a file (`write_file`). The readers hold it for nanoseconds. So of
//! the wait for `cache` nearly all was spent while `saver` was under `save`: four fifths or so in `to_text`, the rest in `write_file`.
//!
//! `cargo run --release --example holder-does-io -- [SECONDS]` (60), then `hotpoll locks` and `hotpoll report --by lock`.

#[path = "shared/mod.rs"]
mod shared;

use hotpoll::sync::Mutex;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EXAMPLE: &str = "holder-does-io";
const READERS: usize = 4;
const ENTRIES: u64 = 20_000;
/// The text is made for so long, and the file written for so long, each time.
const TEXT: Duration = Duration::from_millis(40);
const FILE: Duration = Duration::from_millis(10);
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(5);

type Cache = Mutex<HashMap<u64, u64>>;

fn main() -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + shared::seconds(EXAMPLE)?;
    let _profiler = hotpoll::start()?;
    let entries = (0..ENTRIES).map(|key| (key, key * 7)).collect();
    let cache: Arc<Cache> = Arc::new(Mutex::new(entries).named("cache"));
    let saver = std::thread::Builder::new()
        .name("saver".to_owned())
        .spawn({
            let cache = Arc::clone(&cache);
            move || {
                while Instant::now() < until {
                    save(&cache);
                    std::thread::sleep(PAUSE);
                }
            }
        })?;
    for number in 0..READERS {
        let cache = Arc::clone(&cache);
        let reader = std::thread::Builder::new().name(format!("reader-{number}"));
        reader.spawn(move || {
            for key in (0..ENTRIES).cycle() {
                get(&cache, key);
                std::thread::sleep(Duration::from_millis(1));
            }
        })?;
    }
    shared::ready(EXAMPLE, "hotpoll locks {}");
    saver.join().map_err(|_| "the saver has failed")?;
    Ok(())
}

#[inline(never)]
fn get(cache: &Cache, key: u64) -> Option<u64> {
    cache.lock().get(&key).copied()
}

/// What should be done without the lock.
#[inline(never)]
fn save(cache: &Cache) {
    let entries = cache.lock();
    let text = to_text(&entries);
    write_file(&text);
}

#[inline(never)]
fn to_text(entries: &HashMap<u64, u64>) -> String {
    let begun = Instant::now();
    let mut text = String::new();
    while begun.elapsed() < TEXT {
        text.clear();
        for (key, value) in entries.iter().take(100) {
            let _ = writeln!(text, "{key}={value}");
        }
    }
    text
}

#[inline(never)]
fn write_file(text: &str) {
    let begun = Instant::now();
    while begun.elapsed() < FILE {
        let file = std::fs::OpenOptions::new().write(true).open("/dev/null");
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        if written.is_err() {
            return;
        }
        // A disk takes its time.
        std::thread::sleep(Duration::from_millis(1));
    }
}
