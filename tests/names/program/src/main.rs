//! What Rust programs are made of, a little of each: generics, closures, trait objects, async functions, hash maps, sorting, formatting, a dependency.
//!
//! `names LIBRARY ROUNDS`: loads hotpoll from the library (`tests/names/agent.rs`) and works.

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt::Write;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[link(name = "dl")]
unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const RTLD_NOW: c_int = 2;

fn start(library: &str) -> bool {
    let path = CString::new(library).expect("a path without zeros");
    // SAFETY: the library's constructor does nothing, and the function has this signature (tests/names/agent.rs).
    unsafe {
        let library = dlopen(path.as_ptr(), RTLD_NOW);
        if library.is_null() {
            return false;
        }
        let start = dlsym(library, c"hotpoll_library_start".as_ptr());
        !start.is_null() && std::mem::transmute::<*mut c_void, extern "C" fn() -> bool>(start)()
    }
}

trait Cost {
    fn cost(&self, turns: u64) -> u64;
    fn twice(&self, turns: u64) -> u64 {
        self.cost(turns).wrapping_add(self.cost(turns / 2))
    }
}

struct Shift(u32);
struct Multiply<T>(T);

impl Cost for Shift {
    fn cost(&self, turns: u64) -> u64 {
        (0..turns).fold(7, |sum: u64, turn| {
            sum.rotate_left(self.0) ^ black_box(turn)
        })
    }
}

impl<T: Copy + Into<u64>> Cost for Multiply<T> {
    fn cost(&self, turns: u64) -> u64 {
        let factor = self.0.into();
        (0..turns).fold(3, |sum: u64, turn| {
            sum.wrapping_mul(factor) ^ black_box(turn)
        })
    }
}

mod shop {
    pub mod cart {
        use std::hint::black_box;

        #[derive(Clone)]
        pub struct Item {
            pub name: String,
            pub price: u64,
        }

        pub fn items(count: u64) -> Vec<Item> {
            (0..count)
                .map(|number| Item {
                    name: format!("item {}", number % 37),
                    price: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40,
                })
                .collect()
        }

        pub fn by<K: Ord>(items: &mut [Item], key: impl Fn(&Item) -> K) {
            items.sort_by_key(|item| key(item));
        }

        pub fn total<'i>(items: impl Iterator<Item = &'i Item>) -> u64 {
            items
                .filter(|item| item.price % 3 != 0)
                .map(|item| black_box(item.price))
                .sum()
        }
    }
}

fn count<T: std::hash::Hash + Eq + Clone>(keys: impl IntoIterator<Item = T>) -> HashMap<T, u64> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

fn document(items: &[shop::cart::Item]) -> String {
    let rows: Vec<serde_json::Value> = items
        .iter()
        .map(|item| serde_json::json!({ "name": item.name, "price": item.price }))
        .collect();
    serde_json::Value::from(rows).to_string()
}

fn parse(text: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(text).expect("our own JSON");
    let rows = value.as_array().map_or(&[][..], Vec::as_slice);
    rows.iter()
        .filter_map(|row| row["price"].as_u64())
        .max()
        .unwrap_or(0)
}

/// Gives way once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

async fn leaf(seed: u64) -> u64 {
    let sum = (0..30_000).fold(seed, |sum: u64, turn| {
        sum.wrapping_mul(31) ^ black_box(turn)
    });
    Yield(false).await;
    sum
}

async fn branch(depth: u32) -> u64 {
    let inner = async {
        let first = leaf(depth.into()).await;
        first ^ leaf(first).await
    };
    match depth {
        0 => inner.await,
        _ => Box::pin(branch(depth - 1)).await ^ inner.await,
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

fn round(costs: &[Box<dyn Cost>]) -> u64 {
    let mut sum = costs
        .iter()
        .fold(0u64, |sum, cost| sum.wrapping_add(cost.twice(60_000)));
    let mut items = shop::cart::items(600);
    shop::cart::by(&mut items, |item| item.price);
    shop::cart::by(&mut items, |item| item.name.clone());
    sum ^= shop::cart::total(items.iter());
    sum ^= count(items.iter().map(|item| item.name.clone())).len() as u64;
    sum ^= parse(&document(&items));
    let mut text = String::new();
    for item in &items {
        let _ = write!(text, "{:>12} {:>8}", item.name, item.price);
    }
    sum ^= text.len() as u64;
    sum ^ block_on(branch(3))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let library = arguments.next().expect("the library");
    let rounds: u64 = arguments
        .next()
        .and_then(|rounds| rounds.parse().ok())
        .expect("rounds");
    assert!(start(&library), "hotpoll does not start");
    let costs: Vec<Box<dyn Cost>> = vec![
        Box::new(Shift(5)),
        Box::new(Multiply(7u32)),
        Box::new(Multiply(9u8)),
    ];
    let sum = (0..rounds).fold(0, |sum, _| sum ^ round(black_box(&costs)));
    println!("{sum}");
}
