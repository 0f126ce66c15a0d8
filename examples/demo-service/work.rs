//! The work of the service: one function for each thing to find in a profile, none of them inlined, none like another.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;

/// One line of an order.
#[derive(Debug, Clone)]
pub struct Order {
    /// What was bought.
    pub item: String,
    /// How many.
    pub quantity: u64,
    /// At which price.
    pub cents: u64,
}

/// Reads a JSON list of orders; what is no order is skipped.
#[inline(never)]
pub fn parse_orders(body: &[u8]) -> Vec<Order> {
    let Ok(Value::Array(list)) = serde_json::from_slice(body) else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|order| {
            Some(Order {
                item: order.get("item")?.as_str()?.to_owned(),
                quantity: order.get("quantity")?.as_u64()?,
                cents: order.get("cents")?.as_u64()?,
            })
        })
        .collect()
}

/// Puts the dearest first.
#[inline(never)]
pub fn sort_by_price(orders: &mut [Order]) {
    orders.sort_by(|a, b| {
        (b.quantity * b.cents)
            .cmp(&(a.quantity * a.cents))
            .then_with(|| a.item.cmp(&b.item))
    });
}

/// A CRC-32, byte by byte, with plain operators: its own hottest function, as nothing of std is inlined into it.
#[inline(never)]
pub fn checksum(bytes: &[u8]) -> u32 {
    let mut rest = bytes;
    let mut crc = u32::MAX;
    while let [byte, after @ ..] = rest {
        crc = (crc >> 8) ^ CRC_TABLE[((crc ^ *byte as u32) & 0xff) as usize];
        rest = after;
    }
    !crc
}

/// The remainders of all bytes.
static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1 == 1;
            remainder = (remainder >> 1) ^ if carry { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

/// An invoice for orders, from a template with `{{names}}`.
#[inline(never)]
pub fn render_invoice(orders: &[Order]) -> String {
    const LINE: &str =
        "<tr><td>{{item}}</td><td>{{quantity}}</td><td>{{price}}</td><td>{{total}}</td></tr>\n";
    let mut page = String::from("<table>\n");
    for order in orders {
        let values = [
            ("item", order.item.clone()),
            ("quantity", order.quantity.to_string()),
            ("price", money(order.cents)),
            ("total", money(order.cents * order.quantity)),
        ];
        let mut rest = LINE;
        while let Some((before, after)) = rest.split_once("{{") {
            page.push_str(before);
            let (name, after) = after.split_once("}}").unwrap_or((after, ""));
            if let Some((_, value)) = values.iter().find(|(key, _)| *key == name) {
                page.push_str(value);
            }
            rest = after;
        }
        page.push_str(rest);
    }
    page.push_str("</table>\n");
    page
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The page, gzipped.
#[inline(never)]
pub fn compress(page: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 4), Compression::new(6));
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(page);
    encoder.finish().unwrap_or_default()
}

/// How often each word occurs.
#[inline(never)]
pub fn count_words(text: &str) -> HashMap<&str, u32> {
    let mut counts = HashMap::new();
    for word in text.split_ascii_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// The words, most frequent first.
#[inline(never)]
pub fn rank_words<'a>(counts: &HashMap<&'a str, u32>) -> Vec<(&'a str, u32)> {
    let mut ranked: Vec<(&str, u32)> = counts.iter().map(|(word, count)| (*word, *count)).collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    ranked
}

/// Numbers without randomness, the same in every run (an LCG's high bits).
pub struct Numbers(u64);

impl Numbers {
    /// The sequence with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A list of orders to work on.
pub fn some_orders(count: usize, seed: u64) -> Vec<Order> {
    const ITEMS: [&str; 6] = [
        "apple",
        "bolt M6",
        "candle",
        "door hinge",
        "envelope",
        "funnel",
    ];
    let mut numbers = Numbers::new(seed);
    (0..count)
        .map(|_| Order {
            item: format!(
                "{} no. {}",
                ITEMS[numbers.below(6) as usize],
                numbers.below(900)
            ),
            quantity: 1 + numbers.below(20),
            cents: 50 + numbers.below(50_000),
        })
        .collect()
}
