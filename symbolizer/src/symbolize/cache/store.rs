//! The folder of records: loading, storing, and keeping it small.

use std::{
    fs::{self, DirBuilder, File, FileTimes, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use super::{Key, Record};

/// All records together; the ones unused for longest go first.
const MAX_TOTAL_BYTES: u64 = 256 << 20;

/// One record. A build with more answers starts anew with those asked for now.
const MAX_RECORD_BYTES: u64 = 32 << 20;

/// A half-written file this old was left by a process that died.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A record in use is marked so at most this often.
const TOUCH_INTERVAL: Duration = Duration::from_secs(3600);

const TEMPORARY_PREFIX: &str = ".writing-";

/// The folder where records are kept.
pub(in crate::symbolize) struct Cache {
    dir: PathBuf,
    max_total_bytes: u64,
}

impl Cache {
    /// The cache in this folder, made if need be. `None` when it cannot be made, or when others could write into it: names in a
    /// report would be theirs.
    pub(in crate::symbolize) fn open(dir: &Path) -> Option<Self> {
        if !dir.is_dir() {
            if let Some(parent) = dir.parent() {
                fs::create_dir_all(parent).ok()?;
            }
            // Two commands may race to make it; both then find it.
            let _ = DirBuilder::new().mode(0o700).create(dir);
        }
        let data = fs::metadata(dir).ok()?;
        let our_user = fs::metadata("/proc/self").ok()?.uid();
        let is_ours = data.is_dir() && data.uid() == our_user && data.mode() & 0o022 == 0;
        is_ours.then(|| Self {
            dir: dir.to_path_buf(),
            max_total_bytes: MAX_TOTAL_BYTES,
        })
    }

    /// What is known about a build.
    pub(in crate::symbolize) fn load(&self, key: &Key) -> Option<Record> {
        let file = File::open(self.dir.join(key.file_name())).ok()?;
        let mut bytes = Vec::new();
        (&file)
            .take(MAX_RECORD_BYTES + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        if bytes.len() as u64 > MAX_RECORD_BYTES {
            return None;
        }
        let record = Record::decode(&bytes)?;
        touch(&file);
        Some(record)
    }

    /// Keeps a record, with what another command may have found meanwhile. `new` are the addresses that were looked up now.
    pub(in crate::symbolize) fn store(&self, key: &Key, record: &Record, new: &[u64]) {
        let mut record = record.clone();
        if let Some(other) = self.load(key)
            && other.identity == record.identity
        {
            for (address, frames) in other.answers {
                record.answers.entry(address).or_insert(frames);
            }
        }
        let mut bytes = record.encode();
        if bytes.len() as u64 > MAX_RECORD_BYTES {
            record
                .answers
                .retain(|address, _| new.binary_search(address).is_ok());
            bytes = record.encode();
        }
        if bytes.len() as u64 <= MAX_RECORD_BYTES {
            self.write(&self.dir.join(key.file_name()), &bytes);
            self.evict();
        }
    }

    /// Writes beside and renames, so that a reader sees the old record or the new one. A full disk leaves the old one.
    fn write(&self, path: &Path, bytes: &[u8]) {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        // Relaxed: the number only has to be ours alone.
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .dir
            .join(format!("{TEMPORARY_PREFIX}{}-{number}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
    }

    /// Removes the records unused for longest until the rest fits, and what dead processes left half written.
    fn evict(&self) {
        let now = SystemTime::now();
        let mut total = 0;
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let (Ok(data), name) = (entry.metadata(), entry.file_name()) else {
                continue;
            };
            let used = data.modified().unwrap_or(now);
            let name = name.to_string_lossy();
            if name.starts_with(TEMPORARY_PREFIX) {
                if now.duration_since(used).is_ok_and(|age| age > ABANDONED) {
                    let _ = fs::remove_file(entry.path());
                }
            } else if name.ends_with(".symbols") {
                total += data.len();
                records.push((used, data.len(), entry.path()));
            }
        }
        records.sort();
        for (_, bytes, path) in records {
            if total <= self.max_total_bytes {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
    }
}

/// Marks a record as used, for [`Cache::evict`].
fn touch(file: &File) {
    let now = SystemTime::now();
    let is_recent = file
        .metadata()
        .and_then(|data| data.modified())
        .is_ok_and(|used| {
            now.duration_since(used)
                .is_ok_and(|age| age < TOUCH_INTERVAL)
        });
    if !is_recent {
        let _ = file.set_times(FileTimes::new().set_modified(now));
    }
}

#[cfg(test)]
mod tests {
    use hotpoll_profile::Module;

    use super::*;
    use crate::symbolize::frame::RawFrame;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = std::env::temp_dir().join(format!("hotpoll-cache-{}", std::process::id()));
        let mut cache = Cache::open(&dir).expect("the temporary folder can be written");
        let key = |build: u8| {
            let module = Module {
                build_id: vec![build; 20],
                ..Module::default()
            };
            Key::of(&module, None).expect("a build ID")
        };
        let mut record = Record::new(1);
        record.answers.insert(
            0,
            vec![RawFrame {
                symbol: "x".repeat(1000),
                ..RawFrame::default()
            }],
        );
        let age = |build: u8, seconds: u64| {
            let file = File::open(dir.join(key(build).file_name())).expect("it was stored");
            let used = SystemTime::now() - Duration::from_secs(seconds);
            file.set_times(FileTimes::new().set_modified(used))
                .expect("it is ours");
        };
        for build in 0..4 {
            cache.store(&key(build), &record, &[0]);
            age(build, 10_000 - u64::from(build));
        }
        // The oldest is used again.
        assert_eq!(cache.load(&key(0)), Some(record.clone()));
        cache.max_total_bytes = 3500;
        cache.store(&key(4), &record, &[0]);
        let left = [0, 1, 2, 3, 4].map(|build| cache.load(&key(build)).is_some());
        assert_eq!(left, [true, false, false, true, true]);
        fs::remove_dir_all(dir).expect("it is ours");
    }
}
