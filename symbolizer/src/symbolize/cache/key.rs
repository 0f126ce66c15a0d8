//! What a build is called in the cache.

use hotpoll_profile::Module;

use crate::symbolize::elf::Facts;

/// Longer build IDs are no build IDs; 20 bytes are usual.
const MAX_BUILD_ID_BYTES: usize = 64;

/// The name of a build's file in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::symbolize) struct Key(String);

impl Key {
    /// The build ID; without one, the file as it lies on this disk (device, inode, size, times). `None` where there is neither.
    pub(in crate::symbolize) fn of(module: &Module, object: Option<&Facts>) -> Option<Self> {
        let build_id = match (module.build_id.as_slice(), object) {
            ([], Some(facts)) => &facts.build_id,
            (build_id, _) => build_id,
        };
        if build_id.len() > MAX_BUILD_ID_BYTES {
            return None;
        }
        if build_id.is_empty() {
            let stamp = object?.stamp?;
            return Some(Self(format!("file-{:016x}", stamp.hash())));
        }
        Some(Self(
            build_id.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    pub(super) fn file_name(&self) -> String {
        format!("{}.symbols", self.0)
    }
}
