//! The attributes of hotpoll. They are exported by the crate `hotpoll`, which their output refers to.
//!
//! In: an async function's tokens. Out: the same function with a call of hotpoll around its body. Nothing in the body is touched, so that
//! errors in it are reported where they are. Without `syn`: a function's head is simple enough, and whoever links hotpoll builds this too.

mod arguments;
mod function;
mod instrument;
mod main_function;

use proc_macro::TokenStream;

/// Starts hotpoll and an instrumented tokio runtime, and runs the async function on it.
///
/// It is `#[tokio::main]` with the profiler: threads are sampled from their start, samples carry the task, and the function itself is a tracked
/// task. Where sampling cannot start, the program runs without it and says why in one line on standard error; `HOTPOLL=off` is no such reason.
///
/// Arguments, all optional: those that `#[tokio::main]` takes on stable, and the rate.
///
/// | argument | |
/// |---|---|
/// | `sampling_hz = 199` | as `hotpoll::Builder::sampling_hz` |
/// | `flavor = "multi_thread"` | or `"current_thread"`, or `"local"`, whose tasks need not be `Send` |
/// | `worker_threads = 4` | of the multi-thread flavor |
/// | `start_paused = true` | tokio's test clock (its feature `test-util`), not of the multi-thread flavor |
/// | `name = "web"` | the runtime's name, which `hotpoll tasks` shows |
/// | `crate = "shared::tokio"` | where tokio is, if not `::tokio` |
///
/// ```ignore
/// #[hotpoll::main(worker_threads = 2, sampling_hz = 199)]
/// async fn main() -> std::io::Result<()> {
///     hotpoll::spawn_named("ticker", async { /* … */ }).await?;
///     Ok(())
/// }
/// ```
/// The program depends on tokio itself, with the features `rt-multi-thread` (or `rt`) and what else it uses.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    main_function::expand(arguments.into(), item).unwrap_or_else(|error| error.into_tokens())
}

/// Tracks each call of an async function as a task of its own, inside the task that awaits it.
///
/// Its kind is the function's name, or `#[hotpoll::instrument(name = "GET /invoice")]`.
///
/// ```ignore
/// #[hotpoll::instrument]
/// async fn invoice(number: u64) -> Result<String, Error> {
///     // …
/// }
/// ```
#[proc_macro_attribute]
pub fn instrument(arguments: TokenStream, item: TokenStream) -> TokenStream {
    instrument::expand(arguments.into(), item).unwrap_or_else(|error| error.into_tokens())
}
