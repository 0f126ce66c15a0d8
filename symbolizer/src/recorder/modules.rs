//! Which module each location lies in.

use hotpoll_profile::{Module, Profile};

/// Puts the modules into the profile and tells each location which one it lies in. Where two were loaded at the same
/// place one after the other, the later in the list is taken.
pub fn attach_modules(profile: &mut Profile, modules: &[Module]) {
    let mut by_start: Vec<u32> = (0..modules.len() as u32).collect();
    by_start.sort_by_key(|&module| (modules[module as usize].start, module));
    for location in &mut profile.locations {
        let after =
            by_start.partition_point(|&module| modules[module as usize].start <= location.address);
        let started = &by_start[..after];
        // The nearest start below is nearly always it; a module that was unloaded may lie across a later one.
        let nearest = started.last().copied();
        location.module = nearest
            .filter(|&module| modules[module as usize].contains(location.address))
            .or_else(|| {
                let holds = |module: &u32| modules[*module as usize].contains(location.address);
                started.iter().copied().filter(holds).max()
            });
    }
    profile.modules = modules.to_vec();
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::Location;

    fn check(modules: &[(u64, u64)], address: u64, expected: Option<u32>) {
        let modules: Vec<Module> = modules
            .iter()
            .map(|&(start, end)| Module {
                start,
                end,
                ..Module::default()
            })
            .collect();
        let mut profile = Profile {
            locations: vec![Location {
                address,
                ..Location::default()
            }],
            ..Profile::default()
        };
        attach_modules(&mut profile, &modules);
        assert_eq!(profile.locations[0].module, expected);
        assert_eq!(profile.modules.len(), modules.len());
    }

    #[test]
    fn inside() {
        check(&[(0x5000, 0x6000), (0x1000, 0x2000)], 0x1fff, Some(1));
    }

    #[test]
    fn between_two() {
        check(&[(0x1000, 0x2000), (0x5000, 0x6000)], 0x2000, None);
    }

    #[test]
    fn below_all() {
        check(&[(0x1000, 0x2000)], 0xfff, None);
    }

    #[test]
    fn loaded_again_at_the_same_place() {
        check(&[(0x1000, 0x2000), (0x1000, 0x2000)], 0x1800, Some(1));
    }

    #[test]
    fn a_small_one_inside_the_place_of_an_unloaded_one() {
        check(&[(0x1000, 0x9000), (0x2000, 0x3000)], 0x4000, Some(0));
        check(&[(0x1000, 0x9000), (0x2000, 0x3000)], 0x2800, Some(1));
    }
}
