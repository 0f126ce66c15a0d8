//! `#[hotpoll::main]`.

use crate::arguments::{Argument, Arguments, Error};
use crate::function::Function;
use proc_macro::{Delimiter, Group, TokenStream, TokenTree};
use std::fmt::Write;

const KNOWN: &[&str] = &[
    "sampling_hz",
    "flavor",
    "worker_threads",
    "start_paused",
    "name",
    "crate",
];
/// What tokio takes under its `--cfg tokio_unstable` alone.
const UNSTABLE: &[&str] = &["unhandled_panic"];

/// tokio's three sorts of runtime.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flavor {
    MultiThread,
    CurrentThread,
    Local,
}

/// The attribute's arguments, understood.
struct Settings {
    flavor: Flavor,
    /// Calls on the runtime's builder.
    builder: String,
    /// The rate, as an `Option`.
    hz: String,
    /// Where tokio is.
    tokio: String,
}

impl Settings {
    fn parse(arguments: Arguments) -> Result<Self, Error> {
        let mut settings = Self {
            flavor: Flavor::MultiThread,
            builder: String::new(),
            hz: "None".to_owned(),
            tokio: "::tokio".to_owned(),
        };
        // Where they stand, if they are given: they go with one flavor only.
        let (mut workers_at, mut paused_at) = (None, None);
        for argument in arguments.parse(KNOWN, UNSTABLE)? {
            match &*argument.name {
                "sampling_hz" => {
                    let asked = argument.number()?;
                    let asked = u32::try_from(asked)
                        .map_err(|_| argument.error("`sampling_hz` is at most 10000"))?;
                    settings.hz = format!("Some({asked})");
                }
                "flavor" => settings.flavor = flavor(&argument)?,
                "worker_threads" => {
                    let workers = argument.number()?;
                    if workers == 0 {
                        return Err(argument.error("`worker_threads` is at least 1"));
                    }
                    // Writing to a String does not fail.
                    let _ = write!(settings.builder, ".worker_threads({workers}usize)");
                    workers_at = Some(argument);
                }
                "start_paused" => {
                    let _ = write!(settings.builder, ".start_paused({})", argument.flag()?);
                    paused_at = Some(argument);
                }
                "name" => match &*argument.text()? {
                    "" => return Err(argument.error("`name` is not empty")),
                    name => {
                        let _ = write!(settings.builder, ".name(\"{name}\")");
                    }
                },
                _ => settings.tokio = argument.path()?,
            }
        }
        match (settings.flavor, workers_at, paused_at) {
            (Flavor::MultiThread, _, Some(argument)) => Err(argument
                .error("`start_paused` goes with the flavors \"current_thread\" and \"local\"")),
            (Flavor::CurrentThread | Flavor::Local, Some(argument), _) => {
                Err(argument.error("`worker_threads` goes with the flavor \"multi_thread\""))
            }
            _ => Ok(settings),
        }
    }
}

fn flavor(argument: &Argument) -> Result<Flavor, Error> {
    match &*argument.text()? {
        "multi_thread" => Ok(Flavor::MultiThread),
        "current_thread" => Ok(Flavor::CurrentThread),
        "local" => Ok(Flavor::Local),
        _ => Err(argument.error("`flavor` is \"multi_thread\", \"current_thread\" or \"local\"")),
    }
}

/// The function without `async`: its body is the async function itself, and the call that runs it.
pub(crate) fn expand(arguments: Arguments, item: TokenStream) -> Result<TokenStream, Error> {
    let function = Function::parse(item)?;
    if !function.inputs.stream().is_empty() {
        return Err(Error::new(
            function.inputs.span(),
            "hotpoll: the function takes no arguments: its attribute makes it an entry point",
        ));
    }
    let Settings {
        flavor,
        builder,
        hz,
        tokio,
    } = Settings::parse(arguments)?;
    let name = &function.name;
    let new = match flavor {
        Flavor::MultiThread => "new_multi_thread",
        Flavor::CurrentThread | Flavor::Local => "new_current_thread",
    };
    let (build, run) = match flavor {
        // Its `block_on` wants to be called on the runtime itself.
        Flavor::Local => (
            "build_local(::core::default::Default::default())",
            format!("runtime.block_on(::hotpoll::Track::tracked({name}(), \"{name}\"))"),
        ),
        _ => (
            "build()",
            format!("::hotpoll::block_on_named(&runtime, \"{name}\", {name}())"),
        ),
    };
    let call = format!(
        "let _profiler = ::hotpoll::__private::start({hz}); \
         let mut builder = {tokio}::runtime::Builder::{new}(); \
         let runtime = ::hotpoll::runtime(&mut builder).enable_all(){builder}.{build}.expect(\"a tokio runtime\"); \
         {run}"
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
