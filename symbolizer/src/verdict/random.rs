//! Simulated programs: what is called a deadlock is one, and each that there is, is found.

use super::fixture::{Scene, holder, mutex, resource, task, thread, waiter};
use super::problem::ProblemKind;
use hotpoll_profile::{Library, Mode, Party, Resource, ResourceKind};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Actors that take locks one after the other, and let go of all of them at once.
#[derive(Debug, Clone)]
struct Program {
    /// For each actor its locks in order, and how it takes them.
    wants: Vec<Vec<(usize, Mode)>>,
    /// Which actor takes its next step.
    schedule: Vec<prop::sample::Index>,
    is_async: bool,
}

const LOCKS: usize = 5;

fn program() -> impl Strategy<Value = Program> {
    let modes = prop::sample::select(Mode::ALL);
    let wants = vec(vec((0..LOCKS, modes), 1..4), 2..7);
    (
        wants,
        vec(any::<prop::sample::Index>(), 0..30),
        any::<bool>(),
    )
        .prop_map(|(wants, schedule, is_async)| Program {
            wants,
            schedule,
            is_async,
        })
}

#[derive(Debug, Default, Clone)]
struct Lock {
    /// Who holds it, and how.
    holders: Vec<(usize, Mode)>,
    /// Who is next, and how many came before.
    queue: Vec<(usize, Mode, usize)>,
    came: usize,
}

/// A first come, first served read-write lock. Who upgrades comes before all.
impl Lock {
    fn free_for(&self, mode: Mode) -> bool {
        let mut others = self.holders.iter().map(|(_, held)| *held);
        match mode {
            Mode::Shared => others.all(|held| held != Mode::Exclusive),
            Mode::Upgradable => others.all(|held| held == Mode::Shared),
            Mode::Exclusive => self.holders.is_empty(),
            Mode::Upgrading => others.all(|held| held == Mode::Upgradable),
        }
    }

    fn gives(&mut self, actor: usize, mode: Mode) {
        if mode == Mode::Upgrading {
            self.holders.clear();
        }
        let held = match mode {
            Mode::Upgrading => Mode::Exclusive,
            mode => mode,
        };
        self.holders.push((actor, held));
    }

    fn take(&mut self, actor: usize, mode: Mode) -> bool {
        let is_first = self.queue.is_empty() || mode == Mode::Upgrading;
        if is_first && self.free_for(mode) {
            self.gives(actor, mode);
            return true;
        }
        self.came += 1;
        let place = match mode {
            Mode::Upgrading => 0,
            _ => self.queue.len(),
        };
        self.queue.insert(place, (actor, mode, self.came));
        false
    }

    /// Hands it to those in front; returns who goes on.
    fn let_go(&mut self, actor: usize) -> Vec<usize> {
        self.holders.retain(|(holder, _)| *holder != actor);
        let mut go_on = Vec::new();
        while let Some(&(next, mode, _)) = self.queue.first() {
            if !self.free_for(mode) {
                break;
            }
            self.queue.remove(0);
            self.gives(next, mode);
            go_on.push(next);
        }
        go_on
    }
}

/// A run of a program, up to some moment.
#[derive(Clone)]
struct Run {
    locks: Vec<Lock>,
    /// How many steps each has taken; one more than its locks: it has let go of them.
    steps: Vec<usize>,
    blocked: BTreeSet<usize>,
}

impl Run {
    fn step(&mut self, program: &Program, actor: usize) {
        let wants = &program.wants[actor];
        if self.blocked.contains(&actor) || self.steps[actor] > wants.len() {
            return;
        }
        let step = self.steps[actor];
        self.steps[actor] += 1;
        match wants.get(step) {
            Some(&(lock, mode)) => {
                let lock = &mut self.locks[lock];
                // What is to be upgraded is held so.
                let can =
                    mode != Mode::Upgrading || lock.holders.contains(&(actor, Mode::Upgradable));
                if can && !lock.take(actor, mode) {
                    self.blocked.insert(actor);
                }
            }
            None => {
                for lock in &mut self.locks {
                    for goes_on in lock.let_go(actor) {
                        self.blocked.remove(&goes_on);
                    }
                }
            }
        }
    }

    /// Who never goes on, whatever the others do: each goes on as far as it can, again and again.
    fn dead(mut self, program: &Program) -> BTreeSet<usize> {
        for _ in 0..100 {
            for actor in 0..program.wants.len() {
                self.step(program, actor);
            }
        }
        self.blocked
    }

