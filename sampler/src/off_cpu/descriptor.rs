//! Files of `/proc` that are kept open because they are read again and again, within a share of the host's descriptors.
#![allow(unsafe_code)] // A file that may have to be forgotten instead of closed.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The descriptors that perf events and kept files may have together.
#[derive(Debug)]
pub(crate) struct DescriptorPool {
    allowed: u64,
    events: AtomicU64,
    files: AtomicU64,
}

/// Kept files take at most this part of the pool: a thread that needs a perf event to be seen at all comes first.
const FILES_PART: u64 = 2;

impl DescriptorPool {
    pub fn new(allowed: u64) -> Self {
        Self {
            allowed,
            events: AtomicU64::new(0),
            files: AtomicU64::new(0),
        }
    }

    pub fn allowed(&self) -> u64 {
        self.allowed
    }

    /// perf events open now.
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    /// Kept files open now.
    pub fn files(&self) -> u64 {
        self.files.load(Relaxed)
    }

    /// Whether another perf event is within the share.
    pub fn has_room(&self) -> bool {
        self.events() + self.files() < self.allowed
    }

    /// A perf event was opened.
    pub fn event_opened(&self) {
        self.events.fetch_add(1, Relaxed);
    }

    /// A perf event was closed.
    pub fn event_closed(&self) {
        self.events.fetch_sub(1, Relaxed);
    }

    /// Takes a place for a kept file, if there is one. (Opening an event races with this: by one descriptor at the most.)
    fn take_file(&self) -> bool {
        let room = self.has_room() && self.files() < self.allowed / FILES_PART;
        if room {
            self.files.fetch_add(1, Relaxed);
        }
        room
    }

    fn give_file_back(&self) {
        self.files.fetch_sub(1, Relaxed);
    }
}

/// A file that stays open; dropping it closes it.
#[derive(Debug)]
pub(crate) struct KeptFile {
    file: ManuallyDrop<File>,
    /// Device and inode: tells our file from one that the host has opened under our number.
    identity: (u64, u64),
    pool: Arc<DescriptorPool>,
}

impl KeptFile {
    /// Keeps a file where there is room.
    pub fn keep(file: File, pool: &Arc<DescriptorPool>) -> Option<Self> {
        let identity = identity(&file)?;
        pool.take_file().then(|| Self {
            file: ManuallyDrop::new(file),
            identity,
            pool: Arc::clone(pool),
        })
    }

    /// Reads the file's beginning.
    pub fn read(&self, into: &mut [u8]) -> std::io::Result<usize> {
        self.file.read_at(into, 0)
    }
}

fn identity(file: &File) -> Option<(u64, u64)> {
    let metadata = file.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        // A daemon that closes all descriptors has closed this one too, and the number is another file's now.
        let ours = identity(&self.file) == Some(self.identity);
        // SAFETY: the file is taken once, here, and not used afterwards.
        let file = unsafe { ManuallyDrop::take(&mut self.file) };
        if ours {
            drop(file);
        } else {
            let _not_ours = file.into_raw_fd();
        }
        self.pool.give_file_back();
    }
}

/// A file of a thread's folder in `/proc`, kept open where there is room, opened for each read where there is not.
#[derive(Debug)]
pub(super) struct ThreadFile {
    name: &'static str,
    kept: Option<KeptFile>,
}

impl ThreadFile {
    pub const fn new(name: &'static str) -> Self {
        Self { name, kept: None }
    }

    /// Reads the file's beginning. Errors are the system's numbers.
    pub fn read(
        &mut self,
        tid: u32,
        pool: &Arc<DescriptorPool>,
        into: &mut [u8],
    ) -> Result<usize, i32> {
        let number = |error: std::io::Error| error.raw_os_error().unwrap_or(0);
        if let Some(kept) = &self.kept {
            match kept.read(into) {
                Ok(length) if length > 0 => return Ok(length),
                // The thread has ended, or the descriptor is not ours any more: once again by the path.
                _ => self.kept = None,
            }
        }
        let file = File::open(format!("/proc/self/task/{tid}/{}", self.name)).map_err(number)?;
        let length = file.read_at(into, 0).map_err(number)?;
        self.kept = KeptFile::keep(file, pool);
        Ok(length)
    }

    /// Closes it: it will not be needed soon, or what was read makes no sense.
    pub fn close(&mut self) {
        self.kept = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_take_half_of_the_pool_and_give_it_back() {
        let pool = Arc::new(DescriptorPool::new(4));
        let tid = crate::sys::current_tid();
        let mut files: Vec<_> = (0..3).map(|_| ThreadFile::new("stat")).collect();
        let mut text = [0; 64];
        for file in &mut files {
            assert!(file.read(tid, &pool, &mut text).unwrap() > 0);
        }
        assert_eq!(pool.files(), 2);
        assert!(files[2].kept.is_none());
        pool.event_opened();
        pool.event_opened();
        assert!(!pool.has_room());
        files[0].close();
        assert!(pool.has_room());
        drop(files);
        assert_eq!(pool.files(), 0);
    }

    #[test]
    fn a_thread_that_has_ended_is_an_error() {
        let pool = Arc::new(DescriptorPool::new(4));
        let mut file = ThreadFile::new("stat");
        let mut text = [0; 64];
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tell.send(crate::sys::current_tid()).unwrap();
            let _ = ended.recv();
        });
        let tid = told.recv().unwrap();
        assert!(file.read(tid, &pool, &mut text).is_ok());
        drop(end);
        thread.join().unwrap();
        // join returns before the kernel has taken the folder away.
        while file.read(tid, &pool, &mut text).is_ok() {
            std::thread::yield_now();
        }
        assert_eq!(pool.files(), 0);
    }
}
