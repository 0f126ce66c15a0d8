//! Which addresses of a profile want a name.

use std::collections::BTreeMap;

use hotpoll_profile::{Location, Module, Profile};

/// The frame's name where nothing better is known; the address is the object file's.
pub(super) fn placeholder(module: &Module, relative_address: u64) -> String {
    format!("{}+{relative_address:#x}", module.file_name())
}

/// The addresses of one file, which may be mapped more than once.
pub(super) struct Group {
    /// Indexes into [`Profile::modules`].
    pub(super) modules: Vec<usize>,
    /// Indexes into [`Profile::locations`].
    pub(super) locations: Vec<usize>,
}

/// The locations without a name by the file they lie in, and those that lie in none. `again` tells modules whose names are to be
/// looked up even where there are some.
pub(super) fn collect(
    profile: &Profile,
    again: impl Fn(&Module) -> bool,
) -> (Vec<Group>, Vec<usize>) {
    let mut groups: BTreeMap<(&str, &[u8]), Group> = BTreeMap::new();
    let mut outside = Vec::new();
    for (index, location) in profile.locations.iter().enumerate() {
        let module = location
            .module
            .and_then(|module| Some((module as usize, profile.modules.get(module as usize)?)));
        let Some((module_index, module)) = module else {
            if location.lines.is_empty() {
                outside.push(index);
            }
            continue;
        };
        if is_named(profile, module, location) && !again(module) {
            continue;
        }
        let group = groups
            .entry((&module.path, &module.build_id))
            .or_insert_with(|| Group {
                modules: Vec::new(),
                locations: Vec::new(),
            });
        if !group.modules.contains(&module_index) {
            group.modules.push(module_index);
        }
        group.locations.push(index);
    }
    (groups.into_values().collect(), outside)
}

/// Whether the location has more than the placeholder.
fn is_named(profile: &Profile, module: &Module, location: &Location) -> bool {
    location
        .lines
        .iter()
        .filter_map(|line| profile.functions.get(line.function as usize))
        .any(|function| {
            !function.system_name.is_empty()
                || !function.file.is_empty()
                || !function
                    .name
                    .strip_prefix(module.file_name())
                    .is_some_and(|rest| rest.starts_with("+0x"))
        })
}
