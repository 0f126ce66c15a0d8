//! Any bytes as a file of the symbol cache: no panic, no allocation beyond the file's size, and what is read can be written.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hotpoll_symbolizer::symbolize::check_cache_file(data));
