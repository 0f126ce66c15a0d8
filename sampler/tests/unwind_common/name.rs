//! A name for an address, without symbols.

use hotpoll_profile::Module;
use hotpoll_sampler::unwind::Tables;

/// A function's module and the offset of its start.
pub fn name(tables: &Tables, modules: &[Module], address: u64) -> String {
    let module = modules.iter().find(|module| module.contains(address));
    let Some(module) = module else {
        return format!("{address:#x} in no module");
    };
    match tables.function_start(address) {
        Some(start) => format!(
            "{}+{:#x}",
            module.file_name(),
            module.relative_address(start)
        ),
        None => format!("{} (no entry)", module.file_name()),
    }
}
