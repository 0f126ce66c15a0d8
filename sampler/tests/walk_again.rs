//! A walk that is kept is known again where it would be the same, and only there. Alone in its process, which samples.
#![allow(unsafe_code)] // It walks its own stack.

use hotpoll_sampler::{Published, WalkAgain, published, stack_pointer};
use std::hint::black_box;
use std::sync::atomic::{Ordering, fence};

/// What a visit of the leaf found: whether the walk that is kept would be the one from there, and the one from there.
#[derive(Debug)]
struct Visit {
    is_here: bool,
    is_kept: bool,
    walked: Vec<u64>,
}

#[inline(never)]
fn leaf(words: &Published, mark: usize, again: &mut WalkAgain) -> Visit {
    let mut into = [0; 64];
    let sp = stack_pointer();
    // SAFETY: they are this thread's words, and the mark is a local of a caller.
    let is_here = unsafe { words.is_here(again, sp, mark) };
    if is_here {
        into[..again.addresses().len()].copy_from_slice(again.addresses());
    }
    let met = into;
    // SAFETY: as above.
    let walk =
        unsafe { words.walk_here_behind(mark, &mut into, again, || fence(Ordering::SeqCst)) };
    // Whatever it says, it is what a walk finds.
    assert!(!is_here || met[1..] == into[1..], "{met:x?}\n{into:x?}");
    Visit {
        is_here,
        is_kept: !again.addresses().is_empty(),
        walked: into[1..walk.frames].to_vec(),
    }
}

/// Two ways to the leaf, from frames of one size.
#[inline(never)]
fn fork(way: u8, words: &Published, mark: usize, again: &mut WalkAgain) -> Visit {
    match black_box(way) {
        0 => black_box(leaf(words, mark, again)),
        _ => black_box(leaf(words, mark, again)),
    }
}

#[inline(never)]
fn deeper(deep: u8, way: u8, words: &Published, mark: usize, again: &mut WalkAgain) -> Visit {
    match black_box(deep) {
        0 => black_box(fork(way, words, mark, again)),
        deep => black_box(deeper(deep - 1, way, words, mark, again)),
    }
}

#[test]
fn a_walk_is_known_again_where_it_is_the_same_and_only_there() {
    let (_sampler, mut modules) =
        hotpoll_sampler::start(hotpoll_sampler::Settings::default()).unwrap();
    modules.refresh();
    let words = published().unwrap();
    let mark = 0u8;
    let mark = &raw const mark as usize;
    let mut again = WalkAgain::new();
    // How deep, by which way, and whether it is where it was before.
    let visits = [
        (2, 0, false),
        (2, 0, true),
        (2, 1, false),
        (2, 1, true),
        (2, 0, false),
        (3, 0, false),
        (3, 0, true),
        (1, 0, false),
    ];
    let mut before = Vec::new();
    for (number, (deep, way, is_here)) in visits.into_iter().enumerate() {
        let visit = deeper(deep, way, words, mark, &mut again);
        assert!(visit.is_kept, "{number}: {visit:x?}");
        assert_eq!(visit.is_here, is_here, "{number}: {visit:x?}");
        assert_eq!(visit.walked == before, is_here, "{number}: {visit:x?}");
        before = visit.walked;
    }
    // Deeper than is kept.
    let visit = deeper(40, 0, words, mark, &mut again);
    assert!(!visit.is_kept && !visit.is_here);
}
