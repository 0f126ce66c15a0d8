//! `#[hotpoll::main]` and `#[hotpoll::instrument]` on functions as people write them.

use std::num::ParseIntError;

/// An entry point with an error of its own, called like any function.
#[hotpoll::main(flavor = "current_thread", sampling_hz = 199)]
async fn entry() -> Result<u64, Box<dyn std::error::Error>> {
    let parsed = parse("17").await?;
    let text = Shop { prefix: "no. " }.label(&parsed).await;
    let many = generic::<_, 2>([parsed, 25]).await;
    hotpoll::spawn_named("checked", async move {
        assert_eq!(text, "no. 17");
    })
    .await?;
    match parse("seventeen").await {
        Err(_) => Ok(many),
        Ok(number) => Err(format!("seventeen is {number}").into()),
    }
}

/// tokio by another path.
mod shared {
    pub use tokio as runtime_crate;
}

/// What tokio's own attribute takes.
#[hotpoll::main(
    name = "web",
    crate = "crate::shared::runtime_crate",
    worker_threads = 1
)]
async fn named() -> Option<String> {
    let handle = tokio::runtime::Handle::current();
    handle.name().map(str::to_owned)
}

/// A runtime whose tasks need not be `Send`.
#[hotpoll::main(flavor = "local", name = "alone")]
async fn local() -> (Option<String>, u64) {
    let count = std::rc::Rc::new(std::cell::Cell::new(41));
    let shared = std::rc::Rc::clone(&count);
    let task = hotpoll::spawn_local(async move { shared.set(shared.get() + 1) });
    task.await.expect("it ends well");
    let handle = tokio::runtime::Handle::current();
    (handle.name().map(str::to_owned), count.get())
}

#[hotpoll::instrument]
async fn parse(text: &str) -> Result<u64, ParseIntError> {
    let number = text.parse()?;
    tokio::task::yield_now().await;
    if number == 0 {
        return Ok(1);
    }
    Ok(number)
}

#[hotpoll::instrument(name = "sum")]
pub(crate) async fn generic<T: Copy + Into<u64>, const N: usize>(numbers: [T; N]) -> u64 {
    numbers.into_iter().map(Into::into).sum()
}

struct Shop {
    prefix: &'static str,
}

impl Shop {
    /// With `self` and a lifetime.
    #[hotpoll::instrument]
    async fn label(&self, number: &u64) -> String {
        format!("{}{number}", self.prefix)
    }
}

#[test]
fn the_program_runs_as_it_is_written() {
    assert_eq!(named().as_deref(), Some("web"));
    assert_eq!(local(), (Some("alone".to_owned()), 42));
    assert_eq!(entry().unwrap(), 42);
    // The runtime and the profiler have ended: once more.
    assert_eq!(entry().unwrap(), 42);
}
