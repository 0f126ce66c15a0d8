//! A future that says "not yet" and keeps nobody's waker: its task sleeps for ever.
//!
//! # The known answer
//! The one task of the kind `mailbox` has a lost waker: it is pending, nobody has scheduled it, and nobody holds its waker. The task of the kind
//! `patient` waits as long, for a message that comes at the end; its waker is held, and it has no problem.
//!
//! `cargo run --release --example lost-waker -- [SECONDS]` (60), then `hotpoll tasks`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

const EXAMPLE: &str = "lost-waker";

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let (send, receive) = tokio::sync::oneshot::channel::<u64>();
    let patient = hotpoll::spawn_named("patient", receive);
    hotpoll::spawn_named("mailbox", async {
        let mail = Mail { letters: 0 };
        println!("lost-waker: {} letters", mail.await);
    });
    shared::ready(EXAMPLE, "hotpoll tasks {}");
    tokio::time::sleep(seconds).await;
    let _ = send.send(1);
    patient.await??;
    Ok(())
}

/// Mail that will come one day.
struct Mail {
    letters: u64,
}

impl Future for Mail {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<u64> {
        // The bug: whoever brings a letter has no waker to wake.
        match self.letters {
            0 => Poll::Pending,
            letters => Poll::Ready(letters),
        }
    }
}
