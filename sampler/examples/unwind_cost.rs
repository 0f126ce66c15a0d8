//! What does a walk cost? Time per frame, warm and cold, beside framehop in the same run; stack used; table sizes.
//!
//! Run: `cargo run --release -p hotpoll-sampler --example unwind_cost`, and without `--release` for the stack a dev build uses.
#![allow(unsafe_code)] // Reads its own registers and stack.

use std::arch::asm;
use std::hint::black_box;
use std::time::Instant;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, MustNotAllocateDuringUnwind, Unwinder};
use hotpoll_profile::Truncation;
use hotpoll_sampler::module::Tracker;
use hotpoll_sampler::unwind::{
    BoundedStack, RED_ZONE, Registers, RuleCache, StackReader, Tables, walk,
};
use object::{Object, ObjectSection};

const ROUNDS: usize = 4000;
const DEPTHS: [usize; 4] = [15, 30, 60, 110];
/// Larger than the machine's caches.
const EVICT_BYTES: usize = 256 << 20;
const PAINTED: usize = 64 * 1024;
const PAINT: u8 = 0xa5;

type Framehop = UnwinderX86_64<Vec<u8>, MustNotAllocateDuringUnwind>;
type FramehopCache = CacheX86_64<MustNotAllocateDuringUnwind>;

fn main() {
    let begun = Instant::now();
    let mut tracker = Tracker::new();
    let tables = tracker.refresh().expect("the first list is new");
    println!(
        "tables of all modules = {:.1} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    for module in tracker.unwind() {
        let name = module.path.rsplit('/').next().unwrap_or("?").to_owned();
        println!(
            "table of {name} = {} bytes, {} rows, {:.2} ms",
            module.size.bytes,
            module.size.rows,
            module.compile_time.as_secs_f64() * 1e3
        );
    }
    let framehop = framehop(&tracker);
    let mut costs = Costs {
        tables: &tables,
        framehop: &framehop,
        evict: vec![1; EVICT_BYTES / 8],
    };
    for depth in DEPTHS {
        // The frames around the recursion are few and always the same.
        recurse_a(depth - 8, &mut || costs.measure(depth));
    }
}

struct Costs<'t> {
    tables: &'t Tables,
    framehop: &'t Framehop,
    evict: Vec<u64>,
}

impl Costs<'_> {
    #[inline(never)]
    fn measure(&mut self, depth: usize) {
        let registers = registers();
        // SAFETY: this thread's own stack.
        let stack = unsafe { BoundedStack::new(registers.sp - RED_ZONE, stack_end()) };
        let mut out = [0; 1024];
        let mut cache = Box::new(RuleCache::new());
        let walked = walk(self.tables, &mut cache, registers, &stack, &mut out);
        assert_eq!(walked.end, Truncation::Complete);
        let mut theirs = Box::new(FramehopCache::new_in());
        assert_eq!(
            walk_framehop(self.framehop, &mut theirs, registers, &stack, &mut out),
            walked.frames
        );

        let (mut ours_ns, mut theirs_ns, mut clock_ns) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            clock_ns.push(time(|| ()));
            ours_ns.push(time(|| {
                walk(self.tables, &mut cache, registers, &stack, &mut out).frames
            }));
            theirs_ns.push(time(|| {
                walk_framehop(self.framehop, &mut theirs, registers, &stack, &mut out)
            }));
        }
        let clock = median(clock_ns);
        let per_frame = |ns: f64| (ns - clock) / walked.frames as f64;
        let (ours, framehop) = (median(ours_ns), median(theirs_ns));
        println!(
            "warm, {} frames (asked {depth}) = {:.0} ns, {:.2} ns a frame; framehop {:.0} ns, {:.2} ns a frame",
            walked.frames,
            ours - clock,
            per_frame(ours),
            framehop - clock,
            per_frame(framehop)
        );

        let (mut rules_ns, mut cpu_ns, mut both_ns, mut theirs_ns) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..15 {
            // Warm the tables, then forget the rules.
            *cache = RuleCache::new();
            walk(self.tables, &mut cache, registers, &stack, &mut out);
            *cache = RuleCache::new();
            rules_ns.push(time(|| {
                walk(self.tables, &mut cache, registers, &stack, &mut out).frames
            }));
            self.evict();
            cpu_ns.push(time(|| {
                walk(self.tables, &mut cache, registers, &stack, &mut out).frames
            }));
            *cache = RuleCache::new();
            self.evict();
            both_ns.push(time(|| {
                walk(self.tables, &mut cache, registers, &stack, &mut out).frames
            }));
            *theirs = FramehopCache::new_in();
            self.evict();
            theirs_ns.push(time(|| {
                walk_framehop(self.framehop, &mut theirs, registers, &stack, &mut out)
            }));
        }
        println!(
            "  cold rule cache = {:.2} us; cold CPU caches = {:.2} us; both = {:.2} us; framehop both = {:.2} us",
            (median(rules_ns) - clock) / 1e3,
            (median(cpu_ns) - clock) / 1e3,
            (median(both_ns) - clock) / 1e3,
            (median(theirs_ns) - clock) / 1e3
        );
        *cache = RuleCache::new();
        let used = stack_used(|| {
            black_box(walk(self.tables, &mut cache, registers, &stack, &mut out));
        });
        let framehop = stack_used(|| {
            black_box(walk_framehop(
                self.framehop,
                &mut theirs,
                registers,
                &stack,
                &mut out,
            ));
        });
        println!("  stack used = {used} bytes; framehop {framehop} bytes");
    }

    fn evict(&mut self) {
        self.evict
            .iter_mut()
            .step_by(8)
            .for_each(|word| *word = word.wrapping_mul(3));
        black_box(&mut self.evict);
    }
}

