//! What does one sample cost, warm, at 15, 30, 60 and 110 frames?
//!
//! The whole signal (tgkill, handler, sigreturn) with the profiler's handler and with an empty one, in turns, in the same run, on the
//! same stack. The ratio is what to quote: absolute figures move with the machine. Warm: the stack is always the same, so caches
//! and tables that the profiler has are as good as they get. `captured_frames` tells whether it walked the stack that it was given.

use peers::arguments::Arguments;
use peers::figures::{Figures, median};
use peers::signal::{Action, whole_signal_ns};
use peers::{stack, subject};

const DEPTHS: [usize; 4] = [15, 30, 60, 110];
const SIGNALS: u32 = 2_000;
const ROUNDS: usize = 25;
/// The timer has to run for a handler to be installed; at this rate it fires about never.
const IDLE_HZ: i32 = 1;

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let rounds = if arguments.quick { 3 } else { ROUNDS };
    let mut figures = Figures::new("sample_cost", subject::NAME);
    for frames in DEPTHS {
        let guard = subject::start(IDLE_HZ);
        let profiler = Action::installed();
        let mut with = Vec::new();
        let mut without = Vec::new();
        // The function that raises the signals is one more frame, and so is the C library's system call.
        stack::at_depth(frames - 2, &mut || {
            for _ in 0..rounds {
                Action::empty().install();
                without.push(whole_signal_ns(SIGNALS));
                profiler.install();
                with.push(whole_signal_ns(SIGNALS));
            }
        });
        let captured = subject::frames_of_top_stack(&guard);
        drop(guard);
        let mut ratios: Vec<f64> = with
            .iter()
            .zip(&without)
            .map(|(with, without)| with / without)
            .collect();
        let empty_ns = median(&mut without);
        let whole_ns = median(&mut with);
        figures.push(format!("empty_signal_{frames}_frames"), empty_ns, "ns");
        figures.push(format!("whole_signal_{frames}_frames"), whole_ns, "ns");
        figures.push(
            format!("signal_ratio_{frames}_frames"),
            median(&mut ratios),
            "x",
        );
        figures.push(
            format!("captured_frames_{frames}_frames"),
            captured as f64,
            "frames",
        );
    }
    figures.write(arguments.json.as_deref())
}
