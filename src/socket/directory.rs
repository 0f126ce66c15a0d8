//! Where the socket lies: `PID-STARTTICKS.sock` in a folder that is this user's alone.

use super::sys;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A listening socket, and where it lies.
#[derive(Debug)]
pub(crate) struct Listening {
    pub listener: UnixListener,
    pub path: PathBuf,
}

/// The longest path that the kernel takes for a socket (`sun_path`, with its zero).
const LONGEST_PATH: usize = 107;
/// How many files of the folder are looked at for stale sockets.
const MOST_STALE: usize = 256;

/// Where the folder `hotpoll-UID` may lie, best first. `/tmp` may be read-only, or not there, or somebody may have made our folder in it; a container with
/// a read-only root has `/dev/shm` all the same. The command's sentence for a process without a socket goes through the same folders.
const SHARED_FOLDERS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Binds the socket, in the first folder that will do: `$XDG_RUNTIME_DIR/hotpoll`, else `hotpoll-UID` in `/tmp`, `/var/tmp` or `/dev/shm`. The error is a sentence.
pub(crate) fn bind(pid: u32, start_ticks: u64) -> Result<Listening, String> {
    let candidates = candidates(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
    bind_first(&candidates, pid, start_ticks)
}

fn bind_first(directories: &[PathBuf], pid: u32, start_ticks: u64) -> Result<Listening, String> {
    let mut reasons = Vec::new();
    for directory in directories {
        match bind_in(directory, pid, start_ticks) {
            Ok(listening) => return Ok(listening),
            Err(error) => reasons.push(format!("{}: {error}", directory.display())),
        }
    }
    Err(reasons.join("; "))
}

fn candidates(runtime: Option<PathBuf>) -> Vec<PathBuf> {
    let runtime = runtime.filter(|folder| folder.is_absolute() && folder.is_dir());
    let own = format!("hotpoll-{}", sys::own_uid());
    runtime
        .map(|folder| folder.join("hotpoll"))
        .into_iter()
        .chain(SHARED_FOLDERS.map(|folder| Path::new(folder).join(&own)))
        .collect()
}

fn bind_in(directory: &Path, pid: u32, start_ticks: u64) -> io::Result<Listening> {
    let path = directory.join(format!("{pid}-{start_ticks}.sock"));
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(io::Error::other("the path is too long for a socket"));
    }
    prepare(directory)?;
    // The name is this process's alone: what lies there is from an earlier start of it.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(Listening { listener, path })
}

/// Makes the folder, or checks that the one that is there is a folder (not a link), this user's, and closed to others. In `/tmp`
/// anybody may have made it first.
fn prepare(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(directory)?;
    check(&found, sys::own_uid()).map_err(io::Error::other)
}

fn check(found: &Metadata, uid: u32) -> Result<(), String> {
    if !found.is_dir() {
        return Err("it is not a folder (links are not followed)".into());
    }
    if found.uid() != uid {
        return Err(format!("it belongs to user {}, not to {uid}", found.uid()));
    }
    if found.mode() & 0o077 != 0 {
        return Err(format!(
            "it is open to others (mode {:o}, not 700)",
            found.mode() & 0o777
        ));
    }
    Ok(())
}

