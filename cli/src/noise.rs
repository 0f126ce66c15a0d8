//! What is known of how runs of one program differ on a machine: kept in a file between `hotpoll aa`, which learns it, and `hotpoll diff`.
//!
//! The file is JSON, one model for each program, workload and class of machine: `$XDG_STATE_HOME/hotpoll/noise.json`, or `~/.local/state/hotpoll/noise.json`.

use crate::exit::Failure;
use crate::profile_file;
use hotpoll_compare::{NoiseModel, Run};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The format's version: a file of another is refused.
const VERSION: u32 = 2;
/// A file of more is none of ours.
const MAX_BYTES: u64 = 1 << 20;
/// Programs, each with its workloads, whose noise is kept.
const MAX_MODELS: usize = 500;

/// What every version begins with.
#[derive(Debug, Deserialize)]
struct Version {
    version: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    models: Vec<Model>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Model {
    machine: String,
    program: String,
    workload: String,
    comparisons: u32,
    variance: f64,
    degrees: f64,
    total_variance: f64,
}

/// Where models are kept unless somebody says otherwise; `None` where the user has no folder.
pub fn default_path() -> Option<PathBuf> {
    let folder = |name: &str| {
        let folder = PathBuf::from(std::env::var_os(name)?);
        folder.is_absolute().then_some(folder)
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("hotpoll/noise.json"))
}

/// The models of a file.
pub fn read(path: &Path) -> Result<Vec<NoiseModel>, Failure> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let none = || {
        Failure::new(format!(
            "{} holds no noise models that this hotpoll can read",
            path.display()
        ))
        .next("delete it, and let `hotpoll aa` write it anew")
    };
    if size > MAX_BYTES {
        return Err(none());
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
    let version: Version = serde_json::from_str(&text).map_err(|_| none())?;
    // What the first version kept was of a machine and of no program: it holds for nothing.
    if version.version == 1 {
        return Ok(Vec::new());
    }
    let kept: Kept = serde_json::from_str(&text).map_err(|_| none())?;
    if kept.version != VERSION || !kept.models.iter().all(Model::makes_sense) {
        return Err(none());
    }
    Ok(kept.models.into_iter().map(Model::model).collect())
}

/// The model of such runs, from the file that was named, or from the usual one, which need not be there; and what is to be said of that.
pub fn find(
    path: Option<&Path>,
    run: &Run,
) -> Result<(Option<NoiseModel>, Option<String>), Failure> {
    let (models, notice) = match path {
        Some(path) => (read(path)?, None),
        // Nobody asked for it: it stops nobody.
        None => match default_path()
            .filter(|path| path.exists())
            .map(|path| read(&path))
        {
            Some(Ok(models)) => (models, None),
            Some(Err(failure)) => {
                let what = failure.to_string();
                let what = what.lines().next().unwrap_or_default();
                let notice = format!("no noise model: {}", what.trim_end_matches('.'));
                (Vec::new(), Some(notice))
            }
            None => (Vec::new(), None),
        },
    };
    // One that does not fit is given where it was asked for: the comparison says that it was left out.
    let other = path.and_then(|_| models.first().cloned());
    let fits = models.into_iter().find(|model| model.fits(run));
    Ok((fits.or(other), notice))
}

/// Whether a model can be put into the file: found out before anybody waits for runs. Leaves nothing behind but the folder.
pub fn check_writable(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        read(path)?;
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let probe = folder.join(format!(".hotpoll-noise-{}", std::process::id()));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::File::create(&probe))
        .map_err(|error| Failure::writing(path, &error))?;
    // It was ours a moment ago, and is empty.
    let _ = std::fs::remove_file(probe);
    Ok(())
}

/// Puts a model into a file, in the place of the one for the same program, workload and machine.
pub fn keep(path: &Path, model: &NoiseModel) -> Result<(), Failure> {
    let mut models = match path.exists() {
        true => read(path)?,
        false => Vec::new(),
    };
    let of = |model: &NoiseModel| {
        let NoiseModel {
            machine,
            program,
            workload,
            ..
        } = model.clone();
        [machine, program, workload]
    };
    models.retain(|other| of(other) != of(model));
    // The oldest go.
    let surplus = (models.len() + 1).saturating_sub(MAX_MODELS);
    models.drain(..surplus);
    models.push(model.clone());
    let kept = Kept {
        version: VERSION,
        models: models.into_iter().map(Model::of).collect(),
    };
    let text = serde_json::to_string_pretty(&kept)
        .map_err(|error| Failure::new(format!("the noise model cannot be written: {error}")))?;
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        profile_file::replace(path, format!("{text}\n").as_bytes())
    };
    write().map_err(|error| Failure::writing(path, &error))
}

