//! Why something is not as it should be: a sample lost, a callchain cut short, an engine chosen.

/// A closed set of reasons that can be counted in [`crate::Counts`] and written as a small number.
pub trait Reason: Copy + 'static {
    /// Every reason, in the order of [`Reason::index`].
    const ALL: &'static [Self];
    /// The reason's place in [`Reason::ALL`]; stable across versions, as it is written to files.
    fn index(self) -> usize;
    /// A few words for a person.
    fn label(self) -> &'static str;
    /// The reason with this index, if there is one.
    fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }
        impl Reason for $name {
            const ALL: &'static [Self] = &[$($name::$variant,)+];
            fn index(self) -> usize { self as usize }
            fn label(self) -> &'static str { match self { $($name::$variant => $label,)+ } }
        }
        const _: () = assert!($name::ALL.len() <= crate::counts::MAX_REASONS);
    };
}

reasons! {
    /// Why a timer expiry that reached the handler left no record.
    Loss {
        /// The thread's ring had no room: the drain was late.
        RingFull => "ring full",
        /// The expiry named a slot that is no longer this thread's.
        StaleSlot => "stale timer",
        /// Too little stack was left below the interrupted frame to do anything safely.
        NoStackRoom => "no stack room",
        /// Another SIGPROF handler ran in place of ours.
        HandlerReplaced => "handler replaced",
    }
}

reasons! {
    /// Why a callchain does not reach the thread's start. [`Truncation::Complete`] means that it does.
    Truncation {
        /// The walk reached the thread's start.
        Complete => "complete",
        /// The depth limit was reached.
        Depth => "depth limit",
        /// The stack pointer lies outside the thread's own stack.
        ForeignStack => "foreign stack",
        /// The thread's stack bounds are not known (yet).
        UnknownStack => "stack bounds unknown",
        /// A frame's address lies in no known module.
        NoModule => "code in no known module",
        /// The module says nothing about unwinding this address.
        NoUnwindInfo => "no unwind information",
        /// The unwind rule is one the table cannot express.
        UnsupportedRule => "unwind rule not supported",
        /// The frame needed the frame pointer, which was not known.
        UnknownFramePointer => "frame pointer unknown",
        /// A stack slot to be read lies outside the stack.
        StackRead => "stack read out of bounds",
        /// The walk did not move up the stack.
        NoProgress => "no progress",
        /// Ordinary hotpoll code was unwinding on this thread.
        InHotpoll => "in hotpoll",
        /// Too little stack was left for the walk; the leaf was kept.
        NoStackRoom => "no stack room",
        /// The unwind tables are not ready yet.
        TablesNotReady => "unwind tables not ready",
    }
}

reasons! {
    /// The timer that drives a thread's samples.
    Engine {
        /// No timer: the thread is not sampled.
        None => "none",
        /// `timer_create` on the thread's CPU clock; at most the kernel's tick rate.
        Ctimer => "ctimer",
        /// A perf `task-clock` event with a signal on overflow; kernel time carries no samples.
        Perf => "perf",
    }
}

reasons! {
    /// Why a thread has the engine that it has.
    EngineReason {
        /// The setting names this engine.
        Asked => "asked for",
        /// The default: cheap and exact in total at the rate asked.
        Default => "rate within the kernel tick",
        /// The rate asked is above the kernel's tick rate.
        RateAboveTick => "rate above the kernel tick",
        /// The thread runs in bursts of a few kernel ticks at most.
        ShortBursts => "bursts of a few ticks at most",
        /// More than 5 % of the thread's CPU time was unsampled.
        Unsampled => "over 5 % unsampled",
        /// perf would fit better, and the kernel or a seccomp filter denies it.
        PerfDenied => "perf not permitted",
        /// perf would fit better, and would cost more than 1 % in context switches.
        SwitchCost => "perf would cost over 1 % in switches",
        /// perf would fit better, and a quarter of the descriptors is in use.
        DescriptorLimit => "descriptor budget used up",
        /// No timer could be made: a quarter of the pending-signal limit is in use.
        PendingSignalLimit => "pending-signal budget used up",
        /// The thread blocks the sampling signal.
        SignalBlocked => "blocks the signal",
        /// The thread belongs to hotpoll.
        OwnThread => "hotpoll's own thread",
        /// The kernel refused the timer.
        TimerRefused => "timer refused",
    }
}

reasons! {
    /// Why a look at a sleeping thread from outside gave no stack.
    CaptureFailure {
        /// It was running: such a look is for the CPU samples to tell.
        Running => "running",
        /// It ran between the two reads that confirm a copy.
        Moved => "moved while being read",
        /// The kernel did not say where its stack pointer is.
        NoStackPointer => "stack pointer not told",
        /// Its stack pointer lies outside its own stack.
        ForeignStack => "foreign stack",
        /// Its stack could not be read.
        Unreadable => "stack could not be read",
        /// No frame could be unwound from the copy.
        Unwind => "not unwound",
        /// It had ended.
        Gone => "ended",
    }
}
