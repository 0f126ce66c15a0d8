//! What waits and is no problem, or none that is certain.

use super::super::fixture::{
    MS, S, Scene, async_mutex, channel, holder, mutex, resource, semaphore, task, thread, waiter,
};
use super::super::problem::{Confidence, Problem, ProblemKind as Kind};
use super::{kinds_of, read};
use hotpoll_profile::{Channel, Library, Resource, ResourceKind, Site, State, TaskState, Waker};

/// A task that something else may wake is in a select, or has a time-out.
#[test]
fn a_task_with_two_wakers_is_not_lost() {
    let resources = vec![
        async_mutex(
            1,
            vec![holder(task(1, 0), 3 * S)],
            vec![waiter(task(2, 0), 3 * S)],
        ),
        async_mutex(
            2,
            vec![holder(task(2, 0), 3 * S)],
            vec![waiter(task(1, 0), 3 * S)],
        ),
    ];
    let kind = |wakers| {
        Scene::new(1, resources.clone())
            .task(1, 1)
            .task(2, wakers)
            .problems()[0]
            .kind
    };
    assert_eq!(kind(1), Kind::Deadlock);
    assert_eq!(kind(2), Kind::PossibleDeadlock);
    // Nor is one of which nothing is known.
    let unknown = Scene::new(1, resources.clone()).task(1, 1).problems();
    assert_eq!(unknown[0].kind, Kind::PossibleDeadlock);
}

/// Nothing of this is a problem, however long it lasts.
#[test]
fn benign_idling() {
    let hour = 3_600 * S;
    let idle = |senders, sender| Channel {
        capacity: Some(16),
        senders,
        receivers: 1,
        sender,
        receiver: Some(task(1, 0)),
        ..Channel::default()
    };
    let resources = vec![
        // A receiver whose senders are merely quiet; two that wait for each other's next message.
        channel(1, idle(3, None), vec![read(waiter(task(1, 0), hour))]),
        channel(
            2,
            idle(1, Some(task(3, 0))),
            vec![read(waiter(task(2, 0), hour))],
        ),
        channel(
            3,
            idle(1, Some(task(2, 0))),
            vec![read(waiter(task(3, 0), hour))],
        ),
        // Conditions, notifications, times.
        resource(
            4,
            ResourceKind::Condvar,
            Library::ParkingLot,
            Vec::new(),
            vec![waiter(thread(0), hour)],
        ),
        resource(
            5,
            ResourceKind::Notify,
            Library::Tokio,
            Vec::new(),
            vec![waiter(task(4, 0), hour)],
        ),
        resource(
            6,
            ResourceKind::Timer,
            Library::Tokio,
            Vec::new(),
            vec![waiter(task(5, 0), hour)],
        ),
        // A lock that is held for an hour, and nobody minds.
        mutex(7, vec![holder(thread(1), hour)], Vec::new()),
        // One that is waited for, for a moment.
        mutex(
            8,
            vec![holder(thread(1), hour)],
            vec![waiter(thread(2), 10 * MS)],
        ),
    ];
    let scene = (1..=5).fold(Scene::new(3, resources), |scene, id| scene.task(id, 1));
    let verdicts = scene.verdicts();
    assert_eq!(verdicts.problems, []);
    // All but the one that waits for the lock.
    assert_eq!((verdicts.idle, verdicts.external), (7, 0));
    // One by one where that is asked for, each with its age and its call.
    assert_eq!(verdicts.quiet, []);
    let quiet = scene.quiet();
    assert_eq!(quiet.len(), 7);
    for one in &quiet {
        assert_eq!(one.kind, Kind::BenignIdle, "{one:#?}");
        assert_ne!(one.site, Site::default(), "{one:#?}");
        assert_ne!(one.age_ns, 0);
        assert!(!one.evidence.is_empty());
    }
    let receiver = quiet.iter().find(|one| one.resource == Some(2)).unwrap();
    assert_eq!(
        receiver.headline,
        "task #2 (save) waits for mpsc channel shop.rs:2"
    );
    assert_eq!(
        receiver.owner.as_ref().unwrap().actor,
        Some(super::super::Actor::Task(3))
    );
}

