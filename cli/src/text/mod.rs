//! How numbers, names and lines look to a person. Pure: values in, text out.

pub mod name;
pub mod number;
pub mod since;
pub mod style;
pub mod terminal;
pub mod width;
