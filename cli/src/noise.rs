//! What is known of how runs of one build differ on a machine: kept in a file between `hotpoll aa`, which learns it, and `hotpoll diff`.
//!
//! The file is JSON, one model a class of machine: `$XDG_STATE_HOME/hotpoll/noise.json`, or `~/.local/state/hotpoll/noise.json`.

use crate::exit::Failure;
use crate::profile_file;
use hotpoll_compare::NoiseModel;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The format's version: a file of another is refused.
const VERSION: u32 = 1;
/// A file of more is none of ours.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    models: Vec<Model>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Model {
    machine: String,
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
    let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))?;
    let kept: Option<Kept> = match size {
        0..=MAX_BYTES => serde_json::from_str(&text).ok(),
        _ => None,
    };
    match kept {
        Some(kept) if kept.version == VERSION => {
            Ok(kept.models.into_iter().map(Model::model).collect())
        }
        _ => Err(Failure::new(format!(
            "{} holds no noise models that this hotpoll can read",
            path.display()
        ))
        .next("let `hotpoll aa` write it anew")),
    }
}

/// The model of this class of machine, from the file that was named, or from the usual one, which need not be there.
pub fn find(path: Option<&Path>, machine: &str) -> Result<Option<NoiseModel>, Failure> {
    let models = match path {
        Some(path) => read(path)?,
        None => match default_path().filter(|path| path.exists()) {
            Some(path) => read(&path)?,
            None => Vec::new(),
        },
    };
    // One that does not fit is given where it was asked for: the comparison says that it was left out.
    let other = path.and_then(|_| models.first().cloned());
    let fits = models.into_iter().find(|model| model.machine == machine);
    Ok(fits.or(other))
}

/// Puts a model into a file, in the place of the one for the same machine.
pub fn keep(path: &Path, model: &NoiseModel) -> Result<(), Failure> {
    let mut models = match path.exists() {
        true => read(path)?,
        false => Vec::new(),
    };
    models.retain(|other| other.machine != model.machine);
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
    fn of(model: NoiseModel) -> Self {
        Self {
            machine: model.machine,
            comparisons: model.pairs,
            variance: model.variance,
            degrees: model.degrees,
            total_variance: model.total_variance,
        }
    }

    fn model(self) -> NoiseModel {
        NoiseModel {
            machine: self.machine,
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

    #[test]
    fn one_model_a_machine() {
        let folder = std::env::temp_dir().join(format!("hotpoll-noise-{}", std::process::id()));
        let path = folder.join("deep/noise.json");
        let model = |machine: &str, variance: f64| NoiseModel {
            machine: machine.into(),
            pairs: 3,
            variance,
            degrees: 8.0,
            total_variance: 2.0 * variance,
        };
        for (machine, variance) in [("a", 1e-4), ("b", 2e-4), ("a", 3e-4)] {
            keep(&path, &model(machine, variance)).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [model("b", 2e-4), model("a", 3e-4)]);
        assert_eq!(find(Some(&path), "a").unwrap(), Some(model("a", 3e-4)));
        assert_eq!(find(Some(&path), "c").unwrap(), Some(model("b", 2e-4)));
        std::fs::write(&path, "{\"version\": 2, \"models\": []}").unwrap();
        let failure = read(&path).unwrap_err().to_string();
        assert!(failure.contains("that this hotpoll can read"), "{failure}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
