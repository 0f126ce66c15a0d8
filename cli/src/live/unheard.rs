//! Processes that run hotpoll without a socket, and why they have none.
//!
//! Such a process cannot be asked for the reason: its folders are looked at as it sees them.

use super::process::{self, ProcessFacts};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folders that an agent tries, as `src/socket/directory.rs` has them; `$XDG_RUNTIME_DIR` comes before them.
pub const FOLDERS: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// What to do about it.
pub const NEXT: &str = "give it an XDG_RUNTIME_DIR that is a folder of its own user's, or make /tmp writable to it, and start it again; \
     HOTPOLL_OUT=name-%p.pb.gz in its environment keeps a file without a socket";

/// Those of these processes that run hotpoll; for processes without a socket.
pub fn among(processes: Vec<ProcessFacts>) -> Vec<ProcessFacts> {
    (processes.into_iter())
        .filter(|process| !process.zombie && !process.kernel && process::has_agent(process.pid))
        .collect()
}

/// Why the process has no socket, as far as its folders show it now: half a sentence.
pub fn why(process: &ProcessFacts) -> String {
    let root = PathBuf::from(format!("/proc/{}/root", process.pid));
    let reasons: Vec<String> = FOLDERS
        .iter()
        .filter_map(|folder| obstacle(&root, folder, process.uid))
        .collect();
    match reasons.len() {
        FOLDER_COUNT => reasons.join("; "),
        // One of them would do, now: it was otherwise at the start, or is not ours to see.
        _ => "it found no folder for one when it started".to_owned(),
    }
}

const FOLDER_COUNT: usize = FOLDERS.len();

/// Why a user's socket cannot be made in a shared folder.
fn obstacle(root: &Path, folder: &str, uid: u32) -> Option<String> {
    let place = root.join(folder.trim_start_matches('/'));
    let Ok(shared) = fs::metadata(&place) else {
        return Some(format!("there is no {folder}"));
    };
    let read_only = nix::sys::statvfs::statvfs(&place).is_ok_and(|facts| {
        facts
            .flags()
            .contains(nix::sys::statvfs::FsFlags::ST_RDONLY)
    });
    if read_only {
        return Some(format!("{folder} is read-only"));
    }
    let name = format!("hotpoll-{uid}");
    match fs::symlink_metadata(place.join(&name)) {
        Ok(found) if !found.is_dir() => Some(format!("{folder}/{name} is not a folder")),
        Ok(found) if found.uid() != uid => {
            Some(format!("{folder}/{name} belongs to user {}", found.uid()))
        }
        Ok(found) if found.mode() & 0o077 != 0 => {
            Some(format!("{folder}/{name} is open to others"))
        }
        Ok(_) => None,
        // Everybody may write there, or its owner; of groups nothing is known.
        Err(_) if uid == 0 || shared.mode() & 0o002 != 0 => None,
        Err(_) if shared.uid() == uid && shared.mode() & 0o200 != 0 => None,
        Err(_) => Some(format!("{folder} is not writable to user {uid}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_stands_in_the_way() {
        let root = std::env::temp_dir().join(format!("hotpoll-unheard-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let tmp = root.join("tmp");
        fs::create_dir_all(&tmp).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&tmp, 0o1777);
        let uid = fs::metadata(&tmp).unwrap().uid();
        let now = |uid| obstacle(&root, "/tmp", uid);
        assert_eq!(now(uid), None);
        assert_eq!(
            obstacle(&root, "/dev/shm", uid).unwrap(),
            "there is no /dev/shm"
        );
        let own = tmp.join(format!("hotpoll-{uid}"));
        fs::create_dir(&own).unwrap();
        mode(&own, 0o700);
        assert_eq!(now(uid), None);
        mode(&own, 0o755);
        assert!(now(uid).unwrap().ends_with("is open to others"));
        let theirs = uid + 1;
        fs::create_dir(tmp.join(format!("hotpoll-{theirs}"))).unwrap();
        assert!(
            now(theirs)
                .unwrap()
                .ends_with(&format!("belongs to user {uid}"))
        );
        mode(&tmp, 0o755);
        let third = uid + 2;
        assert_eq!(
            now(third).unwrap(),
            format!("/tmp is not writable to user {third}")
        );
        fs::remove_dir_all(&root).unwrap();
    }
}
