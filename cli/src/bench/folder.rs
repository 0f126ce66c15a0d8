//! One side's folder of profiles.

use crate::exit::Failure;
use std::path::{Path, PathBuf};

/// How profiles are called: `01.pb.gz` and on.
const ENDING: &str = ".pb.gz";

/// A folder with runs numbered from 1.
#[derive(Debug)]
pub struct Folder {
    /// Where.
    pub path: PathBuf,
    /// The number of the next run.
    pub first: u32,
}

impl Folder {
    /// Makes the folder. One that has runs already is added to only if that is asked for: runs of another build would be taken for this one's.
    pub fn open(output: &Path, name: &str, add: bool) -> Result<Self, Failure> {
        let path = output.join(name);
        std::fs::create_dir_all(&path).map_err(|error| Failure::writing(&path, &error))?;
        let entries = std::fs::read_dir(&path).map_err(|error| Failure::reading(&path, &error))?;
        let numbers = entries.flatten().filter_map(|entry| {
            let name = entry.file_name();
            name.to_str()?.strip_suffix(ENDING)?.parse::<u32>().ok()
        });
        let highest = numbers.max();
        match highest {
            Some(_) if !add => Err(Failure::new(format!("{} has runs already", path.display()))
                .next("--add adds to them; name another folder for other builds")),
            _ => Ok(Self {
                path,
                first: highest.map_or(1, |highest| highest.saturating_add(1)),
            }),
        }
    }

    /// The file of a run.
    pub fn file(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number:02}{ENDING}"))
    }

    /// Nobody wants a folder without a run.
    pub fn remove_if_empty(&self) {
        // It fails where there is something in it.
        let _ = std::fs::remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_numbered_on() {
        let root =
            std::env::temp_dir().join(format!("hotpoll-bench-folder-{}", std::process::id()));
        let folder = Folder::open(&root, "base", false).unwrap();
        assert_eq!(
            (folder.first, folder.file(3)),
            (1, root.join("base/03.pb.gz"))
        );
        std::fs::write(folder.file(12), "").unwrap();
        std::fs::write(folder.path.join("notes.txt"), "").unwrap();
        let failure = Folder::open(&root, "base", false).unwrap_err().to_string();
        assert!(failure.contains("--add"), "{failure}");
        assert_eq!(Folder::open(&root, "base", true).unwrap().first, 13);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
