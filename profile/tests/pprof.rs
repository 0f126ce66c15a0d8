//! pprof out and in: what we write comes back, what others wrote is understood, and what nobody wrote does no harm.

mod support;

use hotpoll_profile::pprof::{DecodeError, Limits, decode, decode_with, encode, encode_gzip};
use hotpoll_profile::{Function, Location, Profile, Snapshot, Suspension, Task, Tasks, Waker, row};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_comes_back(profile in support::profile()) {
        prop_assert_eq!(profile.check(), Ok(()));
        prop_assert_eq!(decode(&encode(&profile)), Ok(profile.clone()));
        prop_assert_eq!(decode(&encode_gzip(&profile)), Ok(profile));
    }

    #[test]
    fn a_file_cut_short_is_an_error(profile in support::profile(), cut in 0.0..1.0f64) {
        let file = encode_gzip(&profile);
        let kept = &file[..(file.len() as f64 * cut) as usize];
        prop_assert!(decode(kept).is_err());
    }

    #[test]
    fn a_damaged_file_does_no_harm(
        profile in support::profile(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = encode(&profile);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(read) = decode(&file) {
            prop_assert_eq!(read.check(), Ok(()));
            read.totals();
        }
    }
}

#[test]
fn an_empty_profile_comes_back() {
    let profile = Profile::default();
    assert_eq!(decode(&encode(&profile)), Ok(profile));
}

#[test]
fn equal_profiles_give_equal_files() {
    assert_eq!(
        encode_gzip(&Profile::default()),
        encode_gzip(&Profile::default())
    );
}

#[test]
fn nothing_is_no_profile() {
    assert_eq!(decode(b""), Err(DecodeError::Empty));
}

#[test]
fn text_is_no_profile() {
    for text in [&b"main;foo;bar 17\n"[..], b"{\"a\": 1}", b"\n", b"\0\0\0"] {
        assert!(
            matches!(decode(text), Err(DecodeError::Malformed(_))),
            "{text:?}"
        );
    }
}

#[test]
fn a_zip_bomb_meets_the_limit() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![0; 8 << 20]).unwrap();
    let file = gzip.finish().unwrap();
    assert!(file.len() < 64 << 10);
    let limits = Limits {
        message_bytes: 1 << 20,
        ..Limits::default()
    };
    assert_eq!(
        decode_with(&file, &limits),
        Err(DecodeError::TooLarge { limit: 1 << 20 })
    );
}

#[test]
fn many_empty_entries_meet_the_limit() {
    let mut file = encode(&Profile::default());
    // Two bytes each that would become a struct of over a hundred: empty mappings.
    for _ in 0..100_000 {
        file.extend_from_slice(&[3 << 3 | 2, 0]);
    }
    let limits = Limits {
        profile_bytes: 4 << 20,
        ..Limits::default()
    };
    assert_eq!(
        decode_with(&file, &limits),
        Err(DecodeError::TooLarge { limit: 4 << 20 })
    );
}

#[test]
fn one_long_string_named_often_meets_the_limit() {
    let function = Function {
        name: "x".repeat(10_000),
        ..Function::default()
    };
    let profile = Profile {
        functions: vec![function; 1000],
        ..Profile::default()
    };
    let file = encode(&profile);
    assert!(file.len() < 50_000);
    let limits = Limits {
        profile_bytes: 4 << 20,
        ..Limits::default()
    };
    assert_eq!(
        decode_with(&file, &limits),
        Err(DecodeError::TooLarge { limit: 4 << 20 })
    );
    assert_eq!(decode(&file), Ok(profile));
}

#[test]
fn row_names_are_what_other_tools_see() {
    let profile = Profile {
        unseen_cpu_ns: 7,
        ..Profile::default()
    };
    let file = encode(&profile);
    let name = row::UNSEEN_THREADS.as_bytes();
    assert!(file.windows(name.len()).any(|window| window == name));
    assert_eq!(decode(&file), Ok(profile));
}

/// A hundred thousand tasks in a few places: each takes some tens of bytes, and comes back.
#[test]
fn a_hundred_thousand_tasks_fit() {
    const TASKS: u64 = 100_000;
    let stacks: Vec<Vec<u32>> = (0..50u32).map(|at| (at..at + 30).collect()).collect();
    let tasks = (0..TASKS).map(|id| Task {
        id: id + 1,
        kind: id % 7,
        age_ns: id * 1_000_003,
        state_ns: id * 977,
        polls: id % 100,
        wakes: id % 99,
        busy_ns: id * 313,
        idle_ns: id * 999_983,
        last_waker: Waker::Thread(77),
        wakers: 1,
        waits: vec![Suspension {
            stack: stacks[id as usize % stacks.len()].clone(),
            ..Suspension::default()
        }],
        ..Task::default()
    });
    let profile = Profile {
        locations: vec![Location::default(); 100],
        snapshot: Some(Snapshot {
            tasks: Tasks {
                tasks: tasks.collect(),
                ..Tasks::default()
            },
            ..Snapshot::default()
        }),
        ..Profile::default()
    };
    let file = encode(&profile);
    let each = file.len() as u64 / TASKS;
    assert!(each < 64, "{each} bytes each");
    assert_eq!(decode(&file), Ok(profile));
}

/// Files of the first minor version, as they lie on people's disks: nothing of waiting, and all else as it was.
#[test]
fn a_file_from_before_there_was_waiting() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/pprof_decode");
    for name in ["own.pb", "own.pb.gz", "slices.pb"] {
        let file = std::fs::read(format!("{folder}/{name}")).unwrap();
        let profile = decode(&file).unwrap();
        assert!(!profile.has_wall() && profile.snapshot.is_none(), "{name}");
        assert_ne!(profile, Profile::default(), "{name}");
        assert_eq!(decode(&encode(&profile)), Ok(profile), "{name}");
    }
}
