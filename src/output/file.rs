//! Writing the file whole or not at all, in place of a file and of nothing else.

use hotpoll_profile::{Profile, pprof};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a profile as gzipped pprof in place of what is at `path`.
pub(crate) fn write_profile(path: &Path, profile: &Profile) -> io::Result<()> {
    replace(path, &pprof::encode_gzip(profile))
}

/// The error with its path and what to do, of the same kind: the system's words alone name neither.
pub(crate) fn explain(path: &Path, error: io::Error) -> io::Error {
    let sentence = if path.as_os_str().is_empty() {
        "the profile cannot be written: the path is empty; name a file".to_owned()
    } else {
        format!(
            "the profile cannot be written to {}: {error}; name a file in a folder that exists and is writable",
            path.display()
        )
    };
    io::Error::new(error.kind(), sentence)
}

/// Finds out whether a file could be written at `path`, without touching what is there.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    check_place(path)?;
    let temporary = Temporary::create(path)?;
    drop(temporary);
    Ok(())
}

/// Refuses what is there and is neither a file nor a link to one. The new file takes the place of what is at the path: of a device, to a process that
/// may write in `/dev`, so that `/dev/null` would be a file for all the system from then on.
fn check_place(path: &Path) -> io::Result<()> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|at| at.is_symlink());
    match fs::metadata(path) {
        Ok(at) if at.is_file() => Ok(()),
        Ok(at) if at.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Err(io::Error::other(
            "a device, a pipe or a socket is there, which a file would replace",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_link => Err(io::Error::other(
            "a link to nothing is there, which a file would replace",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Readers see the old file or the new one. A link at `path` is replaced, not followed.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    check_place(path)?;
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
    fn what_is_no_file_is_left_alone() {
        use std::os::unix::fs::FileTypeExt;
        let folder = Folder::new("fifo");
        let (fifo, link, dangling) = (
            folder.0.join("fifo"),
            folder.0.join("link"),
            folder.0.join("dangling"),
        );
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let socket = folder.0.join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        std::os::unix::fs::symlink(folder.0.join("none"), &dangling).unwrap();
        let before = folder.names();
        for path in [&fifo, &link, &dangling, &socket, Path::new("/dev/null")] {
            for result in [
                check_writable(path),
                write_profile(path, &Profile::default()),
            ] {
                let said = result.unwrap_err().to_string();
                assert!(
                    said.ends_with("is there, which a file would replace"),
                    "{said}"
                );
            }
        }
        assert_eq!(folder.names(), before);
        assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
        let null = fs::metadata("/dev/null").unwrap();
        assert!(null.file_type().is_char_device());
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
    fn an_error_names_the_path_and_the_next_step() {
        for (path, said) in [
            ("", "the path is empty; name a file"),
            ("/nosuch/x", "cannot be written to /nosuch/x: "),
        ] {
            let path = Path::new(path);
            let error = write_profile(path, &Profile::default()).unwrap_err();
            let kind = error.kind();
            let explained = explain(path, error);
            assert!(explained.to_string().contains(said), "{explained}");
            assert_eq!(explained.kind(), kind);
        }
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
