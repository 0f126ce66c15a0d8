//! Channels, semaphores and queues: full, empty for ever, passed by others.

use super::super::fixture::{
    MS, S, Scene, async_mutex, channel, holder, mutex, resource, semaphore, site, task, thread,
    waiter,
};
use super::super::problem::{Confidence, ProblemKind as Kind};
use super::read;
use hotpoll_profile::{
    Channel, Closed, Histogram, Library, Mode, Resource, ResourceKind, Since, Uses,
};

#[test]
fn a_full_channel_and_its_receiver() {
    let of = |length, last_received_ns| {
        let state = Channel {
            capacity: Some(16),
            length,
            sent: 16,
            senders: 1,
            receivers: 1,
            last_received_ns,
            receiver: Some(task(2, 0)),
            ..Channel::default()
        };
        Scene::new(1, vec![channel(1, state, vec![waiter(task(1, 0), 2 * S)])])
            .task(1, 1)
            .task(2, 1)
    };
    let problems = of(16, 3 * S).check(&[(
        Kind::FullChannel,
        "mpsc channel shop.rs:1 is full: task #2 (save) does not receive, one waits to send",
    )]);
    assert!(problems[0].evidence.contains(&"16/16 are in it".to_owned()));
    assert!(
        problems[0]
            .evidence
            .contains(&"the last one was received 3.00 s ago".to_owned())
    );
    // Never received is stalled, too; received just now is what a bound is for.
    assert_eq!(of(16, 0).problems().len(), 1);
    of(16, 30 * MS).check(&[]);
}

#[test]
fn a_semaphore_that_nobody_lets_go() {
    let held = |since_ns, since| hotpoll_profile::Holder {
        since_ns,
        since,
        ..holder(task(1, 0), 0)
    };
    let scene = |holders| {
        Scene::new(
            1,
            vec![semaphore(1, 1, holders, vec![waiter(task(2, 0), 2 * S)])],
        )
        .task(1, 1)
        .task(2, 1)
    };
    let problems = scene(vec![held(5 * S, Since::Exact)]).check(&[(
        Kind::StarvedSemaphore,
        "one waits for permits of semaphore shop.rs:1, all of them held",
    )]);
    assert_eq!(problems[0].owner.as_ref().unwrap().who, "task #1 (save)");
    assert!(
        problems[0]
            .evidence
            .contains(&"0 of 1 permits are free; 1 wanted".to_owned())
    );
}

/// Permits that were forgotten are held by nobody.
#[test]
fn a_semaphore_without_permits() {
    let check = |total, acquired, amount, headline| {
        let mut one = waiter(task(2, 0), 2 * S);
        one.amount = amount;
        let mut resource = semaphore(1, total, Vec::new(), vec![one]);
        resource.exclusive.acquired = acquired;
        let problems = Scene::new(1, vec![resource])
            .task(2, 1)
            .check(&[(Kind::StarvedSemaphore, headline)]);
        let evidence = &problems[0].evidence;
        assert!(
            !evidence.iter().any(|one| one.contains("the others")),
            "{evidence:?}"
        );
    };
    let forgotten = "one waits for permits of semaphore shop.rs:1, all of them forgotten";
    check(0, 1, 1, forgotten);
    let none = "one waits for permits of semaphore shop.rs:1, which has none yet";
    check(0, 0, 1, none);
    let few = "one waits for permits of semaphore shop.rs:1, 3 wanted of 2 there are";
    check(2, 1, 3, few);
}

/// Its permits come back when any of the holders lets go: both have to be stuck.
#[test]
fn a_semaphore_is_stuck_when_all_holders_are() {
    let scene = |second: u64| {
        let resources = vec![
            semaphore(
                1,
                2,
                vec![holder(task(1, 0), 3 * S), holder(task(second, 0), 3 * S)],
                vec![waiter(task(3, 0), 3 * S)],
            ),
            async_mutex(
                2,
                vec![holder(task(3, 0), 3 * S)],
                vec![waiter(task(1, 0), 3 * S), waiter(task(2, 0), 3 * S)],
            ),
        ];
        (1..=4)
            .fold(Scene::new(1, resources), |scene, id| scene.task(id, 1))
            .problems()[0]
            .kind
    };
    assert_eq!(scene(2), Kind::PossibleDeadlock);
    assert_eq!(scene(4), Kind::StarvedSemaphore);
}

