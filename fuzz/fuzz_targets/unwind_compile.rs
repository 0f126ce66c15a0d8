//! Any bytes as unwind sections, compiled and compared with gimli.
#![no_main]

#[path = "../../sampler/tests/unwind_common/any_sections.rs"]
mod any_sections;
#[path = "../../sampler/tests/unwind_common/oracle.rs"]
#[allow(dead_code)]
mod oracle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| any_sections::check(data));
