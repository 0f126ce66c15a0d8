//! The compiled tables against gimli's own evaluation, at the edges of every row of large real files.

mod unwind_common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gimli::{CieOrFde, EhFrame, UnwindContext, UnwindSection};
use hotpoll_sampler::unwind::{Rule, compile};
use unwind_common::elf::ElfSections;
use unwind_common::oracle::{After, Before, Gimli, step};

/// Memory and registers that are different at each address, so that two rules that differ give different steps.
fn scrambled(address: u64) -> u64 {
    address.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ 0x5555_5555
}

#[derive(Default, Debug)]
struct Compared {
    addresses: u64,
    equal: u64,
    outermost: u64,
    beyond_tables: u64,
    gaps: u64,
    functions: u64,
}

/// Compares at the first, last and a middle address of each row that gimli gives, and in the gaps between entries.
fn compare(file: &ElfSections) -> Compared {
    let sections = file.sections();
    let begun = Instant::now();
    let table = compile(&sections);
    let time = begun.elapsed();
    println!(
        "{}: {:?}, {:.1} ms, .eh_frame {} bytes",
        file.path.display(),
        table.size(),
        time.as_secs_f64() * 1e3,
        sections.eh_frame.len()
    );
    assert_eq!(table.size().malformed_entries, 0);

    let gimli = Gimli::new(&sections);
    let mut context = UnwindContext::new();
    let mut compared = Compared::default();
    let mut ranges = BTreeMap::new();
    let mut entries = gimli.eh_frame.entries(&gimli.bases);
    let offset = |address: u64| u32::try_from(address - sections.text.start).unwrap();
    while let Some(entry) = entries.next().unwrap() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let fde = partial.parse(EhFrame::cie_from_offset).unwrap();
        if fde.len() == 0 || !sections.text.contains(&fde.initial_address()) {
            continue;
        }
        ranges.insert(fde.initial_address(), fde.end_address());
        compared.functions += 1;
        for address in [fde.initial_address(), fde.end_address() - 1] {
            assert_eq!(
                table.function_start(offset(address)),
                Some(offset(fde.initial_address())),
                "{address:#x}"
            );
        }
        let mut rows = fde
            .rows(&gimli.eh_frame, &gimli.bases, &mut context)
            .unwrap();
        while let Some(row) = rows.next_row().unwrap() {
            let (start, end) = (
                row.start_address(),
                row.end_address().min(fde.end_address()),
            );
            if start >= end {
                continue;
            }
            for address in [start, start + (end - start) / 2, end - 1] {
                let memory = |address| Some(scrambled(address));
                let others = |number: u16| scrambled(address ^ number as u64) & !7;
                let before = Before {
                    pc: address,
                    sp: scrambled(address) & !7,
                    bp: scrambled(!address) & !7,
                    others: &others,
                    memory: &memory,
                };
                let expected = gimli.step(row, fde.cie().encoding(), before);
                let ours = step(table.rule(offset(address)), before);
                compared.addresses += 1;
                assert_eq!(
                    ours,
                    expected,
                    "{} at {address:#x}: {:?}, gimli {row:?}",
                    file.path.display(),
                    table.rule(offset(address))
                );
                match ours {
                    After::Caller { .. } => compared.equal += 1,
                    After::Outermost => compared.outermost += 1,
                    After::BeyondTables => compared.beyond_tables += 1,
                    After::Unknown => panic!("memory is readable everywhere"),
                }
            }
        }
    }
    let mut previous_end = sections.text.start;
    for (&start, &end) in &ranges {
        if start > previous_end {
            for address in [previous_end, start - 1] {
                compared.gaps += 1;
                assert_eq!(
                    table.rule(offset(address)),
                    Rule::NoUnwindInfo,
                    "{address:#x} lies between entries"
                );
                assert_eq!(table.function_start(offset(address)), None);
            }
        }
        previous_end = end.max(previous_end);
    }
    println!("  {compared:?}");
    assert_eq!(compared.functions, table.size().functions as u64);
    compared
}

fn toolchain_libraries() -> Vec<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc)
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc runs");
    let folder = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("lib");
    let files = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    files.filter(|path| path.is_file()).collect()
}

#[test]
fn this_program() {
    let compared = compare(&ElfSections::read("/proc/self/exe").unwrap());
    assert!(compared.functions > 1000 && compared.equal > 10_000);
}

#[test]
fn system_libraries() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths: Vec<_> = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| line[at..].to_owned()))
        .collect();
    let libc = paths
        .iter()
        .find(|path| path.contains("libc.so"))
        .expect("a program linked with libc")
        .clone();
    for other in [
        "libstdc++.so.6",
        "libm.so.6",
        "libcrypto.so.3",
        "libpython3.11.so.1.0",
    ] {
        paths.push(
            Path::new(&libc)
                .with_file_name(other)
                .to_string_lossy()
                .into_owned(),
        );
    }
    paths.sort();
    paths.dedup();
    let compared: Vec<_> = paths
        .iter()
        .filter_map(ElfSections::read)
        .map(|file| compare(&file))
        .collect();
    assert!(compared.len() >= 3);
}

/// The compiler's own libraries: over 100 MB, and rules in great variety. Takes a while, so only the smaller part by default.
#[test]
fn compiler_libraries() {
    let long = std::env::var_os("HOTPOLL_TEST_LONG").is_some();
    for path in toolchain_libraries() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if (name.contains("rustc_driver") || long)
            && let Some(file) = ElfSections::read(&path)
        {
            compare(&file);
        }
    }
}
