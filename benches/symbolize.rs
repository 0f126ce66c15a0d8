//! How long does naming addresses take, cold and warm, and how much memory does it take?
//!
//! Each measurement is a process of its own, so that peak memory is one run's; the middle one of several counts. Cold: nothing in
//! the cache on disk (the file itself is in the kernel's page cache). Warm: the same addresses were asked before.
//!
//! ```text
//! cargo bench -p hotpoll-cli --bench symbolize -- [--program FILE] [--addresses N] [--json FILE]
//! ```
//! The program is this benchmark itself unless one is named; the promise is for one with over 100 MB of debug info.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use hotpoll_profile::{Location, Module, Profile};
use hotpoll_symbolizer::symbolize::{Options, symbolize};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Runs of each kind.
const RUNS: usize = 5;

const DEFAULT_ADDRESSES: usize = 2000;

/// Where the program pretends to be loaded.
const LOAD_BIAS: u64 = 0x5555_5555_4000;

/// Marks the processes that measure.
const CHILD: &str = "--measure";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == CHILD) {
        return measure(&arguments[1..]);
    }
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let program = match value("--program") {
        Some(path) => PathBuf::from(path).canonicalize()?,
        None => env::current_exe()?,
    };
    let count = match value("--addresses") {
        Some(count) => count.parse()?,
        None => DEFAULT_ADDRESSES,
    };
    let figures = compare(&program, count)?;
    println!("# symbolize: {}", program.display());
    for figure in &figures {
        println!("{} = {:.2} {}", figure.name, figure.value, figure.unit);
    }
    if let Some(path) = value("--json") {
        let list: Vec<_> = figures
            .iter()
            .map(|figure| {
                serde_json::json!({"figure": figure.name, "value": figure.value, "unit": figure.unit})
            })
            .collect();
        // The shape of every benchmark here, so that one table can hold them all.
        let all = serde_json::json!({"bench": "symbolize", "subject": "hotpoll", "figures": list});
        fs::write(path, format!("{all:#}\n"))?;
    }
    Ok(())
}

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

fn figure(name: impl Into<String>, value: f64, unit: &'static str) -> Figure {
    Figure {
        name: name.into(),
        value,
        unit,
    }
}

