//! The same addresses of a big real program (this test) asked of `addr2line` from binutils, which shares no code with ours.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use hotpoll_profile::Profile;
use hotpoll_symbolizer::symbolize::Options;
use object::{Object, ObjectSymbol, SymbolKind};
use support::{build_id, profile, symbolize_one};

/// How many addresses are asked, by default and in the long form.
const ADDRESSES: usize = 4000;
const ADDRESSES_LONG: usize = 100_000;

/// One frame: the function's name in the object file, the source file without folders, the line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    symbol: String,
    file: String,
    line: u32,
}

/// Addresses spread over all functions that have a size.
fn spread_addresses(program: &Path, count: usize) -> Vec<u64> {
    let bytes = fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut functions: Vec<(u64, u64)> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .map(|symbol| (symbol.address(), symbol.size()))
        .filter(|&(_, size)| size > 0)
        .collect();
    functions.sort_unstable();
    functions.dedup();
    let total: u64 = functions.iter().map(|&(_, size)| size).sum();
    let step = (total / count as u64).max(1);
    let mut addresses = Vec::new();
    let mut next = step / 2;
    let mut before = 0;
    for (start, size) in functions {
        while next < before + size {
            addresses.push(start + (next - before));
            next += step;
        }
        before += size;
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn ours(profile: &Profile) -> Vec<Vec<Frame>> {
    let frames = |location: &hotpoll_profile::Location| {
        let frame = |line: &hotpoll_profile::Line| {
            let function = &profile.functions[line.function as usize];
            Frame {
                symbol: function.system_name.clone(),
                file: file_name(&function.file),
                line: line.line,
            }
        };
        location.lines.iter().map(frame).collect()
    };
    profile.locations.iter().map(frames).collect()
}

fn file_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.trim_matches('?').to_string()
}

fn theirs(program: &Path, addresses: &[u64]) -> Vec<Vec<Frame>> {
    let mut child = Command::new("addr2line")
        .args(["--addresses", "--inlines", "--functions", "--exe"])
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("binutils are installed");
    let mut input = child.stdin.take().unwrap();
    let text: String = addresses.iter().map(|at| format!("{at:#x}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut answers: Vec<Vec<Frame>> = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("0x") {
            answers.push(Vec::new());
            continue;
        }
        let place = lines.next().expect("a place for each function");
        let place = place.split(" (discriminator").next().unwrap();
        let (file, number) = place.rsplit_once(':').unwrap();
        answers.last_mut().unwrap().push(Frame {
            symbol: line.trim_matches('?').to_string(),
            file: file_name(file),
            line: number.parse().unwrap_or_default(),
        });
    }
    answers
}

/// How two answers to one address may differ and both be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// No debug info: binutils shows the name of the object file that the linker noted in the symbol table, with line 0.
    FileFromSymbolTable,
    /// Several symbols stand at the function's address (the linker folded equal code, or it has an alias): each took another.
    AnotherSymbolOfTheSameAddress,
    /// An instruction without a line, merged from several places: binutils tells the file that stands there, whosever it is; we tell the function's, or none.
    FileOfNoLine,
    /// Anything else.
    Unexplained,
}

/// `None` when they are equal.
fn difference(ours: &[Frame], theirs: &[Frame], starts: &Starts) -> Option<Class> {
    if ours == theirs {
        return None;
    }
    if let ([ours], [theirs]) = (ours, theirs) {
        if ours.symbol == theirs.symbol
            && ours.line == 0
            && ours.file.is_empty()
            && theirs.line == 0
        {
            return Some(Class::FileFromSymbolTable);
        }
        let start = |frame: &Frame| starts.get(&frame.symbol);
        if ours.line == theirs.line && start(ours).is_some() && start(ours) == start(theirs) {
            return Some(Class::AnotherSymbolOfTheSameAddress);
        }
    }
    if let ([our_leaf, our_callers @ ..], [their_leaf, their_callers @ ..]) = (ours, theirs)
        && our_callers == their_callers
        && our_leaf.symbol == their_leaf.symbol
        && (our_leaf.line, their_leaf.line) == (0, 0)
    {
        return Some(Class::FileOfNoLine);
    }
    Some(Class::Unexplained)
}

/// Where the symbols of each name start.
type Starts = BTreeMap<String, BTreeSet<u64>>;

fn starts(program: &Path) -> Starts {
    let bytes = fs::read(program).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut starts = Starts::new();
    for symbol in file.symbols().filter(|symbol| symbol.is_definition()) {
        if let Ok(name) = symbol.name() {
            let addresses = starts.entry(name.to_string()).or_default();
            addresses.insert(symbol.address());
        }
    }
    starts
}

/// `HOTPOLL_TEST_PROGRAM` compares another program, and shows what differs: to find out, not to pass.
#[test]
fn every_difference_is_explained() {
    let other = std::env::var_os("HOTPOLL_TEST_PROGRAM").map(PathBuf::from);
    let program = other
        .clone()
        .unwrap_or_else(|| std::env::current_exe().unwrap());
    let count = match std::env::var_os("HOTPOLL_TEST_LONG") {
        Some(_) => ADDRESSES_LONG,
        None => ADDRESSES,
    };
    let addresses = spread_addresses(&program, count);
    let starts = starts(&program);
    let mut profile = profile(&program, build_id(&program), &addresses);
    let module = symbolize_one(&mut profile, &Options::default());
    let (ours, theirs) = (ours(&profile), theirs(&program, &addresses));
    assert_eq!(ours.len(), theirs.len());
    let mut classes: BTreeMap<Class, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for ((address, ours), theirs) in addresses.iter().zip(&ours).zip(&theirs) {
        let Some(class) = difference(ours, theirs, &starts) else {
            continue;
        };
        *classes.entry(class).or_default() += 1;
        if class == Class::Unexplained {
            unexplained.push(format!(
                "{address:#x}\n ours {ours:#?}\n theirs {theirs:#?}"
            ));
        }
    }
    let compared = ours.len();
    let equal = compared - classes.values().sum::<usize>();
    println!("{compared} addresses compared, {equal} equal, {classes:?}; {module:?}");
    if other.is_some() {
        println!("{}", unexplained.join("\n"));
        return;
    }
    assert!(compared > count / 2, "too few to mean anything");
    assert!(
        equal * 10 > compared * 9,
        "the explained ones must be the exception"
    );
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
}
