//! Whether a profile's tables fit each other.

use crate::Profile;

impl Profile {
    /// Checks that every index points into its table. The error names what points nowhere.
    ///
    /// What the agent makes and what [`crate::pprof::decode`] returns has passed; code that indexes may rely on it.
    pub fn check(&self) -> Result<(), &'static str> {
        let all = |mut indices: Box<dyn Iterator<Item = u32> + '_>, table: usize, what| {
            if indices.all(|index| (index as usize) < table) {
                Ok(())
            } else {
                Err(what)
            }
        };
        let locations = &self.locations;
        let samples = &self.samples;
        let slices = &self.slices;
        all(
            Box::new(locations.iter().filter_map(|location| location.module)),
            self.modules.len(),
            "a location",
        )?;
        all(
            Box::new(
                locations
                    .iter()
                    .flat_map(|location| location.lines.iter().map(|line| line.function)),
            ),
            self.functions.len(),
            "a line",
        )?;
        all(
            Box::new(samples.iter().map(|sample| sample.thread)),
            self.threads.len(),
            "a sample",
        )?;
        all(
            Box::new(
                samples
                    .iter()
                    .flat_map(|sample| sample.stack.iter().copied()),
            ),
            locations.len(),
            "a stack",
        )?;
        all(
            Box::new(
                slices
                    .iter()
                    .flat_map(|slice| slice.rows.iter().map(|row| row.sample)),
            ),
            samples.len(),
            "a slice's row",
        )?;
        all(
            Box::new(
                slices
                    .iter()
                    .flat_map(|slice| slice.threads.iter().map(|thread| thread.thread)),
            ),
            self.threads.len(),
            "a slice's thread",
        )?;
        all(
            Box::new(
                slices
                    .iter()
                    .flat_map(|slice| slice.work.iter().map(|part| part.work)),
            ),
            self.work.len(),
            "a slice's work",
        )?;
        let Some(snapshot) = &self.snapshot else {
            return Ok(());
        };
        all(
            Box::new(snapshot.threads.iter().map(|now| now.thread)),
            self.threads.len(),
            "a snapshot's thread",
        )?;
        all(
            Box::new(snapshot.stacks().flatten().copied()),
            locations.len(),
            "a snapshot's stack",
        )
    }
}
