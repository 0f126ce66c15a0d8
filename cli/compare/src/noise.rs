//! Whether a noise model is of these runs: of their program, doing their workload, on their machine. How much another program's runs differ says nothing.

use crate::{NoiseModel, Notice, Options, Run};

/// Says whether what is known of the noise holds here, and leaves it out where it does not.
pub(crate) fn leave_out(
    base: &[Run],
    new: &[Run],
    options: &mut Options,
    notices: &mut Vec<Notice>,
) {
    let Some(noise) = &options.noise else {
        return;
    };
    let mut runs = base.iter().chain(new);
    let why = if options.pair {
        Some("it is not told for pairs of runs".to_owned())
    } else {
        let other = runs.find_map(|run| noise.differs(run));
        other.map(|other| format!("it is of {other}"))
    };
    let text = match &why {
        None => format!(
            "what `hotpoll aa` learned of {} was taken into account: its runs differ by {:.1} %",
            noise.of(),
            100.0 * noise.total_variance.sqrt()
        ),
        Some(why) => format!("the noise model was left out: {why}"),
    };
    notices.push(Notice { text });
    if why.is_some() {
        options.noise = None;
    }
}

impl NoiseModel {
    /// Whether it is of such runs: the same program, workload and machine.
    pub fn fits(&self, run: &Run) -> bool {
        self.differs(run).is_none()
    }

    /// What it is of, as far as that is known: `shop (checkout)`.
    fn of(&self) -> String {
        let program = known(&self.program, "an unknown program");
        match &*self.workload {
            "" => program.to_owned(),
            workload => format!("{program} ({workload})"),
        }
    }

    /// What it is of, and what the run is of, where that is not the same.
    fn differs(&self, run: &Run) -> Option<String> {
        let facts = [
            (&self.machine, run.machine(), "an unknown machine"),
            (&self.program, run.program.clone(), "an unknown program"),
            (
                &self.workload,
                run.fingerprint.workload.clone(),
                "no workload that has a name",
            ),
        ];
        facts.into_iter().find_map(|(mine, theirs, unknown)| {
            let (mine, theirs) = (known(mine, unknown), known(&theirs, unknown));
            (mine != theirs).then(|| format!("{mine}, and {} is of {theirs}", run.name))
        })
    }
}

fn known<'a>(text: &'a str, unknown: &'a str) -> &'a str {
    match text {
        "" => unknown,
        text => text,
    }
}
