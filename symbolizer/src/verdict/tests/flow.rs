//! Channels, semaphores and queues: full, empty for ever, passed by others.

use super::super::fixture::{
    MS, S, Scene, async_mutex, channel, holder, mutex, resource, semaphore, task, thread, waiter,
};
use super::super::problem::{Confidence, ProblemKind as Kind};
use hotpoll_profile::{Channel, Library, Longest, Mode, Resource, ResourceKind, Since, Uses};

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
    // One whose receiver takes seconds for each was a problem for a part of each of them: a probe that goes on and off.
    let slow = |since_ns, longest_ns| {
        let mut scene = of(16, since_ns);
        let resource = &mut scene.snapshot.resources.resources[0];
        resource.waiters[0].since_ns = since_ns;
        resource.exclusive.contended = 5;
        resource.exclusive.longest_wait = Some(Longest {
            ns: longest_ns,
            ..Longest::default()
        });
        scene.problems().len()
    };
    assert_eq!(slow(3 * S, 2 * S), 0);
    assert_eq!(slow(5 * S, 2 * S), 1);
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

/// A semaphore that a timer refills moves; so does one that others wait for and got. Found by review: it was called starved.
#[test]
fn a_semaphore_that_moves() {
    let scene = |waits_ns, granted_ns, total, longest_ns, contended| {
        let holders = (0..total).map(|_| holder(task(9, 0), 9 * S)).collect();
        let mut one = semaphore(1, total, holders, vec![waiter(task(2, 0), waits_ns)]);
        one.exclusive.acquired = 20;
        one.exclusive.contended = contended;
        one.exclusive.longest_wait = Some(Longest {
            ns: longest_ns,
            ..Longest::default()
        });
        if let Some(permits) = &mut one.permits {
            permits.last_granted_ns = granted_ns;
        }
        Scene::new(1, vec![one]).task(2, 1).task(9, 1)
    };
    let starved = |scene: Scene| super::kinds_of(&scene) == [Kind::StarvedSemaphore];
    // Two got some 991 ms ago; three seconds ago, while this one waited six.
    scene(3_990 * MS, 991 * MS, 0, 0, 2).check(&[]);
    scene(6 * S, 3 * S, 0, 0, 2).check(&[]);
    // The only one who waits, as long as ever.
    scene(2_500 * MS, 2_501 * MS, 0, 3 * S, 3).check(&[]);
    // It has stopped: others got some long ago, or waits were never so long; or nobody ever got any.
    assert!(starved(scene(100 * S, 99 * S, 0, 3 * S, 3)));
    assert!(starved(scene(7 * S, 7_001 * MS, 0, 3 * S, 3)));
    assert!(starved(scene(3 * S, 0, 0, 0, 0)));
    // Who holds permits for as long as ever is told of.
    scene(1_500 * MS, 20 * MS, 2, 3 * S, 3).check(&[]);
    assert!(starved(scene(2_500 * MS, 2_501 * MS, 2, 3 * S, 3)));
}

/// Two tasks fill each other's channel before either has received: the receivers lie in their futures. Found by review: "nobody receives".
#[test]
fn two_who_fill_each_others_channel() {
    let full = |id, receiver: Option<_>, from| {
        let state = Channel {
            capacity: Some(1),
            length: 1,
            sent: 1,
            senders: 1,
            receivers: 1,
            receiver,
            receiver_found: receiver.is_some(),
            ..Channel::default()
        };
        channel(id, state, vec![waiter(task(from, 0), 3 * S)])
    };
    let both = vec![full(1, Some(task(2, 0)), 1), full(2, Some(task(1, 0)), 2)];
    let problems = Scene::new(1, both).task(1, 1).task(2, 1).check(&[(
        Kind::PossibleDeadlock,
        "task #1 (save) and task #2 (save) wait for each other",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Possible);
    let says = |words: &str| problems[0].evidence.iter().any(|one| one.contains(words));
    assert!(says("its receiver was found in the memory of task #2"));
    assert!(says("may have handed the receiver on"));
    // One of them, whose receiver does something else; and one whose receiver is nowhere to be seen.
    let one = Scene::new(1, vec![full(1, Some(task(2, 0)), 1)])
        .task(1, 1)
        .task(2, 1);
    let problems = one.check(&[(
        Kind::FullChannel,
        "mpsc channel shop.rs:1 is full: task #2 (save) does not receive, one waits to send",
    )]);
    let evidence = &problems[0].evidence;
    assert!(
        (evidence.iter()).any(|one| one.contains("was found in the memory of task #2")),
        "{evidence:?}"
    );
    let nobody = Scene::new(1, vec![full(1, None, 1)]).task(1, 1);
    nobody.check(&[(
        Kind::FullChannel,
        "mpsc channel shop.rs:1 is full: nobody has received, and it is not known who would, one waits to send",
    )]);
}
