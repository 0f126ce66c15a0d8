//! What is held, or not received, for long: one problem for each who is waited for in the end.

use super::actor::Actor;
use super::cause::{Root, Waiting, causes};
use super::deadlock::SENDABLE;
use super::finder::{Finder, victim};
use super::flow;
use super::names::{self, counted, duration};
use super::problem::{Confidence, Owner, Problem, ProblemKind, Victim};
use super::wait::{is_sendable, stands_in_the_way};
use hotpoll_profile::{Holder, Mode, Resource, ResourceKind, Since, Site, Waiter};
use std::collections::BTreeSet;

impl Finder<'_, '_> {
    /// Everybody who waits for somebody in the end, one problem for each who is waited for.
    pub(super) fn causes(&self, cycles: &[BTreeSet<Actor>], problems: &mut Vec<Problem>) {
        for (root, waiting) in causes(self.graph, cycles) {
            match root {
                Root::Cycle(place) => {
                    let problem = &mut problems[place];
                    for (actor, resource, at) in &waiting {
                        let resource = self.graph.resources[*resource];
                        let waiter = &resource.waiters[*at];
                        problem.victims.push(victim(self.names, resource, waiter));
                        problem
                            .threads
                            .extend(self.threads_blocked(*actor, resource, waiter));
                    }
                }
                Root::Actor(actor, resource) => {
                    problems.extend(self.cause(Some(actor), resource, &waiting));
                }
                Root::Resource(resource) => {
                    problems.extend(self.cause(None, resource, &waiting));
                }
            }
        }
    }

