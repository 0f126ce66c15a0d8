//! Something to look at during waits. On standard error, and only where that is a terminal.

use crate::text::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Waits shorter than this show nothing: what flickers tells nobody anything.
const SHOWN_AFTER: Duration = Duration::from_millis(300);

/// A wait that is being shown. Gone from the screen when dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Moves the bar to this time.
    pub fn advance(&self, elapsed: Duration) {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.bar
            .set_position(self.bar.length().unwrap_or(0).min(ms));
    }

    /// Moves the bar by one step.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// What is being waited for now.
    pub fn say(&self, what: String) {
        self.bar.set_message(what);
    }

    /// A line for the person that stays on the screen, above the bar.
    pub fn note(&self, line: &str) {
        self.bar.suspend(|| terminal::say(line));
    }

    /// Takes the bar from the screen.
    pub fn finish(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A wait of known length.
pub fn timed(what: &str, length: Duration) -> Progress {
    let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(ms), ProgressDrawTarget::stderr());
    bar.set_style(style(
        "{msg} {wide_bar} {elapsed_precise}/{duration_precise} ",
    ));
    bar.set_message(what.to_owned());
    Progress { bar }
}

/// A wait of so many steps, that has something new to say now and then.
pub fn steps(what: &str, steps: usize) -> Progress {
    let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
    bar.set_style(style("{msg} {wide_bar} {pos}/{len} "));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Progress { bar }
}

/// A wait of unknown length that has something new to say now and then.
pub fn talking(what: &str) -> Progress {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{spinner} {wide_msg}"));
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Progress { bar }
}

/// A wait that is mostly over before anybody looks.
pub fn spinner(what: &str) -> Progress {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{spinner} {wide_msg}"));
    bar.set_message(what.to_owned());
    // The first tick comes after this, and without a tick nothing is drawn.
    bar.enable_steady_tick(SHOWN_AFTER);
    Progress { bar }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}
