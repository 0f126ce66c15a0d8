//! Names for addresses: reads object files and DWARF, fills a profile's functions and lines.
//!
//! In: a [`Profile`](hotpoll_profile::Profile) with addresses and modules, and where to look. Out: the same profile with
//! [`Location::lines`](hotpoll_profile::Location::lines) filled, and a [`Summary`] that says for every module where its names came
//! from and what would make them better. Nothing here is an error to the caller: an unknown symbol is a frame with an address.
//!
//! One module's way: `locate` finds its files and proves that they are the ones that ran; `cache` answers what an earlier
//! run knew; `lookup` reads symbol table and DWARF for the rest; `run` puts the frames into the profile.

mod arena;
mod build_facts;
mod cache;
mod closure;
mod code_facts;
mod debug_link;
mod declaration;
mod dwarf;
mod elf;
mod file_bytes;
mod frame;
mod functions;
mod hint;
mod locate;
mod lookup;
mod mini;
mod name;
mod options;
mod pending;
mod plt;
mod proc_maps;
mod run;
mod scope;
mod search_path;
mod sections;
mod split;
mod summary;
mod symbol_table;
mod unit_facts;
mod vdso;

pub use build_facts::build_facts;
pub use options::{Options, default_cache_dir};
pub use run::symbolize;
pub use summary::{ModuleSymbols, Source, Summary};

/// For fuzzing: any bytes as a file of the cache.
#[cfg(fuzzing)]
pub fn check_cache_file(bytes: &[u8]) {
    cache::check(bytes);
}
