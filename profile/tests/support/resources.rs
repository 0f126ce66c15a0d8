//! Arbitrary resources of a snapshot.

use super::snapshot::{histogram, stack};
use super::{number, small, text};
use hotpoll_profile::{
    Channel, Closed, Holder, KindWaits, Library, Longest, Mode, Party, Permits, Resource,
    ResourceKind, Resources, Since, Site, Uses, Waiter,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn site() -> impl Strategy<Value = Site> {
    (text(), small(), small()).prop_map(|(file, line, column)| Site { file, line, column })
}

fn party() -> impl Strategy<Value = Party> {
    (small(), number(), number()).prop_map(|(tid, task, kind)| Party { tid, task, kind })
}

prop_compose! {
    fn longest()(
        [ns, at_unix_ns] in [number(), number()],
        (who, other) in (party(), option::of(party())),
        stack in stack(),
        (site, other_site) in (site(), site()),
    ) -> Longest {
        Longest { ns, at_unix_ns, who, stack, site, other, other_site }
    }
}

prop_compose! {
    fn uses()(
        numbers in vec(number(), 8),
        (wait, hold) in (histogram(), histogram()),
        (longest_wait, longest_hold) in (option::of(longest().boxed()), option::of(longest().boxed())),
    ) -> Uses {
        Uses {
            acquired: numbers[0],
            contended: numbers[1],
            tries_failed: numbers[2],
            timed_out: numbers[3],
            cancelled: numbers[4],
            wait_ns: numbers[5],
            hold_ns: numbers[6],
            holds_timed: numbers[7],
            wait,
            hold,
            longest_wait,
            longest_hold,
        }
    }
}

prop_compose! {
    fn holder()(
        (party, site) in (party(), site()),
        (mode, since) in (select(Mode::ALL), select(Since::ALL)),
        [since_ns, amount, acquisition] in [number(), number(), number()],
        [movable, confirmed, in_set, by_thread, gone] in any::<[bool; 5]>(),
    ) -> Holder {
        Holder { party, site, mode, since_ns, since, amount, acquisition, movable, confirmed, in_set, by_thread, gone }
    }
}

prop_compose! {
    fn waiter()(
        (party, site, mode) in (party(), site(), select(Mode::ALL)),
        [since_ns, wait, amount, ends_in_ns] in [number(), number(), number(), number()],
        [timed, confirmed, in_set, by_thread] in any::<[bool; 4]>(),
        stack in stack(),
    ) -> Waiter {
        Waiter { party, site, mode, since_ns, wait, amount, timed, ends_in_ns, confirmed, in_set, by_thread, stack }
    }
}

prop_compose! {
    fn channel()(
        capacity in option::of(number()),
        numbers in vec(number(), 7),
        closed in option::of(select(Closed::ALL)),
        (receiver, sender, [sender_found, receiver_found]) in (option::of(party()), option::of(party()), any::<[bool; 2]>()),
    ) -> Channel {
        Channel {
            capacity,
            length: numbers[0],
            sent: numbers[1],
            received: numbers[2],
            senders: numbers[3],
            receivers: numbers[4],
            closed,
            last_sent_ns: numbers[5],
            last_received_ns: numbers[6],
            receiver,
            sender,
            sender_found,
            receiver_found,
        }
    }
}

fn permits() -> impl Strategy<Value = Permits> {
    (number(), number(), any::<bool>(), number()).prop_map(
        |(total, available, is_signal, last_granted_ns)| Permits {
            total,
            available,
            is_signal,
            last_granted_ns,
        },
    )
}

fn kind_waits() -> impl Strategy<Value = KindWaits> {
    [number(), number(), number()].prop_map(|[kind, waits, wait_ns]| KindWaits {
        kind,
        waits,
        wait_ns,
    })
}

prop_compose! {
    fn resource()(
        (id, name, site) in (number(), text(), site()),
        (kind, library) in (select(ResourceKind::ALL), select(Library::ALL)),
        [instances, age_ns, more_holders, more_waiters] in [number(), number(), number(), number()],
        (exclusive, shared) in (uses().boxed(), uses().boxed()),
        (holders, waiters) in (vec(holder(), 0..3), vec(waiter(), 0..3)),
        [poisoned, inferred] in any::<[bool; 2]>(),
        (channel, permits) in (option::of(channel()), option::of(permits())),
        by_kind in vec(kind_waits(), 0..3),
    ) -> Resource {
        Resource {
            id,
            kind,
            library,
            name,
            site,
            instances,
            age_ns,
            exclusive,
            shared,
            holders,
            waiters,
            more_holders,
            more_waiters,
            poisoned,
            channel,
            permits,
            inferred,
            by_kind,
        }
    }
}

prop_compose! {
    /// Resources whose stacks may point nowhere.
    pub fn resources()(
        resources in vec(resource().boxed(), 0..3),
        [created, alive, folded, unregistered] in [number(), number(), number(), number()],
    ) -> Resources {
        Resources { resources, created, alive, folded, unregistered }
    }
}
