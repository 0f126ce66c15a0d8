//! What a thread can wait for.

/// What a thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WaitKind {
    /// To hold a mutex.
    Mutex,
    /// To read under a read-write lock.
    RwLockRead,
    /// To write under a read-write lock.
    RwLockWrite,
    /// To hold a file's lock: `flock`, `fcntl`.
    FileLock,
    /// A condition variable's notification.
    Condvar,
    /// That another thread finishes an initialization.
    Once,
    /// A message.
    ChannelReceive,
    /// Room for a message, or somebody to take it.
    ChannelSend,
    /// Any of several channels.
    ChannelSelect,
    /// To be unparked: a thread that has nothing to do, mostly.
    Park,
    /// A permit of a semaphore.
    Semaphore,
    /// The others, at a barrier.
    Barrier,
    /// The end of a thread, or of work that it does for this one.
    Join,
    /// The end of another process.
    Process,
    /// A signal.
    Signal,
    /// A time to come.
    Sleep,
    /// Input or output.
    Io,
}

impl WaitKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Mutex,
        Self::RwLockRead,
        Self::RwLockWrite,
        Self::FileLock,
        Self::Condvar,
        Self::Once,
        Self::ChannelReceive,
        Self::ChannelSend,
        Self::ChannelSelect,
        Self::Park,
        Self::Semaphore,
        Self::Barrier,
        Self::Join,
        Self::Process,
        Self::Signal,
        Self::Sleep,
        Self::Io,
    ];

    /// A word or two for a person.
    pub fn label(self) -> &'static str {
        match self {
            Self::Mutex => "mutex",
            Self::RwLockRead => "rwlock read",
            Self::RwLockWrite => "rwlock write",
            Self::FileLock => "file lock",
            Self::Condvar => "condvar",
            Self::Once => "once",
            Self::ChannelReceive => "channel recv",
            Self::ChannelSend => "channel send",
            Self::ChannelSelect => "channel select",
            Self::Park => "park",
            Self::Semaphore => "semaphore",
            Self::Barrier => "barrier",
            Self::Join => "join",
            Self::Process => "process",
            Self::Signal => "signal",
            Self::Sleep => "sleep",
            Self::Io => "I/O",
        }
    }

    /// Whether somebody else holds what the thread waits for, and the wait ends when that one lets go.
    pub fn is_lock(self) -> bool {
        matches!(
            self,
            Self::Mutex | Self::RwLockRead | Self::RwLockWrite | Self::FileLock | Self::Once
        )
    }

    /// Whether other waits are made of it: then the functions further out say what for. A mutex is what it is, whatever is locked for.
    pub(super) fn is_mechanism(self) -> bool {
        matches!(self, Self::Condvar | Self::Park)
    }
}
