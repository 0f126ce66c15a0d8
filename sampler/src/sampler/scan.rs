//! Finding threads that came and threads that went.

use super::accounts::SliceStart;
use super::{Entry, Sampler, ThreadKey};
use crate::broken::{self, Defect};
use crate::own;
use crate::sys;
use crate::thread::files;
use std::collections::HashSet;

/// A thread that used so much CPU time from one scan to the next is worth watching in between.
const LEAST_BUSY_NS: u64 = 1_000_000;

impl Sampler {
    /// Looks at the process's threads: new ones get a timer, ended ones are marked, and every clock is read.
    /// Errors of `/proc` (no descriptor left, say) leave things as they are until the next scan.
    pub fn scan_threads(&mut self) {
        if !self.is_in_force() {
            return;
        }
        let announced = own::take_announced();
        if let Ok(found) = files::list() {
            self.compare(found, announced);
        }
    }

    /// Compares a listing of the task folder with what is known. `announced`: threads that have said so themselves.
    fn compare(&mut self, found: Vec<files::Entry>, announced: HashSet<u32>) {
        if self.next_scan_is_first {
            self.begin_accounts(&found);
        }
        self.scans += 1;
        self.busy.clear();
        for thread in found {
            if let Some(key) = self.meet(thread)
                && let Some(entry) = self.entries.get_mut(&key)
            {
                entry.listed = self.scans;
            }
            if announced.contains(&thread.tid) {
                self.tell_runtime_thread(thread.tid);
            }
        }
        self.next_scan_is_first = false;
        self.cpu_before_ns.clear();
        let gone: Vec<ThreadKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| !entry.info.exited && entry.listed != self.scans)
            .map(|(&key, _)| key)
            .collect();
        for key in gone {
            if let Some(entry) = self.entries.get_mut(&key) {
                // The listing is not one moment: while threads come and go it misses some that live (84 of them in one of 1,781 listings).
                // Taken for dead, a thread would lose its slot with its handler still running, and count its whole life once more.
                if files::is_alive(entry.info.tid, entry.info.start_ticks) {
                    entry.read_clock();
                    continue;
                }
                entry.ended();
                self.roster.went(key);
                own::forget(entry.info.tid);
                self.by_tid.remove(&entry.info.tid);
            }
        }
    }

    /// The zero point of all accounts: the clocks of the threads that are there, then at once the process's. What they used before, the
    /// start itself and the first unwind tables included, belongs to nobody's account. When each thread's clock was read as its timer was
    /// armed, and the process's at the start, all that the known threads used in between came out as CPU time of unseen threads.
    fn begin_accounts(&mut self, found: &[files::Entry]) {
        self.cpu_before_ns = found
            .iter()
            .filter_map(|thread| {
                Some((
                    thread.tid,
                    sys::clock_ns(sys::thread_cpu_clock(thread.tid))?,
                ))
            })
            .collect();
        self.slice = SliceStart::now();
    }

    /// A thread that was found: reads its clock when it is known, and attaches it otherwise.
    pub(super) fn meet(&mut self, found: files::Entry) -> Option<ThreadKey> {
        if let Some(&key) = self.by_tid.get(&found.tid)
            && let Some(entry) = self.entries.get_mut(&key)
        {
            if is_still(entry, found) {
                let before_ns = entry.cpu_ns;
                entry.read_clock();
                if entry.cpu_ns - before_ns >= LEAST_BUSY_NS {
                    self.watch(key);
                }
                return Some(key);
            }
            // Its ID has passed to another thread.
            entry.ended();
            self.roster.went(key);
            self.by_tid.remove(&found.tid);
        }
        self.attach(found);
        let key = self.by_tid.get(&found.tid).copied();
        if let Some(key) = key {
            self.watch(key);
        }
        key
    }
}

/// Whether a listed thread is the one that the entry stands for.
fn is_still(entry: &mut Entry, found: files::Entry) -> bool {
    if entry.inode == found.inode {
        return true;
    }
    // The kernel may also have dropped and remade the folder's inode for the same thread.
    let same =
        files::stat(found.tid).is_some_and(|stat| stat.start_ticks == entry.info.start_ticks);
    if same {
        entry.inode = found.inode;
    }
    same
}

impl Entry {
    /// The thread has ended.
    fn ended(&mut self) {
        self.info.exited = true;
        self.ended_ns = Some(sys::monotonic_ns());
    }

    /// Reads the thread's CPU clock; a clock that is gone leaves the last reading.
    pub(super) fn read_clock(&mut self) {
        if let Some(mut cpu_ns) = sys::clock_ns(sys::thread_cpu_clock(self.info.tid)) {
            if broken::is(Defect::SlowsClocks) {
                cpu_ns -= cpu_ns / 50;
            }
            self.cpu_ns = self.cpu_ns.max(cpu_ns.saturating_sub(self.cpu_before_ns));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use std::sync::mpsc::channel;

    /// A listing of 1,781 missed 84 living threads while others came and went. Here is one that misses one.
    #[test]
    fn thread_that_a_listing_misses_lives_on() {
        let (mut sampler, modules) = crate::start(Settings::default()).unwrap();
        let (told, tell) = (channel::<u32>(), channel::<()>());
        let thread = std::thread::spawn(move || {
            told.0.send(sys::current_tid()).unwrap();
            // Until the sender is dropped.
            let _ = tell.1.recv();
        });
        let tid = told.1.recv().unwrap();
        sampler.scan_threads();
        let key = sampler.by_tid[&tid];
        let slot = sampler.entries[&key].slot().map(std::ptr::from_ref);
        let without = |mut found: Vec<files::Entry>| {
            found.retain(|thread| thread.tid != tid);
            found
        };
        sampler.compare(without(files::list().unwrap()), HashSet::new());
        assert_eq!(sampler.by_tid.get(&tid), Some(&key));
        assert!(!sampler.entries[&key].info.exited);
        sampler.scan_threads();
        assert_eq!(
            sampler.by_tid.get(&tid),
            Some(&key),
            "not found a second time"
        );
        let now = sampler.entries[&key].slot().map(std::ptr::from_ref);
        assert_eq!(now, slot, "the same slot all the while");
        drop(tell.0);
        thread.join().unwrap();
        // join() returns a moment before the kernel has forgotten the thread.
        while std::path::Path::new(&format!("/proc/self/task/{tid}")).exists() {
            std::thread::yield_now();
        }
        sampler.compare(without(files::list().unwrap()), HashSet::new());
        assert!(sampler.entries[&key].info.exited);
        assert_eq!(sampler.by_tid.get(&tid), None);
        let ended = sampler.close_slice().ended;
        let (_, info) = ended.iter().find(|(ended, _)| *ended == key).unwrap();
        assert_eq!(
            info.engine,
            hotpoll_profile::Engine::Ctimer,
            "what served it"
        );
        drop(modules);
        sampler.stop();
    }
}
