//! Made-up functions and a made-up stack, walked and compared with gimli and framehop.
#![no_main]

#[path = "../../sampler/tests/unwind_common/made_up.rs"]
mod made_up;
#[path = "../../sampler/tests/unwind_common/made_up_walk.rs"]
mod made_up_walk;
#[path = "../../sampler/tests/unwind_common/oracle.rs"]
#[allow(dead_code)]
mod oracle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| made_up_walk::check(data));
