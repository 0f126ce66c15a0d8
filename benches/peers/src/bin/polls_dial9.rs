//! polls: dial9 without tokio_unstable, which is to say with its own spawn, recording into memory.
//!
//! It wants a runtime with worker threads: so one worker, against bare tokio on one like it.

use dial9::{Dial9HandleTokioExt, MemoryBuffer, TokioAttachOptions, recorder};
use peers::polls::{Spawn, measure_on};
use std::future::Future;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

struct Subject(Handle);

impl Spawn for Subject {
    fn spawn<F>(&self, future: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        dial9::spawn_in(&self.0, future)
    }
}

fn main() -> std::io::Result<()> {
    let builder = || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_time();
        builder
    };
    let recorder = recorder(MemoryBuffer::new(16 << 20)?).build();
    let options = TokioAttachOptions::builder()
        .task_tracking_enabled(true)
        .build();
    let runtime = recorder.handle().attach_tokio_runtime(builder(), options)?;
    let subject = Subject(runtime.handle().clone());
    measure_on("dial9", &subject, &builder().build()?, &runtime)
}
