//! Tasks that began to wait before stacks could be walked: a counted failure then, and a refresh shows them. Alone in its process, which starts late.

mod support;

use hotpoll_hooks::tasks;
use hotpoll_profile::TaskState;
use std::time::Duration;
use support::{told, until};

const DAY: Duration = Duration::from_secs(86_400);

async fn on_sleep() {
    tokio::time::sleep(DAY).await;
}

async fn on_join() {
    let _ = tasks::spawn_named("day", tokio::time::sleep(DAY)).await;
}

#[test]
fn a_refresh_shows_what_was_missed() {
    let (_sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("start");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let spawned = [
        tasks::spawn_named("sleeps", on_sleep()),
        tasks::spawn_named("joins", on_join()),
    ];
    let names = ["sleeps", "joins", "day"];
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
    assert_eq!(tasks::refresh(1, Duration::from_millis(1)), 3);
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
