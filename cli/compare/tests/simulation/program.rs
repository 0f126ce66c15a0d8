//! A program: stacks and what they cost for each unit of work.

/// Costs are in microseconds a unit.
#[derive(Debug, Clone)]
pub struct Program {
    pub names: Vec<String>,
    /// Indices into `names`, leaf first, the cost, and the task kind.
    pub stacks: Vec<(Vec<u32>, f64, usize)>,
    /// Time in polls, from wake to poll, and waiting for locks, by task kind or lock: microseconds a unit.
    pub polls: Vec<f64>,
    pub delays: Vec<f64>,
    pub waits: Vec<f64>,
}

/// Task kinds, and locks.
pub const KINDS: usize = 4;

impl Program {
    /// A service: six handlers below `main`, each with what it calls, 60 leaves in all whose shares are as Zipf has them. 100 µs a unit.
    pub fn service() -> Self {
        let mut program = Self {
            names: Vec::new(),
            stacks: Vec::new(),
            polls: vec![60.0, 25.0, 10.0, 5.0],
            delays: vec![8.0, 4.0, 2.0, 1.0],
            waits: vec![5.0, 3.0, 1.5, 1.0],
        };
        let main = program.name("shop::main");
        let run = program.name("tokio::runtime::scheduler::multi_thread::worker::run");
        let leaves = 60;
        let harmonic: f64 = (1..=leaves).map(|rank| 1.0 / f64::from(rank)).sum();
        for rank in 1..=leaves {
            let handler = (rank * 7) % 6;
            let helper = (rank * 5) % 4;
            let handler_name = program.name(&format!("shop::handler{handler}::handle"));
            let helper_name = program.name(&format!("shop::handler{handler}::step{helper}"));
            let leaf = program.name(&format!("shop::work{}::leaf{rank}", rank % 9));
            let cost = 100.0 / harmonic / f64::from(rank);
            let callers = [helper_name, handler_name, run, main];
            let kind = handler as usize % KINDS;
            let mut add = |leaf: &[u32], part: f64| {
                let frames = leaf.iter().chain(&callers).copied().collect();
                program.stacks.push((frames, cost * part, kind));
            };
            match rank % 3 {
                // Some leaves call the standard library.
                0 => {
                    add(&[leaf], 0.6);
                    let copy = program.name("core::ptr::copy_nonoverlapping");
                    let frames = [copy, leaf].iter().chain(&callers).copied().collect();
                    program.stacks.push((frames, cost * 0.4, kind));
                }
                _ => add(&[leaf], 1.0),
            }
        }
        program
    }