fn time<T>(what: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    black_box(what());
    begun.elapsed().as_nanos() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[inline(always)]
fn registers() -> Registers {
    let (pc, sp, bp): (u64, u64, u64);
    // SAFETY: reads three registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) bp)
    };
    Registers {
        pc,
        sp,
        bp: Some(bp),
    }
}

/// Paints the stack below here, calls, and looks how far down the paint is gone.
#[inline(never)]
fn stack_used(call: impl FnOnce()) -> usize {
    let sp: usize;
    // SAFETY: writes below the red zone of this function, which is nobody's, and far from the stack's end.
    unsafe {
        asm!(
            "lea rcx, [rsp - {painted}]", "mov rdi, rcx", "lea rcx, [rsp - 128]", "sub rcx, rdi", "rep stosb", "mov {sp}, rsp",
            painted = const PAINTED, sp = lateout(reg) sp, in("al") PAINT, out("rcx") _, out("rdi") _,
        );
    }
    let low = (sp - PAINTED) as *const u8;
    call();
    let mut untouched = 0;
    // SAFETY: likewise.
    while untouched < PAINTED && unsafe { low.add(untouched).read_volatile() } == PAINT {
        untouched += 1;
    }
    PAINTED - untouched
}

fn walk_framehop(
    framehop: &Framehop,
    cache: &mut FramehopCache,
    registers: Registers,
    stack: &BoundedStack,
    out: &mut [u64],
) -> usize {
    let start = UnwindRegsX86_64::new(registers.pc, registers.sp, registers.bp.unwrap_or(0));
    let mut read = |address| stack.read(address).ok_or(());
    let mut frames = framehop.iter_frames(registers.pc, start, cache, &mut read);
    let mut count = 0;
    while let (Ok(Some(frame)), Some(place)) = (frames.next(), out.get_mut(count)) {
        *place = frame.address();
        count += 1;
    }
    count
}

fn framehop(tracker: &Tracker) -> Framehop {
    let mut unwinder = Framehop::new();
    for module in tracker.modules() {
        let Ok(image) = std::fs::read(&module.path) else {
            continue;
        };
        let file = object::File::parse(&image[..]).expect("a loaded file is ELF");
        let section = |name| {
            let section = file.section_by_name(name)?;
            let bytes = section.data().ok()?.to_vec();
            Some((
                section.address()..section.address() + bytes.len() as u64,
                bytes,
            ))
        };
        let (Some(eh_frame), Some(hdr), Some(text)) = (
            section(".eh_frame"),
            section(".eh_frame_hdr"),
            section(".text"),
        ) else {
            continue;
        };
        let info = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: Some(text.0),
            eh_frame_svma: Some(eh_frame.0),
            eh_frame: Some(eh_frame.1),
            eh_frame_hdr_svma: Some(hdr.0),
            eh_frame_hdr: Some(hdr.1),
            ..Default::default()
        };
        unwinder.add_module(framehop::Module::new(
            module.path.clone(),
            module.start..module.end,
            module.load_bias,
            info,
        ));
    }
    unwinder
}

fn stack_end() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    let here = &raw const maps as u64;
    let end = maps.lines().find_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
        range.contains(&here).then_some(range.end)
    });
    end.expect("a stack is mapped")
}

// Several functions with frames of different shape take turns, as in a real program.
macro_rules! recursion {
    ($name:ident, $next:ident, $space:expr) => {
        #[inline(never)]
        fn $name(depth: usize, then: &mut dyn FnMut()) -> u64 {
            let mut space = [depth as u64; $space];
            black_box(&mut space);
            let deeper = if depth == 0 {
                then();
                0
            } else {
                $next(depth - 1, then)
            };
            deeper + black_box(space[$space - 1])
        }
    };
}
recursion!(recurse_a, recurse_b, 1);
recursion!(recurse_b, recurse_c, 7);
recursion!(recurse_c, recurse_d, 30);
recursion!(recurse_d, recurse_e, 3);
recursion!(recurse_e, recurse_a, 120);
