//! A future whose waker is thrown away by the one who was to wake it: its task sleeps for ever.
//!
//! # The known answer
//! The one task of the kind `mailbox` has a lost waker: it is pending, nobody has scheduled it, and nobody holds its waker any more. The task of the
//! kind `patient` waits as long, for a message that comes at the end; its waker is held, and it has no problem. The one of the kind `hermit` waits
//! for ever on purpose, and nobody ever had its waker: whether that is a mistake cannot be told, and its state says so (`no waker`).
//!
//! `cargo run --release --example lost-waker -- [SECONDS]` (60), then `hotpoll tasks`.

#[path = "shared/mod.rs"]
mod shared;

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const EXAMPLE: &str = "lost-waker";
/// How long the postman is on his way.
const ROUND: Duration = Duration::from_millis(50);

#[hotpoll::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = shared::seconds(EXAMPLE)?;
    let (send, receive) = tokio::sync::oneshot::channel::<u64>();
    let patient = hotpoll::spawn_named("patient", receive);
    hotpoll::spawn_named("hermit", std::future::pending::<()>());
    let (waits, postman) = std::sync::mpsc::channel();
    hotpoll::spawn_named("mailbox", async {
        let mail = Mail { letters: 0, waits };
        println!("lost-waker: {} letters", mail.await);
    });
    std::thread::spawn(move || {
        while let Ok(who_waits) = postman.recv() {
            std::thread::sleep(ROUND);
            // The bug: a new round begins with a new list, and whoever was on the old one is forgotten.
            drop::<Waker>(who_waits);
        }
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
    waits: Sender<Waker>,
}

impl Future for Mail {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u64> {
        match self.letters {
            0 => {
                let _ = self.waits.send(context.waker().clone());
                Poll::Pending
            }
            letters => Poll::Ready(letters),
        }
    }
}
