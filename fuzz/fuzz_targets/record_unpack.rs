//! Any words as a thread's stream of records: no panic, and nothing beyond the bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let words: Vec<u64> = data
        .chunks_exact(8)
        .filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)))
        .collect();
    hotpoll_sampler::record::check_stream(&words);
});
