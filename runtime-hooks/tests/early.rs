//! Tasks that began to wait before stacks could be walked: a counted failure then; their next poll shows them, or a refresh. Alone in its process, which starts late.

mod support;

use hotpoll_hooks::tasks;
use hotpoll_profile::TaskState;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use support::{told, until};
use tokio::sync::Notify;

const DAY: Duration = Duration::from_secs(86_400);

async fn on_sleep() {
    tokio::time::sleep(DAY).await;
}

async fn on_join() {
    let _ = tasks::spawn_named("day", tokio::time::sleep(DAY)).await;
}

/// Polled along with what does come, while what it waits for keeps the first waker that it took.
async fn on_either(comes: Arc<Notify>) {
    let mut day = pin!(tokio::time::sleep(DAY));
    loop {
        tokio::select! {
            () = &mut day => return,
            () = comes.notified() => {}
        }
    }
}

#[test]
fn what_was_missed_is_shown_at_the_next_poll_or_by_a_refresh() {
    let (_sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("start");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let comes = Arc::new(Notify::new());
    let spawned = [
        tasks::spawn_named("sleeps", on_sleep()),
        tasks::spawn_named("joins", on_join()),
        tasks::spawn_named("either", on_either(comes.clone())),
    ];
    let names = ["sleeps", "joins", "day", "either"];
    let seen = until("waiting", |seen| {
        names.iter().all(|name| {
            let tasks = seen.of(name);
            tasks
                .first()
                .is_some_and(|task| task.state == TaskState::Waiting)
        })
    });
    for name in names {
        let kind = seen.kind(name);
        assert!(kind.captures_failed > 0, "{name}");
        assert_eq!(kind.captures, kind.captures_failed);
        assert!(seen.one(name).waits.is_empty());
    }
    modules.refresh();
    tasks::take_stacks_anew();
    comes.notify_one();
    let seen = until(
        "the one that is polled shows all that it waits for",
        |seen| {
            let task = seen.one("either");
            task.polls == 2 && task.waits.len() == 2 && task.state == TaskState::Waiting
        },
    );
    let stacks: Vec<String> = (seen.stacks(seen.one("either")).into_iter())
        .map(told)
        .collect();
    for what in ["sleep::Sleep", "Notified"] {
        assert!(
            stacks.iter().any(|stack| stack.contains(what)),
            "{stacks:#?}"
        );
    }
    for name in &names[..3] {
        // Nobody was woken for it.
        let task = seen.one(name);
        assert_eq!((task.polls, task.waits.len()), (1, 0), "{name}");
    }
    let names = &names[..3];
    assert_eq!(tasks::refresh(1, Duration::from_millis(1)), 4);
    let seen = until("polled again", |seen| {
        names.iter().all(|name| {
            let task = seen.one(name);
            !task.waits.is_empty() && task.state == TaskState::Waiting
        })
    });
    for name in names {
        let task = seen.one(name);
        // Being asked to show itself is no poll that anybody hears of.
        assert_eq!(task.polls, 1);
        assert_eq!(task.waits.len(), 1, "{name}: {:#?}", seen.kind(name));
        assert!(told(seen.stack(task)).contains("tokio::"), "{name}");
    }
    spawned.iter().for_each(tokio::task::JoinHandle::abort);
}
