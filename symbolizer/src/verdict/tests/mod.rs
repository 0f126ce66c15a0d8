//! Each verdict, and what looks like one and is none, on snapshots made by hand.

mod answers;
mod cycles;
mod flow;
mod holders;
mod quiet;
mod sent;
mod standstill;
mod upgrades;

use super::fixture::Scene;
use super::problem::ProblemKind as Kind;
use hotpoll_profile::{Mode, Waiter};

fn read(one: Waiter) -> Waiter {
    Waiter {
        mode: Mode::Shared,
        ..one
    }
}

fn kinds_of(scene: &Scene) -> Vec<Kind> {
    scene.problems().iter().map(|one| one.kind).collect()
}
