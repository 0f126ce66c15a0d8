//! The module thread: unwind tables in step with the loader.

use super::{LoadedModules, Shared, lock};
use hotpoll_profile::Module;
use hotpoll_profile::protocol::UnwindModule;
use hotpoll_sampler::ModuleWatch;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks: a module loaded by `dlopen` is usable within twice this. Looking costs about a microsecond.
const PERIOD: Duration = Duration::from_millis(50);
/// The promise.
const USABLE_WITHIN: Duration = Duration::from_millis(100);
const _: () = assert!(2 * PERIOD.as_nanos() <= USABLE_WITHIN.as_nanos());

/// Runs until it is told to end.
pub(super) fn run(shared: &Shared, mut watch: ModuleWatch) {
    shared.i_am_the_module_thread();
    // Compiling the first tables takes a while; the names of what is loaded need not wait for that.
    let loaded = hotpoll_sampler::module::loaded();
    *lock(&shared.modules) = LoadedModules {
        unwind: loaded.iter().map(not_ready).collect(),
        modules: Arc::new(loaded),
        table_bytes: 0,
    };
    let mut leaks_told = watch.leaked_tables();
    while !shared.progress.is_stopping() {
        let before_ns = hotpoll_sampler::thread_cpu_ns();
        if watch.refresh() {
            let cpu_ns = hotpoll_sampler::thread_cpu_ns() - before_ns;
            lock(&shared.account).once(cpu_ns);
            // Tasks that began to wait before there were tables for where they did show it at their next poll.
            #[cfg(feature = "tokio")]
            hotpoll_hooks::tasks::take_stacks_anew();
            let loaded = LoadedModules {
                modules: watch.modules(),
                unwind: unwind(&watch),
                table_bytes: watch.table_bytes(),
            };
            *lock(&shared.modules) = loaded;
            if watch.leaked_tables() > leaks_told {
                leaks_told = u64::MAX; // once is enough
                shared.notice(
                    "a thread has left a walk of its stack by a jump or a signal handler that did not return; replaced unwind tables \
                     stay in memory, as it may still be using them"
                        .to_owned(),
                );
            }
        }
        shared.progress.unwinding();
        std::thread::park_timeout(PERIOD);
    }
}

fn not_ready(module: &Module) -> UnwindModule {
    UnwindModule {
        path: module.path.clone(),
        build_id: module.build_id.clone(),
        ready: false,
        ..UnwindModule::default()
    }
}

fn unwind(watch: &ModuleWatch) -> Vec<UnwindModule> {
    let modules = watch.modules();
    let tables = watch.unwind().into_iter();
    tables
        .map(|table| {
            let module = modules
                .iter()
                .rev()
                .find(|module| module.path == table.path);
            UnwindModule {
                build_id: module.map_or(Vec::new(), |module| module.build_id.clone()),
                path: table.path,
                has_eh_frame: table.has_unwind_info,
                ready: true,
                rows: table.size.rows as u64,
                unsupported_rows: table.size.unsupported_rows as u64,
                table_bytes: table.size.bytes as u64,
                compile_ns: table.compile_time.as_nanos() as u64,
            }
        })
        .collect()
}
