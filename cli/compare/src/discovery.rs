//! Many tests at once: Benjamini and Hochberg's false discovery rate.

/// Each p-value, adjusted: rejecting those up to q holds the false discovery rate at q. Also where tests depend on each other positively, as
/// those along a call chain do. Not-a-numbers count as 1.
pub(crate) fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let p = |at: usize| {
        if p_values[at].is_nan() {
            1.0
        } else {
            p_values[at]
        }
    };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&one, &other| p(one).total_cmp(&p(other)));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0f64;
    for (rank, &at) in order.iter().enumerate().rev() {
        least = least.min(p(at) * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_r() {
        // p.adjust(c(0.01, 0.02, 0.03, 0.5, 0.04), "BH")
        let found = adjusted(&[0.01, 0.02, 0.03, 0.5, 0.04]);
        let expected = [0.05, 0.05, 0.05, 0.5, 0.05];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn none_and_no_number() {
        assert!(adjusted(&[]).is_empty());
        assert_eq!(adjusted(&[f64::NAN, 0.01]), [1.0, 0.02]);
    }
}