impl Model {
    /// A variance is a square.
    fn makes_sense(&self) -> bool {
        let figures = [self.variance, self.degrees, self.total_variance];
        figures.iter().all(|figure| *figure >= 0.0)
    }

    fn of(model: NoiseModel) -> Self {
        Self {
            machine: model.machine,
            program: model.program,
            workload: model.workload,
            comparisons: model.pairs,
            variance: model.variance,
            degrees: model.degrees,
            total_variance: model.total_variance,
        }
    }

    fn model(self) -> NoiseModel {
        NoiseModel {
            machine: self.machine,
            program: self.program,
            workload: self.workload,
            pairs: self.comparisons,
            variance: self.variance,
            degrees: self.degrees,
            total_variance: self.total_variance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::{Fact, Fingerprint};

    fn model(program: &str, workload: &str, variance: f64) -> NoiseModel {
        NoiseModel {
            machine: "AMD EPYC, 2".into(),
            program: program.into(),
            workload: workload.into(),
            pairs: 3,
            variance,
            degrees: 8.0,
            total_variance: 2.0 * variance,
        }
    }

    fn run(program: &str, workload: &str) -> Run {
        let machine = [("cpu", "AMD EPYC"), ("cpus", "2")];
        let machine = machine.map(|(key, value)| Fact::new(key, value));
        Run {
            program: program.into(),
            fingerprint: Fingerprint {
                workload: workload.into(),
                machine: machine.into(),
                ..Fingerprint::default()
            },
            ..Run::default()
        }
    }

    #[test]
    fn one_model_a_program_and_workload() {
        let folder = std::env::temp_dir().join(format!("hotpoll-noise-{}", std::process::id()));
        let path = folder.join("deep/noise.json");
        for (program, workload, variance) in [
            ("a", "", 1e-4),
            ("b", "", 2e-4),
            ("a", "", 3e-4),
            ("a", "w", 4e-4),
        ] {
            keep(&path, &model(program, workload, variance)).unwrap();
        }
        let kept = [
            model("b", "", 2e-4),
            model("a", "", 3e-4),
            model("a", "w", 4e-4),
        ];
        assert_eq!(read(&path).unwrap(), kept);
        let find = |program, workload| find(Some(&path), &run(program, workload)).unwrap().0;
        assert_eq!(find("a", ""), Some(kept[1].clone()));
        assert_eq!(find("a", "w"), Some(kept[2].clone()));
        // Asked for, and of others: `compare` says that it was left out.
        assert_eq!(find("c", ""), Some(kept[0].clone()));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_found_before() {
        let file = std::env::temp_dir().join(format!("hotpoll-noise-file-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        let failure = check_writable(&file.join("noise.json")).unwrap_err();
        assert!(failure.to_string().contains("cannot write"), "{failure}");
        std::fs::remove_file(&file).unwrap();
        check_writable(&file).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn files_that_hold_none() {
        let name = format!("hotpoll-noise-wrong-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut negative = model("a", "", 1e-4);
        negative.total_variance = -1.0;
        keep(&path, &negative).unwrap();
        for text in [
            std::fs::read_to_string(&path).unwrap(),
            "{\"version\": 3, \"models\": []}".to_owned(),
            "{\"version\": 2}".to_owned(),
            "noise".to_owned(),
        ] {
            std::fs::write(&path, &text).unwrap();
            let failure = read(&path).unwrap_err().to_string();
            assert!(failure.contains("that this hotpoll can read"), "{failure}");
        }
        // The first version had models of no program.
        std::fs::write(
            &path,
            "{\"version\": 1, \"models\": [{\"machine\": \"x\"}]}",
        )
        .unwrap();
        assert_eq!(read(&path).unwrap(), []);
        std::fs::remove_file(path).unwrap();
    }
}
