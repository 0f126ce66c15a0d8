//! The flame graph as it is being looked at: whose time, which box is widest, which one is selected.

use super::flame::{Flame, Measure, Of};
use super::picture::Picture;

/// How the flame graph is looked at.
pub struct FlameView {
    /// Whose time it is.
    pub of: Of,
    /// Which time.
    pub measure: Measure,
    /// Whether libraries are folded.
    pub is_folded: bool,
    /// The tree, and which picture it is of.
    flame: Option<(u64, Flame)>,
    /// The boxes that were made widest one after the other, by their paths.
    pub zooms: Vec<Vec<String>>,
    /// The selected one.
    pub chosen: Vec<String>,
    /// The first visible row.
    pub top: usize,
}

impl FlameView {
    /// All of the process's CPU time, libraries folded.
    pub fn new() -> Self {
        Self {
            of: Of::All,
            measure: Measure::Cpu,
            is_folded: true,
            flame: None,
            zooms: Vec::new(),
            chosen: Vec::new(),
            top: 0,
        }
    }

    /// The tree of a picture, computed once.
    pub fn of(&mut self, picture: &Picture) -> &Flame {
        if self
            .flame
            .as_ref()
            .is_none_or(|(number, _)| *number != picture.number)
        {
            let whole = Flame::new(picture, &self.of, self.measure);
            let flame = if self.is_folded {
                whole.folded()
            } else {
                whole
            };
            self.flame = Some((picture.number, flame));
        }
        &self.flame.as_ref().expect("made above").1
    }

    /// The widest box and the selected one.
    pub fn at(&mut self, picture: &Picture) -> (usize, usize) {
        let zoom = self.zooms.last().cloned().unwrap_or_default();
        let chosen = self.chosen.clone();
        let flame = self.of(picture);
        let zoom = flame.find(&zoom);
        let chosen = flame.find(&chosen);
        (
            zoom,
            if flame.is_within(chosen, zoom) {
                chosen
            } else {
                zoom
            },
        )
    }

    /// Shows somebody else's time, from the top.
    pub fn show(&mut self, of: Of) {
        self.of = of;
        self.again();
    }

    /// Shows another tree, from the top.
    pub fn again(&mut self) {
        self.flame = None;
        self.zooms.clear();
        self.chosen.clear();
        self.top = 0;
    }
}