fn readers_come_and_go() -> Resource {
    let reader = hotpoll_profile::Holder {
        mode: Mode::Shared,
        since: Since::Exact,
        ..holder(thread(0), 20 * MS)
    };
    Resource {
        shared: Uses {
            acquired: 5_000,
            ..Uses::default()
        },
        ..resource(
            1,
            ResourceKind::RwLock,
            Library::ParkingLot,
            vec![reader],
            vec![waiter(thread(1), 3 * S)],
        )
    }
}

#[test]
fn readers_pass_a_writer() {
    Scene::new(2, vec![readers_come_and_go()]).check(&[(
        Kind::WriterStarvation,
        "one waits to write under rwlock shop.rs:1, and readers come before",
    )]);
    // A reader that has been there since before is who holds it.
    let mut long = readers_come_and_go();
    long.holders[0].since_ns = 4 * S;
    assert_eq!(Scene::new(2, vec![long]).problems()[0].kind, Kind::LongHold);
}

#[test]
fn a_queue_that_never_ends() {
    let mut busy = mutex(
        1,
        vec![holder(thread(0), MS)],
        (1..4)
            .map(|n| waiter(thread(n), u64::from(n) * MS))
            .collect(),
    );
    busy.exclusive = Uses {
        acquired: 1_000,
        contended: 990,
        wait_ns: 30 * S,
        ..Uses::default()
    };
    busy.age_ns = 12 * S;
    let headline = "3 wait for mutex shop.rs:1, and so do most who come";
    let convoy = [(Kind::LockConvoy, headline)];
    let problems = Scene::new(4, vec![busy.clone()]).check(&convoy);
    assert_eq!(problems[0].age_ns, 12 * S);
    assert_eq!(
        problems[0].evidence.last().unwrap(),
        "since it was made, 12.0 s ago, 2.5 waited for it on average (fewer than 2 are no problem, unless one waits for 1.00 s)"
    );
    // A queue of moments that costs little, and one at a lock that has only just been made.
    busy.age_ns = 60 * S;
    Scene::new(4, vec![busy.clone()]).check(&[]);
    (busy.age_ns, busy.exclusive.wait_ns) = (10 * MS, 30 * MS);
    Scene::new(4, vec![busy.clone()]).check(&[]);
    // Whoever waits for long beside holders that are not known to have come later has a problem of its own; one whom others pass has it, too.
    let mut passed = busy.clone();
    passed.age_ns = 60 * S;
    passed.waiters[2].since_ns = 3 * S;
    assert_eq!(Scene::new(4, vec![passed]).problems().len(), 1);
    // Three in a queue once are none.
    busy.exclusive.contended = 20;
    Scene::new(4, vec![busy]).check(&[]);
}

fn oneshot(waits_ns: u64, answered: u64, closed: Option<Closed>) -> Scene {
    let mut wait = Histogram::default();
    (0..answered).for_each(|_| wait.record(5 * MS));
    let state = Channel {
        capacity: Some(1),
        senders: 1,
        receivers: 1,
        closed,
        ..Channel::default()
    };
    let lost = Resource {
        kind: ResourceKind::Oneshot,
        site: site(7),
        ..channel(1, state, vec![read(waiter(task(1, 0), waits_ns))])
    };
    let others = Resource {
        id: 2,
        instances: answered,
        waiters: Vec::new(),
        channel: None,
        shared: Uses {
            acquired: answered,
            wait,
            ..Uses::default()
        },
        ..lost.clone()
    };
    Scene::new(1, vec![lost, others]).task(1, 1)
}

#[test]
fn a_sender_that_is_lost() {
    let problems = oneshot(3 * S, 40, None).check(&[(
        Kind::LostSender,
        "task #1 (save) waits for a value from oneshot channel shop.rs:7, and the sender does not send",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Likely);
    // The only one of its site: a signal to shut down, say. One that has not waited much longer than others. One that is closed: it is about to go on.
    oneshot(3 * S, 0, None).check(&[]);
    oneshot(40 * MS, 40, None).check(&[]);
    oneshot(3 * S, 40, Some(Closed::SendersGone)).check(&[]);
}
