//! Recording the runs that are compared: one command, again and again, as `hotpoll bench` runs each side.

use crate::bench::progress::Plan;
use crate::bench::side::{self, Side};
use crate::exit::Failure;
use crate::record::given::{Given, GivenArgs, delivered};
use crate::text::number::counted;
use crate::text::terminal;
use crate::{interrupt, profile_file, source};
use hotpoll_compare::{Options, Run};
use hotpoll_profile::Profile;
use std::ffi::OsString;
use std::path::Path;

/// How profiles are called: `001.pb.gz` and on.
const ENDING: &str = ".pb.gz";

/// Runs the command so often; a Ctrl-C ends that, and what was recorded counts. `folder` keeps the profiles.
pub fn record(
    command: &[OsString],
    runs: u32,
    folder: Option<&Path>,
    workload: &str,
    options: &Options,
) -> Result<Vec<Run>, Failure> {
    folder.map(open).transpose()?;
    let given = Given {
        ci: true,
        args: GivenArgs {
            workload: workload.to_owned(),
            ..GivenArgs::default()
        },
    };
    let side = Side::of_words("run", command);
    interrupt::listen();
    let mut plan = Plan::new(runs as usize);
    let mut recorded = Vec::with_capacity(runs as usize);
    let mut last: Option<Box<Profile>> = None;
    for number in 0..runs {
        if interrupt::is_asked_to_stop() {
            break;
        }
        plan.begins(0, "one build", number + 1, runs);
        let run = side.run(&[], &given, &mut |samples| plan.look(samples))?;
        let side::Run::Whole(mut profile) = run else {
            break;
        };
        plan.ends(0);
        let name = name(number + 1);
        if let Some(folder) = folder {
            profile_file::write(&folder.join(&name), &profile)?;
        }
        source::name(&mut profile, None, &[]);
        recorded.push(Run::of(&profile, &name, options));
        last = Some(profile);
    }
    drop(plan);
    if let Some(profile) = last {
        terminal::say(&delivered(&profile));
    }
    if let Some(folder) = folder {
        terminal::say(&format!(
            "{}: {}.",
            folder.display(),
            counted(recorded.len() as u64, "run")
        ));
    }
    Ok(recorded)
}

fn name(number: u32) -> String {
    format!("{number:03}{ENDING}")
}

/// Makes the folder. Runs that are there already may be of another build.
fn open(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::writing(folder, &error))?;
    let mut entries =
        std::fs::read_dir(folder).map_err(|error| Failure::reading(folder, &error))?;
    let is_run = |name: OsString| name.to_string_lossy().ends_with(ENDING);
    if entries.any(|entry| entry.is_ok_and(|entry| is_run(entry.file_name()))) {
        let failure = Failure::new(format!("{} has runs already", folder.display()));
        return Err(failure.next(format!(
            "name another folder; `hotpoll aa {}` compares what is there",
            folder.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_another_build_stay_apart() {
        let root = std::env::temp_dir().join(format!("hotpoll-aa-{}", std::process::id()));
        open(&root).unwrap();
        std::fs::write(root.join("notes.txt"), "").unwrap();
        open(&root).unwrap();
        std::fs::write(root.join(name(7)), "").unwrap();
        let failure = open(&root).unwrap_err().to_string();
        assert!(failure.contains("has runs already"), "{failure}");
        std::fs::remove_dir_all(&root).unwrap();
    }
}