    /// The name's index; a new one if there is none yet.
    pub fn name(&mut self, name: &str) -> u32 {
        let known = self.names.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        }) as u32
    }

    pub fn cost(&self) -> f64 {
        self.stacks.iter().map(|(_, cost, _)| cost).sum()
    }

    /// The part of the cost that has this function in its stack.
    pub fn share(&self, name: &str) -> f64 {
        let stacks = self.stacks.iter();
        let with = stacks
            .filter(|(frames, _, _)| frames.iter().any(|&at| self.names[at as usize] == name));
        with.map(|(_, cost, _)| cost).sum::<f64>() / self.cost()
    }

    /// The function whose share is nearest to this.
    pub fn leaf_of_share(&self, share: f64) -> String {
        let leaves = self.names.iter().filter(|name| name.contains("leaf"));
        let apart = |name: &str| (self.share(name) - share).abs();
        let nearest = leaves.min_by(|one, other| apart(one).total_cmp(&apart(other)));
        nearest.cloned().unwrap_or_default()
    }

    /// Makes all that has this function in its stack dearer by a factor.
    pub fn slower(mut self, name: &str, factor: f64) -> Self {
        for (frames, cost, _) in &mut self.stacks {
            if frames.iter().any(|&at| self.names[at as usize] == name) {
                *cost *= factor;
            }
        }
        self
    }

    /// Adds a stack that is a leaf below that function, with this cost.
    pub fn called(mut self, caller: &str, name: &str, cost: f64) -> Self {
        let leaf = self.name(name);
        let caller = self.name(caller);
        let found = self
            .stacks
            .iter()
            .find(|(frames, _, _)| frames.contains(&caller));
        let (frames, _, kind) = found.cloned().expect("a caller");
        let at = frames
            .iter()
            .position(|&frame| frame == caller)
            .expect("it is there");
        let mut below = vec![leaf];
        below.extend(&frames[at..]);
        self.stacks.push((below, cost, kind));
        self
    }

    pub fn renamed(mut self, old: &str, new: &str) -> Self {
        for name in &mut self.names {
            if name == old {
                new.clone_into(name);
            }
        }
        self
    }

    /// A part of the function's cost goes to a new one, which is called beside it, or by it.
    pub fn split(mut self, name: &str, new: &str, part: f64, beside: bool) -> Self {
        let function = self.name(name);
        let new = self.name(new);
        for at in 0..self.stacks.len() {
            let (frames, cost, kind) = self.stacks[at].clone();
            let Some(place) = frames.iter().position(|&frame| frame == function) else {
                continue;
            };
            let mut moved = frames.clone();
            if beside {
                moved[place] = new;
            } else {
                moved.insert(place, new);
            }
            self.stacks[at].1 = cost * (1.0 - part);
            self.stacks.push((moved, cost * part, kind));
        }
        self
    }

    /// The function's frames vanish: its callers have its cost, as when inlining is not told.
    pub fn inlined(mut self, name: &str) -> Self {
        let function = self.name(name);
        for (frames, _, _) in &mut self.stacks {
            frames.retain(|&frame| frame != function);
        }
        self
    }

    /// Its callers call something else that calls it.
    pub fn wrapped(mut self, name: &str, wrapper: &str) -> Self {
        let function = self.name(name);
        let wrapper = self.name(wrapper);
        for (frames, _, _) in &mut self.stacks {
            if let Some(place) = frames.iter().position(|&frame| frame == function) {
                frames.insert(place + 1, wrapper);
            }
        }
        self
    }

    /// Every name that begins so begins otherwise.
    pub fn module_renamed(mut self, old: &str, new: &str) -> Self {
        for name in &mut self.names {
            if let Some(rest) = name.strip_prefix(old) {
                *name = format!("{new}{rest}");
            }
        }
        self
    }

    /// A part of one function's cost goes to another that is called in the same places.
    pub fn moved(mut self, from: &str, to: &str, part: f64) -> Self {
        let (from, to) = (self.name(from), self.name(to));
        for at in 0..self.stacks.len() {
            let (frames, cost, kind) = self.stacks[at].clone();
            if frames.first() != Some(&from) {
                continue;
            }
            let mut there = frames.clone();
            there[0] = to;
            let target =
                (self.stacks.iter()).position(|(frames, _, k)| *frames == there && *k == kind);
            let target = target.expect("it is called there");
            self.stacks[at].1 = cost * (1.0 - part);
            self.stacks[target].1 += cost * part;
        }
        self
    }

    /// Helpers that every step calls: four of a crate, 3 % of the cost each, and two of crates of their own that only one task kind has.
    pub fn helped(mut self) -> Self {
        let steps: Vec<(Vec<u32>, usize)> = self.steps();
        let whole = self.cost();
        for helper in [
            "json::write::escape",
            "json::write::number",
            "json::read::skip",
            "json::read::string",
        ] {
            let helper = self.name(helper);
            for (callers, kind) in &steps {
                let mut frames = vec![helper];
                frames.extend(callers);
                self.stacks
                    .push((frames, 0.03 * whole / steps.len() as f64, *kind));
            }
        }
        let of_kind: Vec<_> = steps
            .iter()
            .filter(|(_, kind)| *kind == 1)
            .cloned()
            .collect();
        for helper in ["codec::frame::pack", "wire::send"] {
            let helper = self.name(helper);
            for (callers, kind) in &of_kind {
                let mut frames = vec![helper];
                frames.extend(callers);
                self.stacks
                    .push((frames, 0.05 * whole / of_kind.len() as f64, *kind));
            }
        }
        self
    }

    /// The distinct steps: what leaves are called by.
    fn steps(&self) -> Vec<(Vec<u32>, usize)> {
        let mut steps = Vec::new();
        for (frames, _, kind) in &self.stacks {
            let callers = frames[frames.len() - 4..].to_vec();
            if !steps.contains(&(callers.clone(), *kind)) {
                steps.push((callers, *kind));
            }
        }
        steps
    }
}