    /// The problem that `resource` is not let go, by `actor` where that is known.
    fn cause(&self, actor: Option<Actor>, index: usize, waiting: &[Waiting]) -> Option<Problem> {
        let graph = self.graph;
        let resource = graph.resources[index];
        // The wait for that very resource which is worst; who waits behind is a victim, too.
        let (_, at) = (waiting.iter())
            .filter(|(_, of, _)| *of == index)
            .map(|(_, _, at)| (resource.waiters[*at].since_ns, *at))
            .max()?;
        let first = &resource.waiters[at];
        let victims: Vec<Victim> = (waiting.iter())
            .map(|(_, of, at)| {
                let resource = graph.resources[*of];
                victim(self.names, resource, &resource.waiters[*at])
            })
            .collect();
        let age_ns = victims.iter().map(|victim| victim.since_ns).max()?;
        let what = names::resource(resource);
        let waiters = flow::waiters(resource);
        let mut evidence = vec![format!(
            "{} waits for it{}, for {}",
            self.names.waiter(first, resource),
            names::at(&first.site),
            duration(first.since_ns)
        )];
        if waiters > 1 {
            evidence.push(format!("{waiters} wait for it, one behind the other"));
        }
        let behind = victims.len().saturating_sub(resource.waiters.len());
        if behind > 0 {
            evidence.push(format!("{behind} more wait for those who wait for it"));
        }
        let mut owner = self.owner(actor, resource, first);
        let mut confidence = Confidence::Likely;
        let mut kind = match resource.kind {
            _ if resource.inferred => ProblemKind::InferredLock,
            ResourceKind::Semaphore => ProblemKind::StarvedSemaphore,
            kind if kind.is_channel() => ProblemKind::FullChannel,
            _ => ProblemKind::LongHold,
        };
        match kind {
            ProblemKind::FullChannel => {
                let channel = resource.channel.as_ref()?;
                let received = channel.last_received_ns;
                let goes_on =
                    received < self.settings.older_than_ns || flow::takes_as_ever(resource, first);
                if received > 0 && goes_on {
                    // Slowly: the sender is held back, as a bound is meant to.
                    return None;
                }
                let full = channel.capacity.unwrap_or(channel.length);
                evidence.push(format!("{}/{full} are in it", channel.length));
                evidence.push(match received {
                    0 => format!(
                        "{} were received so far, by {}",
                        channel.received,
                        counted(channel.receivers as usize, "receiver")
                    ),
                    ns => format!("the last one was received {} ago", duration(ns)),
                });
            }
            ProblemKind::StarvedSemaphore => {
                if flow::moves(resource, first, self.settings.older_than_ns) {
                    return None;
                }
                if let Some(permits) = resource.permits {
                    evidence.push(format!(
                        "{} of {} permits are free; {} wanted",
                        permits.available,
                        permits.total,
                        first.amount.max(1)
                    ));
                }
                match resource.holders.len() + resource.more_holders as usize {
                    // Where there are too few, that nobody holds one is no riddle.
                    0 if flow::is_short(resource, first) => {}
                    0 => evidence.push("nobody is known who holds the others".to_owned()),
                    1 => evidence.push("1 holder has the others".to_owned()),
                    n => evidence.push(format!("{n} holders have the others")),
                }
            }
            ProblemKind::InferredLock => {
                evidence.push(match resource.name.is_empty() {
                    false => "nobody wrapped it: stacks and the address that is waited at tell of it, and not who holds it".to_owned(),
                    true => "nobody wrapped it: stacks tell of it; who holds it, and whether all wait for the same one, cannot be told".to_owned(),
                });
                confidence = Confidence::Likely;
            }
            _ if flow::is_passed_over(resource, first) => {
                (kind, evidence) = flow::passed_over(resource, first, evidence);
            }
            _ => {}
        }
        let ended = match kind {
            ProblemKind::LongHold | ProblemKind::StarvedSemaphore => self.ended(resource),
            _ => None,
        };
        if let Some(holder) = ended {
            owner = Some(Owner {
                doing: String::new(),
                stack: Vec::new(),
                ..Owner::holds(self.names, holder, resource)
            });
        }
        match ended {
            Some(holder) if !holder.movable => {
                kind = ProblemKind::LeakedGuard;
                // A task's end is seen a moment later than what it holds.
                confidence = match holder.gone && holder.confirmed && first.confirmed {
                    true => Confidence::Certain,
                    false => Confidence::Likely,
                };
                evidence.push("it has ended, and its guard was never dropped".to_owned());
            }
            Some(_) => evidence.push(
                "it has ended: somebody else has its guard, or it was never dropped".to_owned(),
            ),
            None => {}
        }
        if kind == ProblemKind::LongHold {
            let holder = longest_holder(actor, resource, first);
            let is_sure = holder.is_some_and(|holder| {
                holder.confirmed && !holder.movable && !holder.in_set && !is_sendable(resource)
            });
            confidence = match is_sure && first.confirmed {
                true => Confidence::Certain,
                false => Confidence::Likely,
            };
            let others = flow::in_the_way(resource, first).count().saturating_sub(1) as u64;
            if others + resource.more_holders > 0 {
                evidence.push(format!(
                    "{} more hold it, too: all of them have to let go",
                    others + resource.more_holders
                ));
            }
            if ended.is_none() && holder.is_some_and(|holder| holder.movable) {
                evidence.push(
                    "its guard can be handed on: somebody else may have it by now".to_owned(),
                );
            } else if ended.is_none() && is_sendable(resource) {
                evidence.push(SENDABLE.to_owned());
            }
        }
        if let Some(owner) = &owner {
            let held = match kind {
                ProblemKind::FullChannel => String::new(),
                _ if owner.since_ns == 0 && owner.since == Since::Unknown => String::new(),
                _ => format!(" ({})", names::held(owner.since_ns, owner.since)),
            };
            let has_found = (resource.channel.as_ref()).is_some_and(|one| one.receiver_found);
            evidence.push(match kind {
                ProblemKind::FullChannel if has_found => format!(
                    "its receiver was found in the memory of {}: it is there, or was",
                    owner.who
                ),
                ProblemKind::FullChannel => format!("{} receives from it", owner.who),
                _ => format!("{} took it{}{held}", owner.who, names::at(&owner.site)),
            });
            if !owner.doing.is_empty() {
                evidence.push(format!("it is {}", owner.doing));
            }
        }
        let is_movable =
            longest_holder(actor, resource, first).is_some_and(|holder| holder.movable);
        let headline = match kind {
            ProblemKind::StarvedSemaphore if flow::is_short(resource, first) => {
                flow::short(resource, first, &what)
            }
            _ => headline(
                kind,
                &what,
                owner.as_ref(),
                (ended.is_some(), is_movable),
                victims.len() + resource.more_waiters as usize,
            ),
        };
        let mut threads: Vec<u32> = (waiting.iter())
            .flat_map(|(actor, of, at)| {
                let resource = graph.resources[*of];
                self.threads_blocked(*actor, resource, &resource.waiters[*at])
            })
            .collect();
        threads.extend(actor.into_iter().flat_map(|actor| self.threads_of(actor)));
        Some(Problem {
            kind,
            confidence,
            age_ns,
            headline,
            evidence,
            resource: Some(resource.id),
            owner,
            subject: None,
            cycle: Vec::new(),
            victims,
            site: first.site.clone(),
            stack: first.stack.clone(),
            threads,
        })
    }

