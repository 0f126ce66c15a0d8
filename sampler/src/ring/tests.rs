//! What the ring promises: order, wholeness, no overwriting; under loom, in every interleaving of a small one.

use super::*;

#[cfg(not(loom))]
mod plain {
    use super::*;
    use proptest::prelude::*;

    fn popped<const N: usize>(ring: &Ring<N>) -> Vec<u64> {
        let mut words = Vec::new();
        ring.consumer().pop_all(&mut words);
        words
    }

    #[test]
    fn gives_words_in_order() {
        let ring = Ring::<8>::new();
        ring.producer().push(&[1, 2], 1, [3].into_iter()).unwrap();
        ring.producer().push(&[4], 0, std::iter::empty()).unwrap();
        assert_eq!(popped(&ring), [1, 2, 3, 4]);
        assert_eq!(popped(&ring), []);
    }

    #[test]
    fn tail_wraps() {
        let ring = Ring::<4>::new();
        for round in 0..20u64 {
            ring.producer()
                .push(&[round, round + 1], 1, [round + 2].into_iter())
                .unwrap();
            assert_eq!(popped(&ring), [round, round + 1, round + 2]);
        }
    }

    #[test]
    fn full_ring_takes_nothing_of_a_record() {
        let ring = Ring::<4>::new();
        ring.producer()
            .push(&[1, 2, 3], 0, std::iter::empty())
            .unwrap();
        assert_eq!(ring.producer().push(&[4], 1, [5].into_iter()), Err(Full));
        ring.producer().push(&[6], 0, std::iter::empty()).unwrap();
        assert_eq!(popped(&ring), [1, 2, 3, 6]);
    }

    #[test]
    fn record_larger_than_the_ring_is_refused() {
        let ring = Ring::<4>::new();
        assert_eq!(
            ring.producer().push(&[0; 5], 0, std::iter::empty()),
            Err(Full)
        );
        assert_eq!(popped(&ring), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]
        #[test]
        fn behaves_as_a_bounded_queue(records in prop::collection::vec((prop::collection::vec(any::<u64>(), 0..12), any::<bool>()), 0..if cfg!(miri) { 20 } else { 60 })) {
            let ring = Ring::<16>::new();
            let mut model: Vec<u64> = Vec::new();
            for (record, pop) in records {
                let fits = model.len() + record.len() <= 16;
                let (head, tail) = record.split_at(record.len() / 2);
                prop_assert_eq!(ring.producer().push(head, tail.len(), tail.iter().copied()).is_ok(), fits);
                if fits { model.extend(&record); }
                if pop { prop_assert_eq!(popped(&ring), std::mem::take(&mut model)); }
            }
            prop_assert_eq!(popped(&ring), model);
        }
    }

    #[test]
    fn two_threads_lose_and_reorder_nothing() {
        let ring = std::sync::Arc::new(Ring::<64>::new());
        let writer = std::sync::Arc::clone(&ring);
        const COUNT: u64 = if cfg!(miri) { 400 } else { 200_000 };
        let producer = std::thread::spawn(move || {
            let mut next = 0;
            while next < COUNT {
                if writer
                    .producer()
                    .push(&[next], 1, [next + 1].into_iter())
                    .is_ok()
                {
                    next += 2;
                } else {
                    std::thread::yield_now();
                }
            }
        });
        let mut seen = Vec::new();
        while (seen.len() as u64) < COUNT {
            if ring.consumer().pop_all(&mut seen) == 0 {
                std::thread::yield_now();
            }
        }
        producer.join().unwrap();
        assert!(seen.iter().copied().eq(0..COUNT));
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use loom::sync::Arc;

    /// Three pushes of two words into a ring of four, against two pops: whatever arrives is a prefix of what was pushed, in order and
    /// whole, and what is refused is refused whole.
    #[test]
    fn every_interleaving_keeps_order_and_wholeness() {
        loom::model(|| {
            let ring = Arc::new(Ring::<4>::new());
            let writer = Arc::clone(&ring);
            let producer = loom::thread::spawn(move || {
                let mut pushed = Vec::new();
                for n in 1..=3u64 {
                    if writer
                        .producer()
                        .push(&[n * 10], 1, [n * 10 + 1].into_iter())
                        .is_ok()
                    {
                        pushed.extend([n * 10, n * 10 + 1]);
                    }
                }
                pushed
            });
            let mut seen = Vec::new();
            ring.consumer().pop_all(&mut seen);
            assert!(seen.len() % 2 == 0);
            ring.consumer().pop_all(&mut seen);
            let pushed = producer.join().unwrap();
            ring.consumer().pop_all(&mut seen);
            assert_eq!(seen, pushed);
        });
    }
}
