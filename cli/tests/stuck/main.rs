//! `hotpoll stuck` on live processes: each planted deadlock is found, and in a storm of locks, time-outs and panics none that is not there. The
//! process is this test run once more.

mod async_storm;
mod in_place;
mod planted;
mod process;
mod scenes;
mod slow;
mod storm;
#[path = "../terminal/mod.rs"]
mod terminal;

use process::ROLE;

/// Not a test, unless it is asked to be the process.
#[test]
fn be_the_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let _guard = hotpoll::start_if_asked().unwrap();
    let words: Vec<&str> = role.split(' ').collect();
    match words.as_slice() {
        ["planted", members, seed] => {
            planted::be(members.parse().unwrap(), seed.parse().unwrap());
        }
        ["scene", scene] => scenes::be(scene),
        ["planted-async", members, seed] => {
            planted::be_async(members.parse().unwrap(), seed.parse().unwrap());
        }
        ["planted-mixed", members, seed] => {
            planted::be_mixed(members.parse().unwrap(), seed.parse().unwrap());
        }
        ["in-place", scene] => in_place::be(scene),
        ["slow", what] => slow::be(what),
        ["storm", seconds, seed] => storm::be(seconds.parse().unwrap(), seed.parse().unwrap()),
        _ => panic!("no role {role}"),
    }
}
