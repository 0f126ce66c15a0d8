//! The thread hooks of a tokio runtime.
//!
//! tokio keeps one callback for each event, and a later one replaces an earlier: so the user's own callbacks are taken along here.

use tokio::runtime::Builder;

/// The user's own thread callbacks, which tokio would otherwise drop when hotpoll sets its own.
#[derive(Default)]
pub struct Hooks {
    on_start: Option<Box<dyn Fn() + Send + Sync>>,
    on_stop: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Hooks {
    /// No callbacks of the user's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called on each runtime thread when it starts, after hotpoll's own hook.
    pub fn on_thread_start(mut self, callback: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_start = Some(Box::new(callback));
        self
    }

    /// Called on each runtime thread when it ends, before hotpoll's own hook.
    pub fn on_thread_stop(mut self, callback: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Box::new(callback));
        self
    }

    /// Sets hotpoll's thread hooks on the builder, with the user's callbacks inside them.
    ///
    /// Do not call the builder's own `on_thread_start` or `on_thread_stop` afterwards: tokio keeps only the last callback. hotpoll still
    /// samples those threads, a little later and without task IDs.
    pub fn install(self, builder: &mut Builder) -> &mut Builder {
        let Self { on_start, on_stop } = self;
        builder
            .on_thread_start(move || {
                thread_started();
                if let Some(callback) = &on_start {
                    callback();
                }
            })
            .on_thread_stop(move || {
                if let Some(callback) = &on_stop {
                    callback();
                }
                thread_stops();
            })
    }
}

/// Attaches hotpoll to the threads of a runtime that this builder will build.
///
/// Samples on them then carry the ID of the task being polled, and the threads are sampled from their start. If the program has callbacks of its
/// own for `on_thread_start` or `on_thread_stop`, hand them to [`Hooks`] instead: tokio keeps one callback for each.
///
/// ```
/// let mut builder = tokio::runtime::Builder::new_multi_thread();
/// let runtime = hotpoll_hooks::runtime(&mut builder).worker_threads(2).build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn runtime(builder: &mut Builder) -> &mut Builder {
    Hooks::new().install(builder)
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn thread_started() {
    if is_switched_off() {
        return;
    }
    // Ordinary code makes the first call, which may allocate; the handler's calls are then safe.
    crate::task_id::current();
    hotpoll_sampler::register_task_id(crate::task_id::current);
    hotpoll_sampler::announce_runtime_thread();
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        crate::tasks::runtimes::start(&runtime, hotpoll_sampler::current_tid());
    }
}

/// Whether `HOTPOLL=off`: nothing will ever start here. Asked by the first thread of a runtime.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn is_switched_off() -> bool {
    use std::sync::atomic::{AtomicU8, Ordering};
    /// 0 while nobody has asked. Not a `OnceLock`: a child forked while another thread was asking would wait for that thread, which it does not have.
    static SWITCH: AtomicU8 = AtomicU8::new(0);
    const ON: u8 = 1;
    const OFF: u8 = 2;
    // Relaxed: only the number itself counts, and whoever asks finds the same.
    match SWITCH.load(Ordering::Relaxed) {
        0 => {
            let off = std::env::var_os("HOTPOLL").is_some_and(|value| value == "off");
            SWITCH.store(if off { OFF } else { ON }, Ordering::Relaxed);
            off
        }
        switch => switch == OFF,
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn thread_stops() {
    if is_switched_off() {
        return;
    }
    hotpoll_sampler::retire_runtime_thread();
    crate::tasks::runtimes::end(hotpoll_sampler::current_tid());
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn thread_started() {}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn thread_stops() {}

// Miri is spared the runtime with many threads (Cargo.toml).
#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_users_callbacks_are_taken_along() {
        let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (on_start, on_stop) = (Arc::clone(&started), Arc::clone(&stopped));
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        Hooks::new()
            .on_thread_start(move || {
                on_start.fetch_add(1, Ordering::SeqCst);
            })
            .on_thread_stop(move || {
                on_stop.fetch_add(1, Ordering::SeqCst);
            })
            .install(&mut builder);
        let runtime = builder.build().unwrap();
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
        drop(runtime);
        assert_eq!(started.load(Ordering::SeqCst), 2);
        assert_eq!(stopped.load(Ordering::SeqCst), 2);
    }
}
