//! What is packed is unpacked, frames that are shared are left out, and junk is an error.

use super::*;
use proptest::prelude::*;

fn head(words: Words, expiries: u32) -> Head {
    Head {
        state: State::Running,
        truncation: Truncation::Complete,
        engine: Engine::Ctimer,
        expiries,
        ticks: 7,
        words,
    }
}

/// Packs callchains one after the other, as the handler does.
fn packed(records: &[(Words, Vec<u64>, u32)]) -> Vec<u64> {
    let mut stream = Vec::new();
    let mut previous: Option<&(Words, Vec<u64>, u32)> = None;
    for record in records {
        let (words, callchain, expiries) = record;
        let before = previous.map_or(&[][..], |(_, callchain, _)| callchain);
        let shared = shared_root(callchain, before, Agreement::default());
        let new = callchain.len() - shared;
        let frames = FrameWords::new(callchain, shared);
        let mut packed = [0; LONGEST_HEAD];
        let head = head(*words, *expiries);
        let words = previous.map(|(words, ..)| words);
        let used = pack_head(&head, words, shared, new, frames.length(), &mut packed);
        stream.extend(&packed[..used]);
        stream.extend(frames);
        previous = Some(record);
    }
    stream
}

/// What two callchains share, whatever of it is known before.
#[track_caller]
fn shared(current: &[u64], previous: &[u64]) -> usize {
    let expected = shared_root(current, previous, Agreement::default());
    for here in 0..current.len() {
        for before in 0..previous.len() {
            let mut frames = 0;
            while let (Some(ours), Some(theirs)) =
                (current.get(here + frames), previous.get(before + frames))
                && ours == theirs
            {
                frames += 1;
                let known = Agreement {
                    here,
                    before,
                    frames,
                };
                assert_eq!(shared_root(current, previous, known), expected, "{known:?}");
            }
        }
    }
    expected
}

#[test]
fn shares_frames_from_the_root() {
    assert_eq!(shared(&[9, 2, 3], &[1, 2, 3]), 2);
    assert_eq!(shared(&[5, 9, 2, 3], &[2, 3]), 2);
    assert_eq!(shared(&[1], &[1]), 1);
    assert_eq!(shared(&[1, 2], &[]), 0);
    // Around the number that is compared at once. What Miri takes grows with the fourth power of the length.
    let lengths: Vec<u64> = if cfg!(miri) {
        vec![7, 8, 9, 17]
    } else {
        (0..40).collect()
    };
    for length in lengths {
        let chain: Vec<u64> = (0..length).collect();
        assert_eq!(shared(&chain, &chain), chain.len());
        for differs in 0..chain.len() {
            let mut other = chain.clone();
            other[differs] = u64::MAX;
            assert_eq!(shared(&chain, &other), chain.len() - differs - 1);
            other.insert(0, 7);
            assert_eq!(shared(&other, &chain), chain.len() - differs - 1);
        }
    }
}

#[test]
fn junk_is_an_error_and_never_a_panic() {
    let mut unpacker = Unpacker::default();
    let mut check =
        |words: &[u64], error| assert_eq!(unpacker.unpack(words, |_| 1).unwrap_err(), error);
    check(&[], RecordError::Short);
    check(&[u64::MAX, 0, 0], RecordError::Unknown);
    let good = packed(&[(Words::default(), vec![1, 2, 3], 1)]);
    check(&good[..3], RecordError::Short);
    let changed = |place: Field, value: u64| {
        let mut words = good.clone();
        words[0] ^= field(place, value);
        words
    };
    check(&changed(SHARED, 5), RecordError::Inconsistent);
    check(&changed(NEW, 4), RecordError::Inconsistent);
    check(&changed(LENGTH, 7), RecordError::Inconsistent);
    check(&changed(STATE, 2), RecordError::Unknown);
    check(&changed(VERSION, 3), RecordError::Unknown);
    check(&changed(FLAGS, HAS_EXPIRIES), RecordError::Inconsistent);
}

#[test]
fn first_record_of_a_slots_use_forgets_the_last_use() {
    let words = Words {
        task: 5,
        context: 6,
        ..Words::default()
    };
    let mut unpacker = Unpacker::default();
    let last = packed(&[(words, vec![1, 2], 1)]);
    assert_eq!(unpacker.unpack(&last, |_| 1).unwrap().0.words, words);
    let next = packed(&[(Words::default(), vec![7, 2], 1)]);
    let (record, _) = unpacker.unpack(&next, |_| 1).unwrap();
    assert_eq!(record.words, Words::default());
    assert_eq!(record.callchain, [7, 2]);
}

/// The promise that nothing is lost in a stall of 200 ms at 1,000 records a second, as arithmetic: 30 frames that all changed, in a program
/// that calls into a library, on a thread that has moved on to another task.
#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn two_hundred_records_of_30_changed_frames_fit_into_a_ring() {
    let records: Vec<_> = (0..200u64)
        .map(|n| {
            let address = |frame: u64| match frame {
                0..4 => 0x7f12_3456_0000 + 0x40 * frame + n,
                _ => 0x55d1_0000_0000 + 0x1_2345 * frame + n,
            };
            let words = Words {
                task: n,
                ..Words::default()
            };
            (words, (0..30).map(address).collect(), 1)
        })
        .collect();
    let words = packed(&records).len();
    assert!(words <= crate::slot::RING_WORDS, "{words} words");
}

/// Records of a stream, and frames of a record.
const MOST: usize = if cfg!(miri) { 8 } else { 20 };

fn any_address() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..4u64,
        2 => 0x5555_0000_0000..0x5555_1000_0000u64,
        2 => 0x7f00_0000_0000..0x7f00_1000_0000u64,
        1 => any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]
    #[test]
    fn round_trip(records in prop::collection::vec(
        ((0..3u64, 0..3u64, 0..3u64, 0..3u64, 0..3u64, 0..3u64, 0..3u64), prop::collection::vec(any_address(), 0..MOST), 1..3u32), 0..MOST)) {
        let records: Vec<_> = records.into_iter().map(|((task, kind, poll_start, context, lock, holds, root_start), callchain, expiries)|
            (Words { task, kind, poll_start, context, lock, holds, root_start }, callchain, expiries)).collect();
        let stream = packed(&records);
        let mut unpacker = Unpacker::default();
        let mut at = 0;
        for (words, callchain, expiries) in &records {
            let (record, used) = unpacker.unpack(&stream[at..], |_| 10).unwrap();
            prop_assert_eq!(record.words, *words);
            prop_assert_eq!(record.callchain, &callchain[..]);
            let expiries = u64::from(*expiries);
            prop_assert_eq!((record.expiries, record.cpu_ns, record.ticks), (expiries, expiries * 10, 7));
            at += used;
        }
        prop_assert_eq!(at, stream.len());
    }

    #[test]
    fn arbitrary_words_do_not_panic(mut words in prop::collection::vec(any::<u64>(), 1..40), valid in any::<bool>()) {
        if valid {
            // Else hardly anything gets beyond the version.
            words[0] = words[0] & !0xf_ffff | field(LENGTH, words.len() as u64) | field(VERSION, u64::from(RECORD_VERSION)) | field(KIND, 1);
        }
        let _ = Unpacker::default().unpack(&words, |_| 1);
    }
}
