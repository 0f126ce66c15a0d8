//! The one place where this program knows of hotpoll.

use hotpoll::{Builder, Guard, StartError};

/// Starts the profiler, and keeps it running while the guard lives. `HOTPOLL=off` in the environment keeps it out.
pub fn start() -> Result<Guard, StartError> {
    Builder::new().sampling_hz(99).start()
}

/// Lets the profiler see the runtime's threads from their first moment, and know which task they run.
pub fn hook(builder: &mut tokio::runtime::Builder) {
    hotpoll::runtime(builder);
}

/// Counts a request that was answered: reports then say what one costs, and builds are compared per request.
pub fn answered() {
    hotpoll::work("requests", 1);
}
