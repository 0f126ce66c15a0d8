//! Arbitrary work, fingerprints and exact totals.

use super::{fit, number, small, text};
use hotpoll_profile::{
    Exact, Fact, Fingerprint, Histogram, Library, PollTotals, ResourceKind, Site, SliceWork,
    WaitTotals, Work, WorkSource,
};
use proptest::collection::vec;
use proptest::prelude::*;

prop_compose! {
    fn work()(name in text(), source in prop::sample::select(WorkSource::ALL), units in number()) -> Work {
        Work { name, source, units }
    }
}

prop_compose! {
    fn fact()(key in text(), value in text()) -> Fact {
        Fact { key, value }
    }
}

prop_compose! {
    fn fingerprint()(workload in text(), machine in vec(fact(), 0..3), build in vec(fact(), 0..3)) -> Fingerprint {
        Fingerprint { workload, machine, build }
    }
}

fn histogram() -> impl Strategy<Value = Histogram> {
    vec(number(), 0..4).prop_map(|counts| Histogram { counts })
}

prop_compose! {
    fn site()(file in text(), line in small(), column in small()) -> Site {
        Site { file, line, column }
    }
}

prop_compose! {
    fn polls()(
        name in text(),
        site in site(),
        [completed, polls, poll_ns, delay_ns] in [number(), number(), number(), number()],
        [poll_time, wake_delay] in [histogram(), histogram()],
    ) -> PollTotals {
        PollTotals { name, site, completed, polls, poll_ns, poll_time, delay_ns, wake_delay }
    }
}

prop_compose! {
    fn waits()(
        name in text(),
        site in site(),
        kind in prop::sample::select(ResourceKind::ALL),
        library in prop::sample::select(Library::ALL),
        [acquired, contended, wait_ns] in [number(), number(), number()],
        wait in histogram(),
    ) -> WaitTotals {
        WaitTotals { name, site, kind, library, acquired, contended, wait_ns, wait }
    }
}

prop_compose! {
    /// Exact totals, as if from a file: titles need not differ.
    pub fn exact()(polls in vec(polls(), 0..3), waits in vec(waits(), 0..3)) -> Exact {
        Exact { polls, waits }
    }
}

prop_compose! {
    pub fn parts()(
        work in vec(work(), 0..3),
        fingerprint in fingerprint(),
        exact in prop::option::of(exact()),
    ) -> (Vec<Work>, Fingerprint, Option<Exact>) {
        (work, fingerprint, exact)
    }
}

pub fn parts_of_slice(parts: Vec<(u32, u64)>, counters: usize) -> Vec<SliceWork> {
    let parts = parts.into_iter().filter_map(|(work, units)| {
        Some(SliceWork {
            work: fit(work, counters)?,
            units,
        })
    });
    parts.collect()
}
