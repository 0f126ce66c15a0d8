//! Exact intervals of a binomial share.

use super::beta;

/// Beyond so many events the continued fraction takes long, and the normal approximation is as good.
const EXACT_UP_TO: f64 = 1e6;

/// The Clopper-Pearson interval of the share behind `events` out of `all`: each end is missed with probability `tail` at most.
pub fn interval(events: f64, all: f64, tail: f64) -> (f64, f64) {
    if !(all > 0.0 && events >= 0.0 && events <= all) {
        return (0.0, 1.0);
    }
    if all > EXACT_UP_TO {
        let share = events / all;
        let z = super::student::upper_quantile(tail, 1e3);
        // Wilson's interval: within 0 and 1, and sane at both.
        let center = (share + z * z / (2.0 * all)) / (1.0 + z * z / all);
        let half = z / (1.0 + z * z / all)
            * (share * (1.0 - share) / all + z * z / (4.0 * all * all)).sqrt();
        return ((center - half).max(0.0), (center + half).min(1.0));
    }
    let low = match events {
        0.0 => 0.0,
        _ => beta::quantile(tail, events, all - events + 1.0),
    };
    let high = if events >= all {
        1.0
    } else {
        beta::quantile(1.0 - tail, events + 1.0, all - events)
    };
    (low, high)
}