fn compare(program: &Path, count: usize) -> Result<Vec<Figure>> {
    let folder = env::temp_dir().join(format!("hotpoll-bench-symbolize-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (debug_info_bytes, addresses) = addresses_of(program, count)?;
    let list = folder.join("addresses");
    let text: String = addresses.iter().map(|at| format!("{at:x}\n")).collect();
    fs::write(&list, text)?;
    let mut figures = vec![
        figure("debug_info", debug_info_bytes as f64 / 1e6, "MB"),
        figure("addresses", addresses.len() as f64, "addresses"),
    ];
    for (name, way, warm) in [
        ("cold", "map", false),
        ("cold_read", "read", false),
        ("warm", "map", true),
        ("warm_read", "read", true),
    ] {
        let cache = folder.join(name);
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            if !warm {
                let _ = fs::remove_dir_all(&cache);
            } else if !cache.exists() {
                run_child(program, &list, way, &cache)?;
            }
            runs.push(run_child(program, &list, way, &cache)?);
        }
        let middle = |field: fn(&Measured) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(field).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        figures.push(figure(format!("{name}_time"), middle(|run| run.ms), "ms"));
        figures.push(figure(
            format!("{name}_peak_rss"),
            middle(|run| run.peak_mb),
            "MB",
        ));
        figures.push(figure(
            format!("{name}_rss_kept"),
            middle(|run| run.kept_mb),
            "MB",
        ));
        if name == "cold" {
            let share = |part: f64| 100.0 * part / addresses.len() as f64;
            figures.push(figure("named", share(runs[0].named), "%"));
            figures.push(figure("with_lines", share(runs[0].with_lines), "%"));
            figures.push(figure(
                "frames",
                runs[0].frames / addresses.len() as f64,
                "per address",
            ));
        }
        if warm && runs.iter().any(|run| run.cached == 0.0) {
            return Err("a warm run was not answered from the cache".into());
        }
    }
    fs::remove_dir_all(folder)?;
    Ok(figures)
}

/// What a measuring process says: numbers in this order.
struct Measured {
    ms: f64,
    peak_mb: f64,
    kept_mb: f64,
    named: f64,
    with_lines: f64,
    frames: f64,
    cached: f64,
}

fn run_child(program: &Path, list: &Path, way: &str, cache: &Path) -> Result<Measured> {
    let output = Command::new(env::current_exe()?)
        .arg(CHILD)
        .args([program, list, Path::new(way), cache])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: std::result::Result<Vec<f64>, _> =
        text.split_whitespace().map(str::parse).collect();
    let [ms, peak_mb, kept_mb, named, with_lines, frames, cached] = numbers?[..] else {
        return Err(format!("the measuring process said: {text}").into());
    };
    Ok(Measured {
        ms,
        peak_mb,
        kept_mb,
        named,
        with_lines,
        frames,
        cached,
    })
}

/// One run, in a process that did nothing else.
fn measure(arguments: &[String]) -> Result<()> {
    let [program, list, way, cache] = arguments else {
        return Err("program, addresses, way, cache".into());
    };
    let addresses: std::result::Result<Vec<u64>, _> = fs::read_to_string(list)?
        .lines()
        .map(|line| u64::from_str_radix(line, 16))
        .collect();
    let mut profile = profile(Path::new(program), &addresses?)?;
    let options = Options {
        cache_dir: Some(PathBuf::from(cache)),
        map_files: way == "map",
        ..Options::default()
    };
    let before = memory_mb("VmRSS:")?;
    let started = Instant::now();
    let summary = symbolize(&mut profile, &options);
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let [module] = &summary.modules[..] else {
        return Err("one module was expected".into());
    };
    println!(
        "{ms} {} {} {} {} {} {}",
        memory_mb("VmHWM:")?,
        memory_mb("VmRSS:")? - before,
        module.named,
        module.with_lines,
        profile
            .locations
            .iter()
            .map(|location| location.lines.len())
            .sum::<usize>(),
        u8::from(module.cached)
    );
    Ok(())
}

fn profile(program: &Path, addresses: &[u64]) -> Result<Profile> {
    let build_id = {
        let file = object::read::ReadCache::new(fs::File::open(program)?);
        let object = object::File::parse(&file)?;
        object.build_id()?.unwrap_or_default().to_vec()
    };
    let location = |address: &u64| Location {
        address: address + LOAD_BIAS,
        module: Some(0),
        lines: Vec::new(),
    };
    Ok(Profile {
        modules: vec![Module {
            path: program.to_string_lossy().into_owned(),
            build_id,
            start: LOAD_BIAS,
            end: u64::MAX,
            load_bias: LOAD_BIAS,
            ..Module::default()
        }],
        locations: addresses.iter().map(location).collect(),
        ..Profile::default()
    })
}

/// How much debug info the program has, and addresses spread evenly over its functions.
fn addresses_of(program: &Path, count: usize) -> Result<(u64, Vec<u64>)> {
    let bytes = fs::read(program)?;
    let file = object::File::parse(&*bytes)?;
    let debug_info = file
        .sections()
        .filter(|section| section.name().is_ok_and(|name| name.starts_with(".debug_")))
        .map(|section| section.size())
        .sum();
    let mut functions: Vec<(u64, u64)> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .map(|symbol| (symbol.address(), symbol.size()))
        .collect();
    functions.sort_unstable();
    functions.dedup_by_key(|&mut (start, _)| start);
    let total: u64 = functions.iter().map(|&(_, size)| size).sum();
    let step = (total / count as u64).max(1);
    let (mut next, mut before) = (step / 2, 0);
    let mut addresses = Vec::new();
    for (start, size) in functions {
        while next < before + size && addresses.len() < count {
            addresses.push(start + (next - before));
            next += step;
        }
        before += size;
    }
    Ok((debug_info, addresses))
}

fn memory_mb(field: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field));
    let kb = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kb.ok_or("no such field")?.parse::<f64>()? / 1e3)
}
