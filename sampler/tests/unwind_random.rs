//! Random sections and random stacks, where no fuzzer is at hand: `fuzz/` runs the same checks for longer.

mod unwind_common;

use proptest::collection::vec;
use proptest::prelude::*;
use unwind_common::{any_sections, made_up_walk};

fn cases(short: u32) -> ProptestConfig {
    ProptestConfig::with_cases(if std::env::var_os("HOTPOLL_TEST_LONG").is_some() {
        100 * short
    } else {
        short
    })
}

/// Real entries with some bytes overwritten: the fuzzer's seeds.
fn seeds() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/unwind_compile");
    let files = std::fs::read_dir(folder).expect("the seeds are in the repository");
    let mut seeds: Vec<_> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    seeds.sort();
    seeds
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn walks_over_made_up_functions(input in vec(any::<u8>(), 0..700)) {
        made_up_walk::check(&input);
    }

    #[test]
    fn sections_of_any_bytes(input in vec(any::<u8>(), 0..400)) {
        any_sections::check(&input);
    }

    #[test]
    fn real_sections_overwritten(seed in 0..seeds().len(), changes in vec((any::<usize>(), any::<u8>()), 0..12)) {
        let mut input = seeds().swap_remove(seed);
        let length = input.len();
        for (at, byte) in changes {
            input[at % length] = byte;
        }
        any_sections::check(&input);
    }
}
