//! A profile's table of functions while it grows.

use std::collections::HashMap;

use hotpoll_profile::{Function, Location};

/// Functions without duplicates.
pub(super) struct Functions {
    table: Vec<Function>,
    index: HashMap<Function, u32>,
}

impl Functions {
    pub(super) fn new(table: Vec<Function>) -> Self {
        let index = table.iter().cloned().zip(0..).collect();
        Self { table, index }
    }

    /// The function's index.
    pub(super) fn intern(&mut self, function: Function) -> u32 {
        let next = self.table.len() as u32;
        *self.index.entry(function).or_insert_with_key(|function| {
            self.table.push(function.clone());
            next
        })
    }

    /// The table without functions that no location names, and the locations adapted to it. Their lines name functions of this table.
    pub(super) fn into_used(self, locations: &mut [Location]) -> Vec<Function> {
        let mut new_index = vec![None; self.table.len()];
        let mut used = Vec::new();
        for line in locations
            .iter_mut()
            .flat_map(|location| &mut location.lines)
        {
            let old = line.function as usize;
            line.function = *new_index[old].get_or_insert_with(|| {
                used.push(self.table[old].clone());
                used.len() as u32 - 1
            });
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use hotpoll_profile::{Function, Line, Location};

    use super::Functions;

    fn function(name: &str) -> Function {
        Function {
            name: name.into(),
            ..Function::default()
        }
    }

    #[test]
    fn forgets_what_nobody_names() {
        let mut functions = Functions::new(vec![function("old"), function("kept")]);
        let new = functions.intern(function("new"));
        assert_eq!(functions.intern(function("kept")), 1);
        let mut locations = [new, 1].map(|function| Location {
            lines: vec![Line { function, line: 3 }],
            ..Location::default()
        });
        assert_eq!(
            functions.into_used(&mut locations),
            [function("new"), function("kept")]
        );
        assert_eq!(locations.map(|location| location.lines[0].function), [0, 1]);
    }
}