/// A task that waits for the world, and a thread.
#[test]
fn external_waits() {
    let stack = "shop::main;shop::answer;std::net::tcp::TcpStream::read";
    let profile =
        crate::view::fixture::profile(&[("t0", stack, 1), ("t1", "shop::main;shop::load;read", 1)]);
    let mut scene = Scene::new(2, Vec::new()).task(1, 1);
    scene.snapshot.tasks.tasks[0].waits[0].stack = profile.samples[0].stack.clone();
    scene.snapshot.tasks.tasks[0].waits[0].representative = true;
    scene.snapshot.threads.remove(0);
    scene.snapshot.threads[0].state = State::Io;
    scene.snapshot.threads[0].stack = profile.samples[1].stack.clone();
    scene.profile = profile;
    let verdicts = scene.verdicts();
    assert_eq!(
        (verdicts.problems, verdicts.idle, verdicts.external),
        (vec![], 0, 2)
    );
    for one in scene.quiet() {
        assert_eq!(
            (one.kind, one.age_ns),
            (Kind::ExternalWait, 3 * S),
            "{one:#?}"
        );
        assert_eq!(one.owner.unwrap().who, "somebody outside of the process");
        assert_ne!(one.site, Site::default());
    }
}

/// A thread in our `block_on` waits for a task, which counts by itself. Found by review: it counted twice.
#[test]
fn a_thread_that_is_blocked_on_a_task() {
    let idle = |function: &str, poll_ns| {
        let stack = format!("shop::main;{function};tokio::runtime::park::Inner::park");
        let profile = crate::view::fixture::profile(&[("t0", &stack, 1)]);
        let mut scene = Scene::new(1, Vec::new()).task((1 << 48) + 1, 1);
        scene.snapshot.threads[0].stack = profile.samples[0].stack.clone();
        scene.snapshot.threads[0].poll_ns = poll_ns;
        scene.profile = profile;
        let quiet = scene.quiet();
        // Under the number that `tasks` shows.
        let future = |one: &Problem| one.headline == "task #h1 (save) waits for something to do";
        assert!(quiet.iter().any(future), "{quiet:#?}");
        quiet.len()
    };
    assert_eq!(idle("hotpoll_hooks::tasks::block_on::run", 0), 1);
    assert_eq!(idle("tokio::runtime::runtime::Runtime::block_on", 0), 2);
}

/// What is wrong names its owner, where there is one, its age, the call, and why that is believed.
#[test]
fn what_is_said_of_each_problem() {
    let mut woken = Scene::new(0, Vec::new()).task(1, 0).task(2, 1);
    let lost = &mut woken.snapshot.tasks.tasks[0];
    lost.state = TaskState::LostWaker;
    (lost.last_waker, lost.last_wake_ns) = (Waker::Task(2), 5 * S);
    let stack = "shop::main;shop::flush;shop::Gate::poll";
    let profile = crate::view::fixture::profile(&[("t0", stack, 1)]);
    lost.waits[0].stack = profile.samples[0].stack.clone();
    woken.profile = profile;
    let problems = woken.problems();
    assert_eq!(problems[0].kind, Kind::LostWaker);
    let words = "task #2 (save) woke it last, 5.00 s ago";
    assert!(
        problems[0].evidence.contains(&words.to_owned()),
        "{problems:#?}"
    );
    assert_ne!(problems[0].site, Site::default());
    let blocked = Scene::new(2, Vec::new())
        .polls(0, 1, 4 * S)
        .polls(1, 2, 3 * S);
    let runtime = blocked.blocked_runtime(&[0, 1]).problems();
    assert_eq!(runtime[0].kind, Kind::BlockedRuntime);
    let poll = Scene::new(1, Vec::new()).polls(0, 1, 4 * S).problems();
    let mut convoy = mutex(
        1,
        vec![holder(thread(0), MS)],
        (1..5).map(|number| waiter(thread(number), 3 * S)).collect(),
    );
    (convoy.exclusive.acquired, convoy.exclusive.contended) = (100, 99);
    convoy.holders[0].since = hotpoll_profile::Since::Exact;
    let queue = Scene::new(5, vec![convoy]).problems();
    for one in [&runtime[0], &poll[0], &queue[0]] {
        assert_ne!(one.site, Site::default(), "{one:#?}");
        let owner = one.owner.as_ref().unwrap();
        assert!(owner.actor.is_some() && !owner.doing.is_empty(), "{one:#?}");
        assert!(one.age_ns > 0 && !one.evidence.is_empty(), "{one:#?}");
    }
    assert_eq!(runtime[0].owner.as_ref().unwrap().who, "task #1 (save)");
}

