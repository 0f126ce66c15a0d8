//! The paths that a file may have here: inside the container, outside it, beside the binary.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::Options;

/// Turns the paths that a process or a compiler knew into paths to try.
pub(super) struct SearchPath<'a> {
    options: &'a Options,
    /// Folders that hold the binary or its debug file.
    beside: Vec<PathBuf>,
}

impl<'a> SearchPath<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            beside: Vec::new(),
        }
    }

    /// Remembers that the file's neighbours may belong to it.
    pub(super) fn add_neighbours(&mut self, file: &Path) {
        let real = file.canonicalize();
        for folder in [Some(file), real.as_deref().ok()]
            .into_iter()
            .flatten()
            .filter_map(Path::parent)
        {
            if !self.beside.iter().any(|known| known == folder) {
                self.beside.push(folder.to_path_buf());
            }
        }
    }

    pub(super) fn map_files(&self) -> bool {
        self.options.map_files
    }

    /// The path as the process sees it first, then as we do.
    pub(super) fn both_roots(&self, path: &Path) -> Vec<PathBuf> {
        let inside = self.options.root.as_deref().map(|root| under(root, path));
        inside.into_iter().chain([path.to_path_buf()]).collect()
    }

    /// Where a debug file with this build ID may be.
    pub(super) fn by_build_id(&self, build_id: &[u8]) -> Vec<PathBuf> {
        let [first, rest @ ..] = build_id else {
            return Vec::new();
        };
        if rest.is_empty() {
            return Vec::new();
        }
        let rest: String = rest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!(".build-id/{first:02x}/{rest}.debug");
        self.options
            .debug_dirs
            .iter()
            .flat_map(|dir| self.both_roots(&dir.join(&name)))
            .collect()
    }

    /// Where the file that `.gnu_debuglink` names may be: beside the binary, in its `.debug` folder, under the debug folders.
    pub(super) fn by_debug_link(&self, name: &Path) -> Vec<PathBuf> {
        // The link holds a file name; one with folders could point anywhere.
        let Some(name) = name.file_name() else {
            return Vec::new();
        };
        let mut paths = Vec::new();
        for folder in &self.beside {
            paths.push(folder.join(name));
            paths.push(folder.join(".debug").join(name));
        }
        for dir in &self.options.debug_dirs {
            for folder in &self.beside {
                let inside = self
                    .options
                    .root
                    .as_deref()
                    .and_then(|root| folder.strip_prefix(root).ok())
                    .unwrap_or(folder);
                paths.extend(self.both_roots(&under(dir, inside).join(name)));
            }
        }
        paths
    }

    /// Where the file that dwz moved shared debug info to may be; the name is relative to the file that names it.
    pub(super) fn by_alt_link(&self, name: &Path, build_id: &[u8]) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = if name.is_absolute() {
            self.both_roots(name)
        } else {
            self.beside.iter().map(|folder| folder.join(name)).collect()
        };
        paths.extend(self.by_build_id(build_id));
        paths
    }

    /// Where a `.dwo` file may be that the compiler wrote at this path.
    pub(super) fn split_files(&self, built_as: &Path) -> Vec<PathBuf> {
        let mut paths = self.both_roots(built_as);
        if let Some(name) = built_as.file_name() {
            paths.extend(self.beside.iter().map(|folder| folder.join(name)));
        }
        paths
    }

    /// Where the package of a binary's split debug info may be.
    pub(super) fn packages(&self, binaries: &[&Path]) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for binary in binaries {
            let Some(name) = binary.file_name() else {
                continue;
            };
            let name: OsString = [name, ".dwp".as_ref()].into_iter().collect();
            paths.push(binary.with_file_name(&name));
            paths.extend(self.beside.iter().map(|folder| folder.join(&name)));
        }
        paths
    }
}

/// An absolute path below another root. `join` would forget the root.
pub(super) fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Options, SearchPath};

    #[test]
    fn looks_inside_the_container_first() {
        let options = Options {
            root: Some(PathBuf::from("/proc/7/root")),
            debug_dirs: vec![PathBuf::from("/usr/lib/debug")],
            ..Options::default()
        };
        let search = SearchPath::new(&options);
        assert_eq!(
            search.by_build_id(&[0xab, 0x01, 0xff]),
            [
                PathBuf::from("/proc/7/root/usr/lib/debug/.build-id/ab/01ff.debug"),
                PathBuf::from("/usr/lib/debug/.build-id/ab/01ff.debug"),
            ]
        );
        assert_eq!(search.by_build_id(&[0xab]), Vec::<PathBuf>::new());
        assert_eq!(search.by_build_id(&[]), Vec::<PathBuf>::new());
    }

    #[test]
    fn debug_link_cannot_leave_the_folders() {
        let options = Options::default();
        let mut search = SearchPath::new(&options);
        search.add_neighbours(Path::new("/opt/none/app"));
        assert_eq!(
            search.by_debug_link(Path::new("../../etc/app.debug")),
            [
                PathBuf::from("/opt/none/app.debug"),
                PathBuf::from("/opt/none/.debug/app.debug"),
                PathBuf::from("/usr/lib/debug/opt/none/app.debug"),
            ]
        );
    }
}
