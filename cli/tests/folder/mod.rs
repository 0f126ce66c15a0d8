//! A folder that goes with the test.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;

/// Removed when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    /// An empty one. Each test of a program has a name of its own for it.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hotpoll-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// What a path in it is called.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A file in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