    fn scene(&self, program: &Program) -> Scene {
        let party = |actor: usize| -> Party {
            match program.is_async {
                true => task(actor as u64 + 1, 0),
                false => thread(actor as u32),
            }
        };
        let resources = self.locks.iter().enumerate().map(|(at, lock)| {
            let library = match program.is_async {
                true => Library::Tokio,
                false => Library::Std,
            };
            let mut one: Resource = resource(
                at as u64 + 1,
                ResourceKind::RwLock,
                library,
                Vec::new(),
                Vec::new(),
            );
            for &(actor, mode) in &lock.holders {
                let mut holder = holder(party(actor), 5_000_000_000);
                holder.mode = mode;
                one.holders.push(holder);
            }
            let mut queue = lock.queue.clone();
            queue.sort_by_key(|(_, _, came)| *came);
            for (actor, mode, _) in queue {
                let mut waiter = waiter(party(actor), 2_000_000_000);
                waiter.mode = mode;
                one.waiters.push(waiter);
            }
            one
        });
        let threads = program.wants.len() as u32;
        let scene = Scene::new(threads, resources.collect());
        (1..=u64::from(threads)).fold(scene, |scene, id| scene.task(id, 1))
    }
}

fn run(program: &Program) -> Run {
    let mut run = Run {
        locks: vec![Lock::default(); LOCKS],
        steps: vec![0; program.wants.len()],
        blocked: BTreeSet::new(),
    };
    for actor in &program.schedule {
        run.step(program, actor.index(program.wants.len()));
    }
    run
}

/// The actors that the verdicts give up: members of cycles and those behind them.
fn given_up(scene: &Scene, kind: ProblemKind) -> BTreeSet<usize> {
    let problems = scene.problems().into_iter();
    problems
        .filter(|problem| problem.kind == kind)
        .flat_map(|problem| {
            let victims = problem.victims.into_iter().filter_map(|one| one.actor);
            let members = problem.cycle.into_iter().map(|one| one.actor);
            victims.chain(members).collect::<Vec<_>>()
        })
        .map(|actor| match actor {
            super::Actor::Task(id) => id as usize - 1,
            super::Actor::Thread(tid) => tid as usize - 100,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never a false deadlock: whoever is given up never goes on, in whatever order the others do.
    #[test]
    fn whoever_is_given_up_is_dead(program in program()) {
        let run = run(&program);
        let scene = run.scene(&program);
        let given_up = given_up(&scene, ProblemKind::Deadlock);
        let dead = run.dead(&program);
        prop_assert!(given_up.is_subset(&dead), "{:?} of {:?}", given_up, dead);
    }

    /// What waits with a time-out is never called a deadlock.
    #[test]
    fn waits_with_a_time_out_are_no_deadlock(program in program()) {
        let mut scene = run(&program).scene(&program);
        for resource in &mut scene.snapshot.resources.resources {
            for waiter in &mut resource.waiters {
                waiter.timed = true;
            }
        }
        prop_assert_eq!(given_up(&scene, ProblemKind::Deadlock), BTreeSet::new());
    }

    /// Cycles of two to five members, of threads and tasks: each is found whole, with nobody else.
    #[test]
    fn planted_cycles_are_found(members in 2usize..6, kinds in vec(any::<bool>(), 6), behind in 0usize..3) {
        let party = |at: usize| match kinds[at % kinds.len()] {
            true => task(at as u64 + 1, at as u32),
            false => thread(at as u32),
        };
        let second = 1_000_000_000;
        let mut resources: Vec<Resource> = (0..members)
            .map(|at| mutex(at as u64 + 1, vec![holder(party(at), 9 * second)], vec![waiter(party((at + members - 1) % members), 8 * second)]))
            .collect();
        for late in 0..behind {
            resources[0].waiters.push(waiter(thread((members + late) as u32), second));
        }
        let mut scene = Scene::new(10, resources);
        for at in 0..members {
            if kinds[at % kinds.len()] {
                scene = scene.polls(at as u32, at as u64 + 1, 8 * second);
            }
        }
        let problems = scene.problems();
        prop_assert_eq!(problems.len(), 1, "{:#?}", problems);
        prop_assert_eq!(problems[0].kind, ProblemKind::Deadlock);
        prop_assert_eq!(problems[0].cycle.len(), members);
        prop_assert_eq!(problems[0].victims.len(), behind);
    }
}
