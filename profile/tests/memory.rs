//! Hostile files, and how much memory reading them really takes: no more than the limits say.
//!
//! One test in a file of its own: the allocator counts what the whole process allocates.

#![allow(unsafe_code, reason = "an allocator that counts")]

use hotpoll_profile::Profile;
use hotpoll_profile::pprof::{Limits, PRIVATE_FIELD, VERSION, decode_with, encode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise about `pointer` and `layout` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FILE_BYTES: usize = 256 << 10;

const LIMITS: Limits = Limits {
    message_bytes: 1 << 20,
    profile_bytes: 2 << 20,
};

/// While an entry is decoded, before it is counted, it takes up to this many times its bytes: two bytes are a label of 32, and a vector that
/// grows is there twice.
const ENTRY_FACTOR: usize = 24;

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(tag: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint((tag << 3 | 2) as usize, &mut out);
    varint(bytes.len(), &mut out);
    out.extend_from_slice(bytes);
    out
}

/// Fills a file with one field over and over.
fn repeated(field: &[u8]) -> Vec<u8> {
    field.repeat(FILE_BYTES / field.len())
}

/// An ordinary file with more behind it.
fn pprof(more: &[u8]) -> Vec<u8> {
    let mut file = encode(&Profile::default());
    file.extend_from_slice(more);
    file
}

/// Another tool's file: one sample type and a string, then more.
fn foreign(more: &[u8]) -> Vec<u8> {
    let mut file = field(1, &[]);
    file.extend_from_slice(&field(6, b""));
    file.extend_from_slice(more);
    file
}

fn own(private: &[u8]) -> Vec<u8> {
    let mut message = vec![1 << 3, VERSION as u8];
    message.extend_from_slice(private);
    pprof(&field(PRIVATE_FIELD, &message))
}

#[track_caller]
fn check(what: &str, file: &[u8]) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = decode_with(file, &LIMITS);
    let peak = PEAK.load(Relaxed) - before;
    let bound = LIMITS.profile_bytes + ENTRY_FACTOR * file.len();
    println!(
        "{what}: {} bytes, peak {} KiB, {}",
        file.len(),
        peak >> 10,
        result.map_or_else(|error| error.to_string(), |_| "read".to_owned())
    );
    assert!(peak <= bound, "{what}: {peak} bytes");
}

#[test]
fn reading_takes_no_more_than_the_limits() {
    for (tag, what) in [
        (1, "sample types"),
        (2, "samples"),
        (3, "mappings"),
        (4, "locations"),
        (5, "functions"),
        (6, "strings"),
    ] {
        let more = repeated(&field(tag, &[]));
        check(&format!("foreign {what}"), &foreign(&more));
        check(&format!("our {what}"), &pprof(&more));
    }
    // Entries that have IDs of their own.
    let mut functions = Vec::new();
    for id in 1..FILE_BYTES / 8 {
        let mut function = vec![1 << 3];
        varint(id, &mut function);
        functions.extend_from_slice(&field(5, &function));
    }
    check("foreign functions with IDs", &foreign(&functions));
    check(
        "one sample of labels",
        &foreign(&field(2, &repeated(&field(3, &[])))),
    );
    check(
        "one sample of a deep stack",
        &foreign(&field(2, &field(1, &vec![1; FILE_BYTES]))),
    );
    check(
        "one location of lines",
        &foreign(&field(4, &repeated(&field(4, &[])))),
    );
    check("threads", &own(&repeated(&field(5, &[]))));
    check("slices", &own(&repeated(&field(8, &[]))));
    check(
        "one slice of rows",
        &own(&field(8, &field(6, &vec![0; FILE_BYTES]))),
    );
    check(
        "one slice of threads",
        &own(&field(8, &field(9, &vec![0; FILE_BYTES]))),
    );
    check("notices", &own(&field(4, &repeated(&field(13, &[])))));
    let snapshot = |more: &[u8]| own(&field(9, more));
    for (tag, ids, what) in [
        (7, 1, "stacks"),
        (8, 1, "threads"),
        (9, 1, "kinds"),
        (10, 1, "tasks"),
        (11, 1, "long polls"),
        (12, 1, "runtimes"),
        (13, 5, "resources"),
    ] {
        let rows = field(ids, &vec![0; FILE_BYTES]);
        check(
            &format!("a snapshot of {what}"),
            &snapshot(&field(tag, &rows)),
        );
    }
    // A stack of a thousand frames in which every task is suspended.
    let mut stack = Vec::new();
    varint(1_000, &mut stack);
    let stack = [field(1, &stack), field(2, &vec![0; 1_000])].concat();
    let waits = [
        field(1, &vec![0; FILE_BYTES / 4]),
        field(20, &vec![1; FILE_BYTES / 4]),
        field(21, &vec![0; FILE_BYTES / 4]),
    ];
    check(
        "a snapshot of tasks in one deep stack",
        &snapshot(&[field(7, &stack), field(10, &waits.concat())].concat()),
    );
    check(
        "one task with all the waits",
        &snapshot(&field(10, &field(20, &[0xff, 0xff, 0xff, 0xff, 0x0f]))),
    );
    for (tag, rows, what) in [
        (14, 3, "holders"),
        (16, 3, "waiters"),
        (18, 1, "longest waits"),
        (19, 1, "channels"),
        (20, 1, "permits"),
    ] {
        let rows = field(rows, &vec![0; FILE_BYTES]);
        check(
            &format!("a snapshot of {what}"),
            &snapshot(&field(13, &field(tag, &rows))),
        );
    }
    let uses = field(2, &field(1, &vec![0; FILE_BYTES]));
    check(
        "a snapshot of uses",
        &snapshot(&field(13, &field(17, &uses))),
    );
    check("counters", &own(&repeated(&field(10, &[]))));
    check("facts", &own(&field(11, &repeated(&field(2, &[])))));
    let facts: Vec<u8> = [2, 3, 4, 5]
        .iter()
        .flat_map(|&tag| field(tag, &[]))
        .collect();
    check("pairs of facts", &own(&field(11, &repeated(&facts))));
    for (tag, what) in [(1, "polls"), (6, "waits")] {
        let rows = field(tag, &vec![0; FILE_BYTES]);
        check(&format!("totals of {what}"), &own(&field(12, &rows)));
    }
    check(
        "one slice of work",
        &own(&field(8, &field(29, &vec![0; FILE_BYTES]))),
    );
    check(
        "module columns",
        &own(&field(6, &field(2, &vec![1; FILE_BYTES]))),
    );
}
