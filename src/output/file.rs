//! Writing the file whole or not at all.

use hotpoll_profile::{Profile, pprof};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a profile as gzipped pprof in place of what is at `path`.
pub(crate) fn write_profile(path: &Path, profile: &Profile) -> io::Result<()> {
    replace(path, &pprof::encode_gzip(profile))
}

/// Finds out whether a file could be written at `path`, without touching what is there.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let temporary = Temporary::create(path)?;
    drop(temporary);
    Ok(())
}

/// Readers see the old file or the new one. A link at `path` is replaced, not followed.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = Temporary::create(path)?;
    temporary.file.write_all(bytes)?;
    temporary.rename(path)
}

/// A file beside the one to be written; removed unless renamed.
struct Temporary {
    file: File,
    path: Option<PathBuf>,
}

impl Temporary {
    fn create(beside: &Path) -> io::Result<Self> {
        let name = beside.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        // Of this process alone, and each of its threads: two may write the same path at the same time.
        let thread = format!("{:?}", std::thread::current().id());
        let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
        hidden.push(format!(".{}-{thread}.tmp", std::process::id()));
        let path = beside.with_file_name(hidden);
        // Left behind by an earlier process with this PID that was killed while writing.
        let _ = fs::remove_file(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // create_new is O_EXCL, which does not follow a link either; this says so.
            options.custom_flags(libc::O_NOFOLLOW);
        }
        Ok(Self {
            file: options.open(&path)?,
            path: Some(path),
        })
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, to)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A folder of its own for each test, removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hotpoll-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn replaces_the_file_and_leaves_nothing_else() {
        let folder = Folder::new("replace");
        let path = folder.0.join("x.pb.gz");
        fs::write(&path, "old").unwrap();
        write_profile(&path, &Profile::default()).unwrap();
        assert_eq!(
            pprof::decode(&fs::read(&path).unwrap()).unwrap(),
            Profile::default()
        );
        assert_eq!(folder.names(), ["x.pb.gz"]);
    }

    #[test]
    fn a_link_is_replaced_and_its_target_kept() {
        let folder = Folder::new("link");
        let (target, link) = (folder.0.join("precious"), folder.0.join("x.pb.gz"));
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_profile(&link, &Profile::default()).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }

    #[test]
    fn asking_leaves_what_is_there() {
        let folder = Folder::new("ask");
        let path = folder.0.join("x.pb.gz");
        check_writable(&path).unwrap();
        assert!(folder.names().is_empty());
        fs::write(&path, "old").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_folder_and_a_missing_folder_are_no_place() {
        let folder = Folder::new("nowhere");
        let error = check_writable(&folder.0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        let error = check_writable(&folder.0.join("no/x")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