/// Removes the sockets of processes that are gone: no such process here, and nobody listens. (A container that shares the folder has
/// processes that this one does not see.)
pub(super) fn remove_stale(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten().take(MOST_STALE) {
        let name = entry.file_name();
        let Some((pid, start_ticks)) = name.to_str().and_then(parse) else {
            continue;
        };
        if !lives(pid, start_ticks) && refuses(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// PID and start of the process that a socket's name stands for.
fn parse(name: &str) -> Option<(u32, u64)> {
    let (pid, start_ticks) = name.strip_suffix(".sock")?.split_once('-')?;
    Some((pid.parse().ok()?, start_ticks.parse().ok()?))
}

fn lives(pid: u32, start_ticks: u64) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let started = stat
        .rsplit_once(')')
        .and_then(|(_, fields)| fields.split_whitespace().nth(22 - 3)?.parse().ok());
    started == Some(start_ticks)
}

fn refuses(path: &Path) -> bool {
    // Blocking only if a live listener's queue is full, and then it is not ours to remove; a dead one refuses at once.
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    UnixStream::connect(path).is_err_and(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hp-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refused(directory: &Path, reason: &str) {
        let error = bind_in(directory, 1, 2).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }

    #[test]
    fn binds_in_a_folder_closed_to_others() {
        let folder = Folder::new("bind");
        let directory = folder.0.join("hotpoll");
        let listening = bind_in(&directory, 42, 777).unwrap();
        assert_eq!(listening.path, directory.join("42-777.sock"));
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&listening.path).unwrap().mode() & 0o777, 0o600);
        UnixStream::connect(&listening.path).unwrap();
        // A second start of the same process takes the place of the first.
        drop(listening);
        bind_in(&directory, 42, 777).unwrap();
    }

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let folder = Folder::new("open");
        let directory = folder.0.join("hotpoll");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        refused(&directory, "open to others (mode 755");
    }

    #[test]
    fn a_link_is_refused_wherever_it_leads() {
        let folder = Folder::new("link");
        let (target, link) = (folder.0.join("mine"), folder.0.join("hotpoll"));
        DirBuilder::new().mode(0o700).create(&target).unwrap();
        symlink(&target, &link).unwrap();
        refused(&link, "not a folder");
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let folder = Folder::new("else");
        let found = fs::symlink_metadata(&folder.0).unwrap();
        let error = check(&found, found.uid() + 1).unwrap_err();
        assert!(error.contains("belongs to user"), "{error}");
    }

    #[test]
    fn the_next_folder_where_one_will_not_do() {
        let folder = Folder::new("next");
        let (taken, free) = (folder.0.join("taken"), folder.0.join("hotpoll-1"));
        fs::write(&taken, "a file, say").unwrap();
        let none = folder.0.join("none/hotpoll-1");
        let listening = bind_first(&[none.clone(), taken.clone(), free.clone()], 1, 2).unwrap();
        assert_eq!(listening.path, free.join("1-2.sock"));
        let why = bind_first(&[none, taken], 1, 2).unwrap_err();
        let reasons: Vec<&str> = why.split("; ").collect();
        assert!(reasons[0].contains("none/hotpoll-1: "), "{why}");
        assert!(
            reasons[1].ends_with("it is not a folder (links are not followed)"),
            "{why}"
        );
    }

    #[test]
    fn a_path_too_long_is_refused_and_said() {
        let folder = Folder::new("long");
        refused(&folder.0.join("x".repeat(100)), "too long");
    }

    #[test]
    fn sockets_of_dead_processes_are_removed_and_no_others() {
        let folder = Folder::new("stale");
        let directory = folder.0.join("hotpoll");
        let socket = |pid, start_ticks| bind_in(&directory, pid, start_ticks).unwrap();
        let me = std::process::id();
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let started: u64 = fields.split_whitespace().nth(19).unwrap().parse().unwrap();
        // PIDs end at 4 194 304.
        let dead = socket(5_000_000, 1).path;
        let earlier = socket(me, started + 1).path;
        let mine = socket(me, started).path;
        let elsewhere = socket(5_000_001, 1);
        let other = directory.join("notes.txt");
        fs::write(&other, "").unwrap();
        remove_stale(&directory);
        assert!(
            !dead.exists(),
            "nobody listens and there is no such process"
        );
        assert!(!earlier.exists(), "an earlier process with this PID");
        assert!(mine.exists(), "this process lives");
        assert!(elsewhere.path.exists(), "somebody listens");
        assert!(other.exists());
    }

    #[test]
    fn the_runtime_folder_comes_first_if_there_is_one() {
        let folder = Folder::new("xdg");
        let uid = sys::own_uid();
        let shared = ["/tmp", "/var/tmp", "/dev/shm"]
            .map(|folder| PathBuf::from(format!("{folder}/hotpoll-{uid}")));
        let found = candidates(Some(folder.0.clone()));
        assert_eq!(found[0], folder.0.join("hotpoll"));
        assert_eq!(found[1..], shared);
        for unusable in [Some(folder.0.join("gone")), Some("relative".into()), None] {
            assert_eq!(candidates(unusable), shared);
        }
    }
}
