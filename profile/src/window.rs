//! A profile cut to its last part, and rid of what nothing refers to any more.

use crate::{Profile, Slice, Snapshot, WorkSource, thread::Accounts};

impl Profile {
    /// Keeps the slices that reach into the last `duration_ns`, counted back from the end of the newest, and makes all totals anew from
    /// them; what was known of the whole window only is gone. Threads that ended before are gone; those that live and did not run are there with empty accounts.
    ///
    /// Returns `false`, and changes nothing, if there are no slices to cut by: another tool's file.
    pub fn retain_last(&mut self, duration_ns: u64) -> bool {
        let Some(end) = self.slices.iter().map(end_ns).max() else {
            return false;
        };
        let begin = end.saturating_sub(duration_ns);
        let before = self.slices.len();
        self.slices.retain(|slice| end_ns(slice) > begin);
        if self.slices.len() < before {
            self.forget_whole();
            // What had been evicted before the recorder's window lies before this one by more.
            self.evicted_slices = 0;
        }
        self.total_up();
        self.compact();
        true
    }

    /// Makes all totals anew from the slices: those of samples and threads, and the window's.
    fn total_up(&mut self) {
        for sample in &mut self.samples {
            sample.count = 0;
            sample.cpu_ns = 0;
            sample.wall_ns = 0;
        }
        for thread in &mut self.threads {
            thread.totals = Accounts::default();
        }
        self.start_unix_ns = 0;
        self.duration_ns = 0;
        self.process_cpu_ns = 0;
        self.unseen_cpu_ns = 0;
        let slices = std::mem::take(&mut self.slices);
        for slice in &slices {
            for row in &slice.rows {
                self.samples[row.sample as usize].add(row.count, row.cpu_ns, row.wall_ns);
            }
            for thread in &slice.threads {
                self.threads[thread.thread as usize]
                    .totals
                    .add(&thread.accounts);
            }
            self.add_stretch(
                slice.start_unix_ns,
                slice.duration_ns,
                slice.process_cpu_ns,
                slice.unseen_cpu_ns,
            );
        }
        self.slices = slices;
    }

    /// Drops rows that nothing refers to: samples that stand for nothing, then locations, functions and modules without a sample, and
    /// threads that have ended and did nothing in the window.
    pub fn compact(&mut self) {
        for slice in &mut self.slices {
            slice
                .rows
                .retain(|row| row.count > 0 || row.cpu_ns > 0 || row.wall_ns > 0);
            slice
                .threads
                .retain(|thread| thread.accounts != Accounts::default());
            slice.work.retain(|part| part.units > 0);
        }

        let mut work = Kept::none(&self.work);
        for (index, counter) in self.work.iter().enumerate() {
            // Nothing done is an answer, unless it was told of another window.
            let counts = counter.units > 0 || counter.source != WorkSource::Given;
            work.keep_if(index, counts);
        }
        for part in self.slices.iter().flat_map(|slice| &slice.work) {
            work.keep(part.work);
        }
        let places = work.sweep(&mut self.work);
        for part in self.slices.iter_mut().flat_map(|slice| &mut slice.work) {
            part.work = places[part.work as usize];
        }

        let mut samples = Kept::none(&self.samples);
        for (index, sample) in self.samples.iter().enumerate() {
            let stands_for_something = sample.count > 0 || sample.cpu_ns > 0 || sample.wall_ns > 0;
            samples.keep_if(index, stands_for_something);
        }
        for row in self.slices.iter().flat_map(|slice| &slice.rows) {
            samples.keep(row.sample);
        }
        let places = samples.sweep(&mut self.samples);
        for row in self.slices.iter_mut().flat_map(|slice| &mut slice.rows) {
            row.sample = places[row.sample as usize];
        }

        let mut threads = Kept::none(&self.threads);
        for (index, thread) in self.threads.iter().enumerate() {
            threads.keep_if(
                index,
                !thread.exited || thread.totals != Accounts::default(),
            );
        }
        for sample in &self.samples {
            threads.keep(sample.thread);
        }
        for thread in self.slices.iter().flat_map(|slice| &slice.threads) {
            threads.keep(thread.thread);
        }
        for now in self.snapshot.iter().flat_map(|snapshot| &snapshot.threads) {
            threads.keep(now.thread);
        }
        let places = threads.sweep(&mut self.threads);
        if let Some(snapshot) = &mut self.snapshot {
            for now in &mut snapshot.threads {
                now.thread = places[now.thread as usize];
            }
        }
        for sample in &mut self.samples {
            sample.thread = places[sample.thread as usize];
        }
        for thread in self.slices.iter_mut().flat_map(|slice| &mut slice.threads) {
            thread.thread = places[thread.thread as usize];
        }

        let mut locations = Kept::none(&self.locations);
        for location in self.samples.iter().flat_map(|sample| &sample.stack) {
            locations.keep(*location);
        }
        for location in self.snapshot.iter().flat_map(Snapshot::stacks).flatten() {
            locations.keep(*location);
        }
        let places = locations.sweep(&mut self.locations);
        if let Some(snapshot) = &mut self.snapshot {
            for location in snapshot.stacks_mut().flatten() {
                *location = places[*location as usize];
            }
        }
        for location in self.samples.iter_mut().flat_map(|sample| &mut sample.stack) {
            *location = places[*location as usize];
        }

        let mut functions = Kept::none(&self.functions);
        for line in self.locations.iter().flat_map(|location| &location.lines) {
            functions.keep(line.function);
        }
        let places = functions.sweep(&mut self.functions);
        let lines = self.locations.iter_mut();
        for line in lines.flat_map(|location| &mut location.lines) {
            line.function = places[line.function as usize];
        }

        let mut modules = Kept::none(&self.modules);
        // The first is the executable: other tools take the profile's name from it.
        modules.keep_if(0, !self.modules.is_empty());
        for module in self.locations.iter().filter_map(|location| location.module) {
            modules.keep(module);
        }
        let places = modules.sweep(&mut self.modules);
        for location in &mut self.locations {
            location.module = location.module.map(|module| places[module as usize]);
        }
    }
}

fn end_ns(slice: &Slice) -> u64 {
    slice.start_unix_ns.saturating_add(slice.duration_ns)
}

/// Which rows of a table stay.
struct Kept(Vec<bool>);

impl Kept {
    fn none<T>(table: &[T]) -> Self {
        Self(vec![false; table.len()])
    }

    fn keep(&mut self, index: u32) {
        self.0[index as usize] = true;
    }

    fn keep_if(&mut self, index: usize, condition: bool) {
        if condition {
            self.0[index] = true;
        }
    }

    /// Drops the other rows; for each row that stays, the result has its new place.
    fn sweep<T>(self, table: &mut Vec<T>) -> Vec<u32> {
        let mut next = 0;
        let places = self.0.iter().map(|&kept| {
            let place = next;
            next += u32::from(kept);
            place
        });
        let places = places.collect();
        let mut kept = self.0.into_iter();
        table.retain(|_| kept.next() == Some(true));
        places
    }
}