    /// Who can end the wait for a resource: the root of it, or else whoever holds it longest.
    fn owner(&self, actor: Option<Actor>, resource: &Resource, first: &Waiter) -> Option<Owner> {
        let holder = longest_holder(actor, resource, first);
        let channel = resource.channel.as_ref();
        let party = match holder {
            Some(holder) => holder.party,
            None => match actor {
                Some(_) => channel
                    .and_then(|channel| channel.receiver)
                    .unwrap_or_default(),
                None => channel?
                    .receiver
                    .filter(|_| first.mode == Mode::Exclusive)?,
            },
        };
        let actor = actor.or_else(|| match holder {
            Some(holder) => Actor::holding(holder, resource),
            None => Actor::of(party, resource),
        });
        let doing = match holder {
            // Not of a look before it took this.
            Some(holder) => self.names.doing_of(holder, resource),
            None => actor.map_or_else(Default::default, |actor| self.names.doing(actor)),
        };
        Some(Owner {
            actor,
            who: match (holder, actor) {
                (Some(holder), _) => self.names.holder(holder, resource),
                (None, Some(actor)) => self.names.actor(actor),
                (None, None) => self.names.party(party, resource),
            },
            site: holder.map_or_else(Site::default, |holder| holder.site.clone()),
            since_ns: holder.map_or(0, |holder| holder.since_ns),
            since: holder.map_or(Since::Unknown, |holder| holder.since),
            doing: doing.words,
            stack: doing.stack,
        })
    }

    /// The holder who has ended and in whose hands it still is: one of a lock's; of permits that of all holders who holds them longest, if all have ended.
    fn ended<'r>(&self, resource: &'r Resource) -> Option<&'r Holder> {
        let has_ended = |holder: &&Holder| self.names.has_ended(holder, resource);
        let holders = || resource.holders.iter();
        if resource.kind == ResourceKind::Semaphore
            && (resource.more_holders > 0 || !holders().all(|holder| has_ended(&holder)))
        {
            return None;
        }
        // The one whose guard is with nobody, before those whose guard may be with somebody.
        (holders().filter(has_ended)).max_by_key(|holder| (!holder.movable, holder.since_ns))
    }

    /// Locks that change hands, and senders that do not send.
    pub(super) fn flows(&self, resources: &[Resource], problems: &mut Vec<Problem>) {
        for &resource in &self.graph.resources {
            let known = |problem: &Problem| problem.resource == Some(resource.id);
            let older_than_ns = self.settings.older_than_ns;
            let convoy = flow::convoy(self.names, resource, older_than_ns);
            if let Some(convoy) = convoy.filter(|_| !problems.iter().any(known)) {
                problems.push(convoy);
            }
            let lost = self.lost_sender(resource, resources, problems);
            problems.extend(lost);
        }
    }
}

/// Who holds it longest: this actor where one is known, else of those who stand in the waiter's way.
fn longest_holder<'r>(
    actor: Option<Actor>,
    resource: &'r Resource,
    first: &Waiter,
) -> Option<&'r Holder> {
    let is_it = |one: &&Holder| match actor {
        Some(_) => Actor::holding(one, resource) == actor,
        None => resource.kind != ResourceKind::RwLock || stands_in_the_way(one.mode, first.mode),
    };
    let holders = resource.holders.iter();
    holders.filter(is_it).max_by_key(|one| one.since_ns)
}

fn headline(
    kind: ProblemKind,
    what: &str,
    owner: Option<&Owner>,
    (ended, is_movable): (bool, bool),
    victims: usize,
) -> String {
    let who = owner.map_or("nobody who is known", |owner| owner.who.as_str());
    let wait = match victims {
        1 => "one waits".to_owned(),
        n => format!("{n} wait"),
    };
    match kind {
        ProblemKind::FullChannel => match owner {
            Some(_) => format!("{what} is full: {who} does not receive, {wait} to send"),
            None => format!(
                "{what} is full: nobody has received, and it is not known who would, {wait} to send"
            ),
        },
        ProblemKind::StarvedSemaphore => format!("{wait} for permits of {what}, all of them held"),
        ProblemKind::WriterStarvation => {
            format!("{wait} to write under {what}, and readers come before")
        }
        ProblemKind::StarvedWaiter => format!("{wait} for {what}, which others take before"),
        ProblemKind::InferredLock => format!("{wait} for a {what}"),
        ProblemKind::LeakedGuard => {
            format!("{who} took {what} and has ended without giving it back, {wait}")
        }
        _ if ended => format!("{who} took {what} and has ended, and it is held still, {wait}"),
        _ if is_movable => {
            format!("{who} took {what}, and has it or has handed it on, {wait}")
        }
        _ => format!("{who} holds {what}, {wait}"),
    }
}
