//! tokio's channels for many senders and one receiver, told of. Names and behaviour are those of [`tokio::sync::mpsc`].

mod bounded;
mod permit;
mod receiver;
mod unbounded;

pub use bounded::{Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::{Receiver, UnboundedReceiver};
pub use tokio::sync::mpsc::error;
pub use unbounded::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
