//! Upgrades: who holds a lock upgradable and wants it alone waits for its readers, and not for itself.

use super::super::Actor;
use super::super::fixture::{MS, S, Scene, holder, mutex, resource, thread, waiter};
use super::super::problem::{Confidence, ProblemKind as Kind};
use super::read;
use hotpoll_profile::{Holder, Library, Mode, Resource, ResourceKind, Since, Waiter};

fn reads(number: u32, since_ns: u64) -> Holder {
    Holder {
        mode: Mode::Shared,
        ..holder(thread(number), since_ns)
    }
}

fn upgradable(number: u32, since_ns: u64) -> Holder {
    Holder {
        mode: Mode::Upgradable,
        ..holder(thread(number), since_ns)
    }
}

fn wants(mode: Mode, number: u32, since_ns: u64) -> Waiter {
    Waiter {
        mode,
        ..waiter(thread(number), since_ns)
    }
}

fn rwlock(holders: Vec<Holder>, waiters: Vec<Waiter>) -> Resource {
    resource(
        1,
        ResourceKind::RwLock,
        Library::ParkingLot,
        holders,
        waiters,
    )
}

/// An upgrade that waits for a reader who merely takes its time was called a certain deadlock with itself, at any age. Found by review.
#[test]
fn an_upgrade_that_waits_for_a_reader() {
    let scene = |since_ns| {
        let holders = vec![upgradable(0, 5 * S), reads(1, 4 * S)];
        let waiters = vec![wants(Mode::Upgrading, 0, since_ns)];
        Scene::new(2, vec![rwlock(holders, waiters)])
    };
    scene(83 * MS).check(&[]);
    let problems = scene(3 * S).check(&[(
        Kind::LongHold,
        "thread 101 (t1) holds rwlock shop.rs:1, one waits",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Certain);
    let owner = problems[0].owner.as_ref().unwrap();
    assert_eq!(owner.actor, Some(Actor::Thread(101)));
    // A reader whom nobody knows is not the one who upgrades.
    let mut unknown = scene(3 * S);
    unknown.snapshot.resources.resources[0].holders[1].party = Default::default();
    let problems = unknown.problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_ne!(
        problems[0].owner.as_ref().and_then(|owner| owner.actor),
        Some(Actor::Thread(100))
    );
}

/// Two who wait for each other, and both are named: the reader wants what the other one has, here or elsewhere.
#[test]
fn an_upgrade_in_a_circle() {
    let headline = "thread 100 (t0) and thread 101 (t1) wait for each other";
    let holders = || vec![upgradable(0, 5 * S), reads(1, 4 * S)];
    let upgrades = || wants(Mode::Upgrading, 0, 2 * S);
    // The reader wants it upgradable, or reads again, behind the upgrade.
    for reader in [wants(Mode::Upgradable, 1, S), read(waiter(thread(1), S))] {
        let lock = rwlock(holders(), vec![upgrades(), reader]);
        let problems = Scene::new(2, vec![lock]).check(&[(Kind::Deadlock, headline)]);
        assert_eq!(problems[0].confidence, Confidence::Certain);
        let members = problems[0].cycle.len();
        assert_eq!(members, 2);
    }
    let elsewhere = vec![
        rwlock(holders(), vec![upgrades()]),
        mutex(
            2,
            vec![holder(thread(0), 5 * S)],
            vec![waiter(thread(1), 3 * S)],
        ),
    ];
    Scene::new(2, elsewhere).check(&[(Kind::Deadlock, headline)]);
}

/// Who reads it beside that waits for itself; so does who asks for it once more instead of upgrading.
#[test]
fn an_upgrade_that_cannot_be() {
    let headline = "thread 100 (t0) waits for what it holds itself";
    let reads_too = rwlock(
        vec![upgradable(0, 5 * S), reads(0, 4 * S)],
        vec![wants(Mode::Upgrading, 0, 20 * MS)],
    );
    Scene::new(1, vec![reads_too]).check(&[(Kind::Deadlock, headline)]);
    for mode in [Mode::Exclusive, Mode::Upgradable] {
        let again = rwlock(vec![upgradable(0, 5 * S)], vec![wants(mode, 0, 20 * MS)]);
        Scene::new(1, vec![again]).check(&[(Kind::Deadlock, headline)]);
    }
    // To read it beside is no matter.
    let reads_again = rwlock(
        vec![upgradable(0, 5 * S)],
        vec![read(waiter(thread(0), MS))],
    );
    Scene::new(1, vec![reads_again]).check(&[]);
}

/// Readers that come and go while somebody upgrades.
#[test]
fn an_upgrade_that_readers_pass() {
    let mut reader = reads(1, 20 * MS);
    reader.since = Since::Exact;
    let lock = rwlock(
        vec![upgradable(0, 5 * S), reader],
        vec![wants(Mode::Upgrading, 0, 3 * S)],
    );
    Scene::new(2, vec![lock]).check(&[(
        Kind::WriterStarvation,
        "one waits to write under rwlock shop.rs:1, and readers come before",
    )]);
}
