//! What a run is reduced to: which functions a sample counts for, and once.

use hotpoll_compare::{Generics, Options, Run};
use hotpoll_profile::thread::Accounts;
use hotpoll_profile::{
    Engine, Function, Line, Location, Profile, Sample, State, Thread, canonical_name,
};

/// A function as line tables have it where it is inlined: a bare name behind its file's module.
fn inlined(module: &str, bare: &str) -> Function {
    Function {
        name: format!("{module}::{}", canonical_name(bare)),
        system_name: bare.to_owned(),
        file: format!("src/{module}.rs"),
        start_line: 0,
    }
}

/// A function by its symbol.
fn symbol(symbol: &str) -> Function {
    Function {
        name: canonical_name(symbol),
        system_name: symbol.to_owned(),
        file: "src/one.rs".to_owned(),
        start_line: 0,
    }
}

/// A run of these stacks, leaf first, each of one sample and a millisecond; an address may have several inlined functions.
fn run(functions: Vec<Function>, stacks: &[&[&[u32]]], generics: Generics) -> Run {
    let mut profile = Profile {
        functions,
        ..Profile::default()
    };
    for stack in stacks {
        let mut sample = Sample {
            state: State::Running,
            count: 1,
            cpu_ns: 1_000_000,
            ..Sample::default()
        };
        for functions in *stack {
            sample.stack.push(profile.locations.len() as u32);
            let lines = functions.iter().map(|&function| Line { function, line: 1 });
            profile.locations.push(Location {
                lines: lines.collect(),
                ..Location::default()
            });
        }
        profile.samples.push(sample);
    }
    let options = Options {
        generics,
        ..Options::default()
    };
    Run::of(&profile, "run", &options)
}

/// The stacks by name, leaf first, with their samples.
fn stacks(run: &Run) -> Vec<(String, u64)> {
    let stacks = run.stacks.iter().map(|stack| {
        let names = stack.frames.iter();
        let names: Vec<&str> = names.map(|&key| &*run.keys[key as usize].name).collect();
        (names.join(" "), stack.samples)
    });
    stacks.collect()
}

#[test]
fn inlined_frames_are_callers_and_instances_one_function() {
    let functions = vec![
        symbol("_ZN4shop5parse17h0123456789abcdefE"),
        symbol("_ZN4shop5parse17hfedcba9876543210E"),
        symbol("_RNvCs6EtWrFVRDyB_4shop4main"),
        inlined("cart", "push<u8>"),
    ];
    let run = run(
        functions,
        &[&[&[3, 0], &[2]], &[&[3, 1], &[2]]],
        Generics::Collapse,
    );
    assert_eq!(
        stacks(&run),
        [("cart::push shop::parse shop::main".to_owned(), 2)]
    );
    assert!(run.inlines);
}

/// `--generics keep`: a function of two modules was one, as its bare name lost the module.
#[test]
fn generics_that_are_kept() {
    let functions = vec![
        inlined("cart", "push<u8>"),
        inlined("cart", "push<u16>"),
        inlined("stock", "push<u8>"),
        symbol(
            "_RINvNtNtNtCsaiRdNWFWvSB_5tokio7runtime4task3raw4pollNCNvCs6EtWrFVRDyB_2tk6handle0INtNtCslNYArtu3iFV_5alloc4sync3ArcNtNtNtB6_9scheduler14current_thread6HandleEEBS_",
        ),
    ];
    let all: [&[&[u32]]; 4] = [&[&[0]], &[&[1]], &[&[2]], &[&[3]]];
    let kept = run(functions.clone(), &all, Generics::Keep);
    let names: Vec<&str> = kept.keys.iter().map(|key| &*key.name).collect();
    assert_eq!(
        names[..3],
        ["cart::push<u8>", "cart::push<u16>", "stock::push<u8>"]
    );
    assert!(names[3].contains("tk::handle::{closure}"), "{}", names[3]);
    let collapsed = run(functions, &all, Generics::Collapse);
    let names: Vec<&str> = collapsed.keys.iter().map(|key| &*key.name).collect();
    assert_eq!(
        names,
        [
            "cart::push",
            "stock::push",
            "tokio::runtime::task::raw::poll"
        ]
    );
}

