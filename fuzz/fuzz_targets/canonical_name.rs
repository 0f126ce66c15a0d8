//! Any text as a symbol, a name from DWARF or a path: no panic, no endless work, a bounded result.
#![no_main]

use hotpoll_profile::canonical_path;
use hotpoll_profile::name::{Generics, canonical_name_with};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|name: &str| {
    for generics in [Generics::Collapse, Generics::Keep] {
        let canonical = canonical_name_with(name, generics);
        assert!(canonical.len() < 5000);
        assert_eq!(canonical.is_empty(), name.is_empty());
    }
    assert!(canonical_path(name).len() < 5000);
});
