//! Where to look for symbols, and where to keep what was found.

use std::{env, path::PathBuf};

/// Where [`symbolize`](super::symbolize) looks, and what it may do.
///
/// The default suits a library in somebody's process: nothing is written, no file is mapped.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where found names are kept for the next time ([`default_cache_dir`]); `None` keeps nothing.
    pub cache_dir: Option<PathBuf>,
    /// Folders of separate debug files, laid out as distributions do (`.build-id/xx/yyyy.debug`, `usr/bin/name.debug`).
    pub debug_dirs: Vec<PathBuf>,
    /// Files the user named: matched to modules by build ID; by file name, with a hint that says so, where one side has no build ID.
    pub binaries: Vec<PathBuf>,
    /// What the process sees as `/`, such as `/proc/PID/root` for a process in a container.
    pub root: Option<PathBuf>,
    /// The process, while it is alive: a binary that was deleted or replaced can still be read through it.
    pub pid: Option<u32>,
    /// Map files instead of reading them: faster and smaller for big debug info. Somebody who truncates a mapped file kills the
    /// reader with SIGBUS: a command may take that risk for itself, a guest in somebody's process may not.
    pub map_files: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_dir: None,
            debug_dirs: vec![PathBuf::from("/usr/lib/debug")],
            binaries: Vec::new(),
            root: None,
            pid: None,
            map_files: false,
        }
    }
}

/// The user's folder for found names: `$XDG_CACHE_HOME/hotpoll`, or `~/.cache/hotpoll`. `None` where neither is known.
pub fn default_cache_dir() -> Option<PathBuf> {
    // The XDG specification wants relative paths ignored.
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("hotpoll"))
}
