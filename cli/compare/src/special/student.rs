//! Student's t.

use super::beta;
use super::gamma::ln_gamma;
use std::f64::consts::PI;

/// P(T > t) with so many degrees of freedom.
pub fn upper_tail(t: f64, degrees: f64) -> f64 {
    if t.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    let tail = 0.5 * beta::regularized(degrees / (degrees + t * t), 0.5 * degrees, 0.5);
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The t that is exceeded with probability `p`, for 0 < p < 1.
pub fn upper_quantile(p: f64, degrees: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && degrees > 0.0) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -upper_quantile(1.0 - p, degrees);
    }
    // The bracket first: tails of few degrees of freedom are long.
    let (mut low, mut high) = (0.0, 2.0);
    while upper_tail(high, degrees) > p && high < 1e150 {
        low = high;
        high *= 2.0;
    }
    let mut t = normal_guess(p).clamp(low, high);
    for _ in 0..200 {
        let tail = upper_tail(t, degrees);
        if tail > p {
            low = t;
        } else {
            high = t;
        }
        // Newton's method on the tail's logarithm, which is nearly straight far out.
        let slope = density(t, degrees) / tail;
        let mut next = t + (tail / p).ln() / slope;
        if !(next > low && next < high) {
            next = 0.5 * (low + high);
        }
        if (next - t).abs() <= 1e-12 * next.abs().max(1e-3) {
            return next;
        }
        t = next;
    }
    t
}

fn density(t: f64, degrees: f64) -> f64 {
    let ln = ln_gamma(0.5 * (degrees + 1.0))
        - ln_gamma(0.5 * degrees)
        - 0.5 * (degrees * PI).ln()
        - 0.5 * (degrees + 1.0) * (t * t / degrees).ln_1p();
    ln.exp()
}

/// The normal quantile to three digits (Abramowitz and Stegun 26.2.23), to begin with.
fn normal_guess(p: f64) -> f64 {
    let t = (-2.0 * p.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - above / below
}
