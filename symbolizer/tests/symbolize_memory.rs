//! A guest gives back what it took: files, mappings, and memory but for what the allocator keeps for the next time.

// Alone in its file: it looks at the whole process.

mod support;

use std::fs;

use object::{Object, ObjectSymbol, SymbolKind};
use support::{build_id, options, profile, symbolize_one};

fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kb = line.unwrap().split_whitespace().nth(1).unwrap();
    kb.parse().unwrap()
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn mappings_of(program: &str) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(program)).count()
}

#[test]
fn nothing_stays_open_and_memory_does_not_grow() {
    let program = std::env::current_exe().unwrap();
    let name = program.to_str().unwrap();
    let id = build_id(&program);
    let addresses: Vec<u64> = {
        let bytes = fs::read(&program).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let functions = file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
        functions
            .map(|symbol| symbol.address())
            .step_by(16)
            .collect()
    };
    let (files, mappings) = (open_files(), mappings_of(name));
    // More would be a leak: the debug info that one round reads is over 20 MB.
    let max_growth_kb = 8 * 1024;
    let mut resident = Vec::new();
    for map_files in [false, true] {
        for _ in 0..4 {
            let mut profile = profile(&program, id.clone(), &addresses);
            let options = hotpoll_symbolizer::symbolize::Options {
                map_files,
                ..options()
            };
            let module = symbolize_one(&mut profile, &options);
            assert!(module.with_lines * 2 > module.addresses, "{module:?}");
            drop((profile, module));
            assert_eq!((open_files(), mappings_of(name)), (files, mappings));
            resident.push(resident_kb());
        }
    }
    // The allocator keeps a round's memory now and then and gives it back later, so one round says nothing: a leak would be in all of the last.
    let least = |rounds: &[u64]| rounds.iter().copied().min().unwrap_or(0);
    let (early, late) = (least(&resident[1..4]), least(&resident[5..]));
    assert!(late < early + max_growth_kb, "{resident:?} kB");
    println!(
        "{} addresses, resident after each round: {resident:?} kB",
        addresses.len()
    );
}
