//! Writes profile files so that nobody ever sees half of one.

use crate::exit::Failure;
use hotpoll_profile::{Profile, pprof};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a profile: a temporary file beside it, then a rename. What was there before stays until then.
pub fn write(path: &Path, profile: &Profile) -> Result<(), Failure> {
    let encoded = pprof::encode_gzip(profile);
    replace(path, &encoded).map_err(|error| Failure::writing(path, &error))
}

/// Makes sure that a file can be written there, before anybody works for it.
pub fn check(path: &Path) -> Result<(), Failure> {
    let checked = match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => File::options().write(true).open(path).map(drop),
        _ => {
            let temporary = beside(path);
            let _ = std::fs::remove_file(&temporary);
            File::create_new(&temporary).map(|_| {
                let _ = std::fs::remove_file(&temporary);
            })
        }
    };
    checked.map_err(|error| Failure::writing(path, &error))
}

/// Writes a file: a temporary one beside it, then a rename.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A rename would put a file in the place of /dev/stdout or a pipe.
    if let Ok(there) = std::fs::metadata(path)
        && !there.is_file()
    {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let temporary = beside(path);
    // Left behind by a process with our PID that was killed while writing.
    let _ = std::fs::remove_file(&temporary);
    let written = File::options()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Nobody needs half of a file, least of all on a full disk.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// In the same folder, as a rename does not reach across file systems.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("hotpoll-write-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let folder = folder("replaces");
        let path = folder.join("p.pb.gz");
        for duration_ns in [1, 2] {
            let profile = Profile {
                duration_ns,
                ..Profile::default()
            };
            write(&path, &profile).unwrap();
            let read = pprof::decode(&std::fs::read(&path).unwrap()).unwrap();
            assert_eq!(read.duration_ns, duration_ns);
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn no_such_folder() {
        let folder = folder("missing");
        let failure = write(&folder.join("no/p.pb.gz"), &Profile::default()).unwrap_err();
        assert!(
            failure.to_string().contains("create the folder first"),
            "{failure}"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_full_disk() {
        let full = Path::new("/dev/full");
        let failure = write(full, &Profile::default()).unwrap_err();
        assert!(failure.to_string().contains("make room"), "{failure}");
        assert!(!std::fs::metadata(full).unwrap().is_file());
    }
}
