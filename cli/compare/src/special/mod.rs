//! The few special functions and distributions that the method asks for: pure, and checked against scipy (`tests/reference.py`).
//!
//! - `gamma.rs`: ln Γ, digamma, trigamma and its inverse
//! - `beta.rs`: the regularised incomplete beta function and its inverse
//! - `student.rs`: tails and quantiles of Student's t
//! - `binomial.rs`: exact intervals of a binomial share

pub mod beta;
pub mod binomial;
pub mod gamma;
pub mod student;
