//! Two builds in one: the new one, of the same program with `--dearer`, spends more time in one function.
//!
//! # The known answer
//! A request costs the same whatever the load: of its CPU time 20 % are in `decode`, 30 % in `parse`, 35 % in `look_up`, 15 % in `respond`. With
//! `--dearer 40` `parse` runs 40 % longer, so a request is 12 % dearer: `parse` is the cause, no other function has changed, and polls of the kind
//! `request` take 12 % longer. The other way round `parse` is 29 % cheaper, and a request 11 %. The program counts `requests` and ends by itself.
//!
//! `cargo build --release --example regression-pair`, then `hotpoll bench -o runs --base 'target/release/examples/regression-pair' --new
//! 'target/release/examples/regression-pair --dearer 40' --diff`. Arguments: `[REQUESTS] [--dearer PERCENT]` (6000 and 0).

use std::error::Error;
use std::hint::black_box;

/// Turns of the loops for a request; a thousand turns are about two microseconds.
const DECODE: u64 = 20_000;
const PARSE: u64 = 30_000;
const LOOK_UP: u64 = 35_000;
const RESPOND: u64 = 15_000;

// Operators only, with constants of their own: the compiler can neither fold them into one nor make one faster than another.
macro_rules! part {
    ($name:ident, $first:literal, $second:literal, $third:literal) => {
        #[inline(never)]
        fn $name(mut turns: u64, mut state: u64) -> u64 {
            while turns > 0 {
                state ^= state << $first;
                state ^= state >> $second;
                state ^= state << $third;
                turns -= 1;
            }
            state
        }
    };
}

part!(decode, 13, 7, 17);
part!(parse, 7, 9, 8);
part!(look_up, 21, 35, 4);
part!(respond, 17, 31, 8);

async fn request(number: u64, dearer: u64) {
    let state = black_box(decode(DECODE, number | 1));
    // Where a real one would wait.
    tokio::task::yield_now().await;
    let state = black_box(parse(PARSE * (100 + dearer) / 100, state));
    let state = black_box(look_up(LOOK_UP, state));
    black_box(respond(RESPOND, state));
    hotpoll::work("requests", 1);
}

fn arguments() -> Option<(u64, u64)> {
    let (mut requests, mut dearer) = (6_000, 0);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--dearer" => {
                dearer = arguments
                    .next()?
                    .parse()
                    .ok()
                    .filter(|&dearer| dearer <= 1_000)?
            }
            number => requests = number.parse().ok()?,
        }
    }
    Some((requests, dearer))
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some((requests, dearer)) = arguments() else {
        return Err("usage: regression-pair [REQUESTS] [--dearer PERCENT (0 to 1000)]".into());
    };
    let _profiler = hotpoll::start_if_asked()?;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = hotpoll::runtime(&mut builder).build()?;
    hotpoll::block_on(&runtime, async {
        for number in 0..requests {
            // One after the other: what is compared is what one costs.
            hotpoll::spawn_named("request", request(number, dearer)).await?;
        }
        Ok(())
    })
}
