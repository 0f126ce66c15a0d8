//! Senders of one value: lost, or merely slow.

use super::super::Actor;
use super::super::fixture::{
    MS, S, Scene, async_mutex, channel, holder, resource, site, task, waiter,
};
use super::super::problem::{Confidence, ProblemKind as Kind};
use super::read;
use hotpoll_profile::{
    Channel, Closed, Histogram, Library, Party, Resource, ResourceKind, State, TaskState, Uses,
};

/// Task 1 waits for a value so long; others of the place were answered within 5 ms.
fn oneshot(waits_ns: u64, answered: u64, sender: Option<Party>) -> Vec<Resource> {
    let mut wait = Histogram::default();
    (0..answered).for_each(|_| wait.record(5 * MS));
    let state = Channel {
        capacity: Some(1),
        senders: 1,
        receivers: 1,
        sender,
        sender_found: sender.is_some(),
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
    vec![lost, others]
}

fn scene(resources: Vec<Resource>) -> Scene {
    Scene::new(2, resources).task(1, 1)
}

#[test]
fn a_sender_that_is_lost() {
    let problems = scene(oneshot(12 * S, 40, None)).check(&[(
        Kind::LostSender,
        "task #1 (save) waits for a value from oneshot channel shop.rs:7, and the sender does not send",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Possible);
    assert_eq!(problems[0].site, site(22));
    // An answer may take its time: it is ten times the others' patience. The only one of its site: a signal to shut down, say.
    scene(oneshot(9 * S, 40, None)).check(&[]);
    scene(oneshot(60 * S, 0, None)).check(&[]);
    // Answers took long before.
    let mut slow = oneshot(60 * S, 40, None);
    slow[1].shared.wait.record(4 * S);
    scene(slow).check(&[]);
    // One that is closed is about to go on, and one with a time-out ends.
    let mut closed = oneshot(60 * S, 40, None);
    closed[0].channel.as_mut().unwrap().closed = Some(Closed::SendersGone);
    scene(closed).check(&[]);
    let mut timed = oneshot(60 * S, 40, None);
    timed[0].waiters[0].timed = true;
    scene(timed).check(&[]);
}

/// A request that a task works on, or sleeps over, was called lost. Found by review.
#[test]
fn who_has_the_sender_and_works() {
    let with = |change: fn(&mut Scene)| {
        let mut scene = scene(oneshot(60 * S, 40, Some(task(5, 0)))).task(5, 1);
        change(&mut scene);
        scene
    };
    let state = |scene: &mut Scene, state| scene.snapshot.tasks.tasks[1].state = state;
    // It sleeps, and is due.
    with(|scene| {
        let mut timer = resource(
            3,
            ResourceKind::Timer,
            Library::Tokio,
            vec![],
            vec![waiter(task(5, 0), 3 * S)],
        );
        timer.waiters[0].ends_in_ns = 4 * S;
        scene.snapshot.resources.resources.push(timer);
    })
    .check(&[]);
    // It runs, or will at once, or has just now.
    with(|scene| {
        let task = &mut scene.snapshot.tasks.tasks[1];
        (task.state, task.state_ns) = (TaskState::Scheduled, MS);
    })
    .check(&[]);
    with(|scene| scene.snapshot.tasks.tasks[1].state_ns = 20 * MS).check(&[]);
    // It awaits what no resource tells of: somebody else's client, say.
    with(|_| {}).check(&[]);
    // It waits for a message, and for nothing else; or nobody can wake it.
    let idle = with(|scene| {
        let requests = channel(
            3,
            Channel::default(),
            vec![read(waiter(task(5, 0), 60 * S))],
        );
        scene.snapshot.resources.resources.push(requests);
    });
    let problems = idle.check(&[(
        Kind::LostSender,
        "task #1 (save) waits for a value from oneshot channel shop.rs:7, and task #5 (save) does not send",
    )]);
    assert_eq!(problems[0].confidence, Confidence::Likely);
    let owner = problems[0].owner.as_ref().unwrap();
    assert_eq!(owner.actor, Some(Actor::Task(5)));
    assert_eq!(owner.doing, "suspended for 3.00 s");
    let mut nobody = with(|_| {});
    state(&mut nobody, TaskState::NoWaker);
    assert_eq!(nobody.problems()[0].kind, Kind::LostSender);
}

/// The one who has it asked somebody else, who sleeps; or waits for a lock that somebody holds.
#[test]
fn who_has_the_sender_waits_for_one_who_works() {
    let mut resources = oneshot(60 * S, 40, Some(task(5, 0)));
    let mut inner = oneshot(60 * S, 40, Some(task(6, 0))).remove(0);
    inner.id = 3;
    inner.waiters = vec![read(waiter(task(5, 0), 60 * S))];
    resources.push(inner);
    let mut timer = resource(
        4,
        ResourceKind::Timer,
        Library::Tokio,
        vec![],
        vec![waiter(task(6, 0), 3 * S)],
    );
    timer.waiters[0].ends_in_ns = S;
    let mut asleep = resources.clone();
    asleep.push(timer);
    scene(asleep).task(5, 1).task(6, 1).check(&[]);
    // Who is behind one who holds a lock is told of there.
    resources[2] = async_mutex(
        3,
        vec![holder(task(6, 0), 60 * S)],
        vec![waiter(task(5, 0), 60 * S)],
    );
    scene(resources).task(5, 1).task(6, 1).check(&[(
        Kind::LongHold,
        "task #6 (save) holds mutex shop.rs:3, one waits",
    )]);
}

/// The sender is in a closure on a blocking thread, or with somebody whose poll takes as long: nobody sees it there.
#[test]
fn who_may_have_the_sender_and_works() {
    let in_poll = |blocking, age_ns, poll_ns| {
        let mut scene = scene(oneshot(60 * S, 40, None)).polls(1, 8, poll_ns);
        let one = &mut scene.snapshot.tasks.tasks[1];
        (one.blocking, one.age_ns) = (blocking, age_ns);
        // It runs: or else it is a problem of its own.
        scene.snapshot.threads[1].state = State::Running;
        let kinds = super::kinds_of(&scene);
        kinds.contains(&Kind::LostSender)
    };
    assert!(!in_poll(true, 59 * S, 59 * S));
    assert!(!in_poll(false, 600 * S, 40 * S));
    // A closure that has been there for an hour and got this one just now; a poll that began just now.
    assert!(!in_poll(true, 3_600 * S, 3_600 * S));
    assert!(in_poll(true, 3_600 * S, 5 * S));
    assert!(in_poll(false, 600 * S, 5 * MS));
}
