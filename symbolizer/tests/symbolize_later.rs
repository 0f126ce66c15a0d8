//! A profile that was written without symbols is symbolized elsewhere, from the binary that matches.

mod support;

use std::path::Path;

use hotpoll_profile::{Sample, Thread, pprof};
use hotpoll_symbolizer::symbolize::{Options, Source};
use support::{
    Folder, WHOLE_CHAIN, build_chain, build_id, chain_address, frames, options, profile,
    symbolize_one,
};

#[test]
fn through_a_file_and_back() {
    let folder = Folder::new();
    let program = build_chain(&folder, "renamed", &["-g"]);
    let address = chain_address(&program);
    let there = Path::new("/srv/there/chain");
    let mut before = profile(there, build_id(&program), &[address]);
    before.threads.push(Thread::default());
    before.samples.push(Sample {
        stack: vec![0],
        count: 3,
        cpu_ns: 30,
        ..Sample::default()
    });
    // As the agent writes it, and as it is when it was once looked at where the binary is not.
    for looked_at in [false, true] {
        if looked_at {
            let module = symbolize_one(&mut before, &options());
            assert_eq!(module.source, Source::NotFound);
        }
        let mut here = pprof::decode(&pprof::encode_gzip(&before)).expect("our own file");
        let with_binary = Options {
            binaries: vec![program.clone()],
            ..options()
        };
        let module = symbolize_one(&mut here, &with_binary);
        assert_eq!(frames(&here, 0), WHOLE_CHAIN, "{module:?}");
        assert_eq!(here.samples, before.samples);

        // And what was found is in the file that is written then.
        let again = pprof::decode(&pprof::encode_gzip(&here)).expect("our own file");
        assert_eq!(again.functions, here.functions);
        assert_eq!(again.locations, here.locations);
    }
}
