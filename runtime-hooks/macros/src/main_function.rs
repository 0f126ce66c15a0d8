//! `#[hotpoll::main]`.

use crate::arguments::{Arguments, Error};
use crate::function::Function;
use proc_macro::{Delimiter, Group, TokenStream, TokenTree};
use std::fmt::Write;

const KNOWN: &[&str] = &["sampling_hz", "flavor", "worker_threads", "start_paused"];

/// The function without `async`: its body is the async function itself, and the call that runs it.
pub(crate) fn expand(arguments: Arguments, item: TokenStream) -> Result<TokenStream, Error> {
    let function = Function::parse(item)?;
    if !function.inputs.stream().is_empty() {
        return Err(Error::new(
            function.inputs.span(),
            "hotpoll: the function takes no arguments: its attribute makes it an entry point",
        ));
    }
    let mut new = "new_multi_thread";
    let mut settings = String::new();
    let mut hz = "None".to_owned();
    let mut workers_at = None;
    for argument in arguments.parse(KNOWN)? {
        match &*argument.name {
            "sampling_hz" => {
                let asked = argument.number()?;
                let asked = u32::try_from(asked).map_err(|_| {
                    Error::new(argument.span, "hotpoll: `sampling_hz` is at most 10000")
                })?;
                hz = format!("Some({asked})");
            }
            "flavor" => match &*argument.text()? {
                "multi_thread" => {}
                "current_thread" => new = "new_current_thread",
                _ => {
                    return Err(Error::new(
                        argument.span,
                        "hotpoll: `flavor` is \"multi_thread\" or \"current_thread\"",
                    ));
                }
            },
            "worker_threads" => {
                let workers = argument.number()?;
                if workers == 0 {
                    return Err(Error::new(
                        argument.span,
                        "hotpoll: `worker_threads` is at least 1",
                    ));
                }
                // Writing to a String does not fail.
                let _ = write!(settings, ".worker_threads({workers}usize)");
                workers_at = Some(argument.span);
            }
            _ => {
                let _ = write!(settings, ".start_paused({})", argument.flag()?);
            }
        }
    }
    if let (Some(span), "new_current_thread") = (workers_at, new) {
        return Err(Error::new(
            span,
            "hotpoll: `worker_threads` goes with the flavor \"multi_thread\"",
        ));
    }

    let name = &function.name;
    let call = format!(
        "let _profiler = ::hotpoll::__private::start({hz}); \
         let mut builder = ::tokio::runtime::Builder::{new}(); \
         let runtime = ::hotpoll::runtime(&mut builder).enable_all(){settings}.build().expect(\"a tokio runtime\"); \
         ::hotpoll::block_on_named(&runtime, \"{name}\", {name}())"
    );
    let call: TokenStream = call
        .parse()
        .map_err(|_| Error::new(name.span(), "hotpoll: this name cannot be called"))?;

    let mut body = TokenStream::from_iter(function.head.iter().cloned());
    body.extend([TokenTree::Group(function.body)]);
    body.extend(call);
    let mut expanded = TokenStream::from_iter(function.before);
    // All of the head but `async`.
    expanded.extend(function.head.into_iter().skip(1));
    expanded.extend([TokenTree::Group(Group::new(Delimiter::Brace, body))]);
    Ok(expanded)
}