#[test]
fn glue_is_left_out_whatever_becomes_of_generics() {
    let begin = Function {
        name: "std::sys::backtrace::__rust_begin_short_backtrace".to_owned(),
        system_name: "std::sys::backtrace::__rust_begin_short_backtrace<fn(), ()>".to_owned(),
        ..Function::default()
    };
    for generics in [Generics::Collapse, Generics::Keep] {
        let functions = vec![
            symbol("_ZN4shop5parse17h0123456789abcdefE"),
            begin.clone(),
            symbol("main"),
        ];
        let run = run(functions, &[&[&[0], &[1], &[2]]], generics);
        assert_eq!(stacks(&run), [("shop::parse".to_owned(), 1)]);
    }
}

/// A sample of a recursive function counts once for it, and what it calls as well.
#[test]
fn recursion_counts_once() {
    let functions = vec![
        symbol("_ZN4shop5parse17h0123456789abcdefE"),
        symbol("_ZN4shop4main17h0123456789abcdefE"),
        symbol("_ZN4shop4rest17h0123456789abcdefE"),
    ];
    let deep: &[&[u32]] = &[&[0], &[0], &[0], &[1]];
    let other: &[&[u32]] = &[&[2], &[1]];
    let stacks: Vec<&[&[u32]]> = [vec![deep; 300], vec![other; 100]].concat();
    let one = run(functions, &stacks, Generics::Collapse);
    let comparison = hotpoll_compare::compare(
        &[one.clone(), one.clone()],
        &[one.clone(), one],
        &Options::default(),
    );
    let comparison = comparison.expect("comparable");
    let row = comparison.rows.iter().find(|row| row.name == "shop::parse");
    let row = row.expect("it has 300 samples");
    assert_eq!((row.base_count, row.new_count), (600, 600));
    assert!((row.share - 0.75).abs() < 1e-9, "{}", row.share);
}

/// Inlined is what never was a function of its own.
#[test]
fn inlined_only() {
    let functions = vec![
        inlined("shop", "len"),
        symbol("shop::search"),
        symbol("shop::main"),
    ];
    let run = run(
        functions,
        &[&[&[0, 1], &[2]], &[&[1], &[2]], &[&[1, 2]]],
        Generics::Collapse,
    );
    let names = run.inlined.iter().map(|&key| &*run.keys[key as usize].name);
    assert_eq!(names.collect::<Vec<_>>(), ["shop::len"]);
}

/// A tick of the kernel's in a run of some milliseconds is chance, and not what tells whether it is sampled.
#[test]
fn whether_the_kernel_has_samples() {
    let told = |cpu_ms: u64, kernel_ms: u64, sampled_ms: u64| {
        let ms = |ms: u64| ms * 1_000_000;
        let mut profile = Profile {
            process_cpu_ns: ms(cpu_ms),
            ..Profile::default()
        };
        profile.threads.push(Thread {
            engine: Engine::Perf,
            totals: Accounts {
                cpu_ns: ms(cpu_ms),
                kernel_ns: ms(kernel_ms),
                ..Accounts::default()
            },
            ..Thread::default()
        });
        profile.samples.push(Sample {
            state: State::Kernel,
            count: sampled_ms,
            cpu_ns: ms(sampled_ms),
            ..Sample::default()
        });
        Run::of(&profile, "run", &Options::default()).kernel_sampled
    };
    assert_eq!(told(1_000, 100, 0), Some(false));
    assert_eq!(told(1_000, 0, 100), Some(true));
    assert_eq!(told(1_000, 40, 40), None);
    assert_eq!(told(60, 12, 0), None);
    assert_eq!(told(60, 0, 4), None);
    assert_eq!(told(100, 50, 0), Some(false));
}