/// The tasks are not seen at the same moment as the locks. Who was polled meanwhile may have had one waker in another wait; found by the storm of cli/tests/stuck.
#[test]
fn a_task_that_was_polled_meanwhile() {
    let resources = vec![async_mutex(
        1,
        vec![holder(task(1, 0), 12 * S)],
        vec![waiter(task(1, 0), 12 * S)],
    )];
    let kinds = |state_ns, took_ns| {
        let mut scene = Scene::new(1, resources.clone()).task(1, 1);
        scene.snapshot.tasks.tasks[0].state_ns = state_ns;
        scene.snapshot.took_ns = took_ns;
        kinds_of(&scene)
    };
    assert_eq!(kinds(12 * S, 2 * MS), [Kind::Deadlock]);
    assert_eq!(kinds(MS, 2 * MS), []);
    // Of one that is not listed nothing is known.
    let unknown = Scene::new(1, resources.clone());
    assert_eq!(kinds_of(&unknown), [Kind::PossibleDeadlock]);
}

/// One branch of a join sleeps with a lock that the other one waits for: the sleep wakes the task.
#[test]
fn who_holds_what_it_waits_for_and_is_woken_otherwise() {
    let one = |waiters| vec![async_mutex(1, vec![holder(task(1, 0), 12 * S)], waiters)];
    let alone = one(vec![waiter(task(1, 0), 12 * S)]);
    Scene::new(1, alone.clone()).task(1, 2).check(&[]);
    assert_eq!(kinds_of(&Scene::new(1, alone).task(1, 1)), [Kind::Deadlock]);
    // Somebody else waits for it, too: it is held for long.
    let with_others = one(vec![waiter(task(1, 0), 3 * S), waiter(task(2, 0), 2 * S)]);
    Scene::new(1, with_others).task(1, 2).task(2, 1).check(&[(
        Kind::LongHold,
        "task #1 (save) holds mutex shop.rs:1, one waits",
    )]);
    // A permit that it holds itself comes back; that of another one who is dead does not.
    let permits = semaphore(
        1,
        2,
        vec![holder(task(1, 0), 3 * S), holder(task(2, 0), 3 * S)],
        vec![waiter(task(1, 0), 3 * S)],
    );
    let behind = async_mutex(
        2,
        vec![holder(task(1, 0), 3 * S)],
        vec![waiter(task(2, 0), 3 * S)],
    );
    let scene = Scene::new(1, vec![permits, behind]).task(1, 2).task(2, 1);
    assert!(!kinds_of(&scene).contains(&Kind::PossibleDeadlock));
}

/// Children of a set of futures share their task's number, and one goes on while another one waits; the set has one waker for all of them.
#[test]
fn futures_of_a_set() {
    let set = |wait_in_set, hold_in_set| {
        let mut resources = vec![async_mutex(
            1,
            vec![holder(task(1, 0), 12 * S)],
            vec![waiter(task(1, 0), 12 * S)],
        )];
        resources[0].waiters[0].in_set = wait_in_set;
        resources[0].holders[0].in_set = hold_in_set;
        kinds_of(&Scene::new(1, resources).task(1, 1))
    };
    assert_eq!(set(true, true), []);
    // The body holds it, and awaits the set.
    assert_eq!(set(true, false), [Kind::PossibleDeadlock]);
    assert_eq!(set(false, true), []);
    assert_eq!(set(false, false), [Kind::Deadlock]);
    // With another task in the circle it is possible, and no more: whichever edge is in a set.
    let in_set: [fn(&mut Vec<Resource>); 4] = [
        |all| all[0].waiters[0].in_set = true,
        |all| all[0].holders[0].in_set = true,
        |all| all[1].waiters[0].in_set = true,
        |all| all[1].holders[0].in_set = true,
    ];
    for change in in_set {
        let mut resources = vec![
            async_mutex(
                1,
                vec![holder(task(1, 0), 3 * S)],
                vec![waiter(task(2, 0), 3 * S)],
            ),
            async_mutex(
                2,
                vec![holder(task(2, 0), 3 * S)],
                vec![waiter(task(1, 0), 3 * S)],
            ),
        ];
        change(&mut resources);
        let problems = Scene::new(1, resources).task(1, 1).task(2, 1).problems();
        assert_eq!(
            (problems[0].kind, problems[0].confidence),
            (Kind::PossibleDeadlock, Confidence::Possible),
            "{problems:#?}"
        );
    }
}
