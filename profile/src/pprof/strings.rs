//! The string table while a profile is written.

use std::borrow::Cow;
use std::collections::HashMap;

/// Gives each distinct string its place in the table; `""` is the first, as the format wants it.
pub(super) struct Interner<'a> {
    places: HashMap<Cow<'a, str>, i64>,
    table: Vec<Cow<'a, str>>,
}

impl<'a> Interner<'a> {
    pub(super) fn new() -> Self {
        let mut strings = Self {
            places: HashMap::new(),
            table: Vec::new(),
        };
        strings.intern("");
        strings
    }

    pub(super) fn intern(&mut self, text: impl Into<Cow<'a, str>>) -> i64 {
        let text = text.into();
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        let place = self.table.len() as i64;
        self.table.push(text.clone());
        self.places.insert(text, place);
        place
    }

    pub(super) fn into_table(self) -> Vec<Cow<'a, str>> {
        self.table
    }
}
