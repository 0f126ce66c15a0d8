//! The header of a report: what it covers, where the time went, and how far the numbers can be trusted.

use super::data::{Counted, Data, EngineData, StacksData};
use crate::export::text::printable;
use crate::text::number::{
    count, counted, duration, hertz, moment, per_second, percent, percent_in_words, time_of_day,
};
use crate::text::style::{DIM, HEADING, WARNING, paint};
use crate::text::width::{keep_start, wrap};

/// The columns of the labels.
const LABEL: usize = 12;
/// Samples beyond the clocks by more than this part of the CPU time are a term of their own: without it the others, each rounded
/// to a tenth of a per cent, would sum to more than all of it and not say why.
const WORTH_A_TERM: f64 = 0.005;

/// The header's lines, each within `columns`.
pub fn lines(data: &Data, columns: usize) -> Vec<String> {
    let mut lines = vec![title(data, columns)];
    let mut field = |label: &str, value: String| {
        for (index, line) in wrap(&value, columns.saturating_sub(LABEL))
            .into_iter()
            .enumerate()
        {
            let label = if index == 0 { label } else { "" };
            lines.push(format!("{}{line}", paint(DIM, format!("  {label:<10}"))));
        }
    };
    for (label, value) in fields(data) {
        field(label, value);
    }
    for notice in &data.notices {
        let wrapped = wrap(&printable(notice), columns.saturating_sub(4));
        for (index, line) in wrapped.into_iter().enumerate() {
            let sign = if index == 0 { "!" } else { " " };
            lines.push(paint(WARNING, format!("  {sign} {line}")));
        }
    }
    lines
}

/// What the report is about, in a line.
pub fn title_text(data: &Data) -> (String, String) {
    let mut name = printable(&data.process.name);
    if name.is_empty() {
        name = "unknown process".to_owned();
    }
    if data.process.pid != 0 {
        name += &format!(" (pid {})", data.process.pid);
    }
    let window = &data.window;
    let when = match window.start_unix_ns {
        0 => duration(window.duration_ns),
        start => {
            let end = start + window.duration_ns;
            let end = if moment(start)[..10] == moment(end)[..10] {
                time_of_day(end)
            } else {
                moment(end)
            };
            format!(
                "{}, {} to {end} UTC",
                duration(window.duration_ns),
                moment(start)
            )
        }
    };
    (name, when)
}

fn title(data: &Data, columns: usize) -> String {
    let (name, when) = title_text(data);
    let name = keep_start(&name, columns);
    let room = columns.saturating_sub(crate::text::width::width(&name) + 3);
    let when = if room < 6 {
        String::new()
    } else {
        keep_start(&when, room)
    };
    if when.is_empty() {
        return paint(HEADING, name);
    }
    format!("{} {} {when}", paint(HEADING, name), paint(DIM, "·"))
}

/// The header as labels and sentences.
pub fn fields(data: &Data) -> Vec<(&'static str, String)> {
    let mut fields = vec![("CPU", cpu(data))];
    if !data.work.is_empty() {
        fields.push(("work", work(data)));
    }
    if let Some(counts) = &data.task_counts {
        fields.push(("tasks", counts.words()));
    }
    fields.push(("samples", samples(data)));
    // An idle process's, too; another tool's file knows nothing of engines, losses and overhead.
    let is_ours = !data.process.hotpoll_version.is_empty();
    if is_ours && !data.samples.engines.is_empty() {
        fields.push(("engine", engines(&data.samples.engines)));
    }
    if data.clocked {
        fields.push(("accounted", accounted(data)));
    }
    if is_ours {
        fields.push(("lost", lost(data)));
    }
    if let Some(complete) = data.stacks.complete {
        fields.push(("stacks", stacks(complete, &data.stacks)));
    }
    if is_ours {
        fields.push(("overhead", overhead(data)));
    }
    if data.window.evicted_slices > 0 {
        let evicted = count(data.window.evicted_slices);
        fields.push((
            "recorder",
            format!("full: {evicted} s before this window made room for newer ones"),
        ));
    }
    if let Some(focus) = &data.focus {
        let selected = &focus.selected;
        let found = match data.is_without_match() {
            true => "no stack matches".to_owned(),
            false => format!(
                "{} in {} ({} of the CPU)",
                duration(selected.cpu_ns),
                counted(selected.samples, "sample"),
                percent_in_words(selected.share),
            ),
        };
        fields.push(("focus", format!("{}: {found}", printable(&focus.pattern))));
    }
    fields
}

fn cpu(data: &Data) -> String {
    let mut cpu = format!(
        "{}, {} of a core",
        duration(data.cpu_ns),
        percent_in_words(data.cores)
    );
    if data.process.cpus > 0 {
        cpu += &format!(" ({} available)", data.process.cpus);
    }
    if data.thread_count > 0 {
        cpu += &format!(", {}", counted(data.thread_count as u64, "thread"));
    }
    if !data.clocked {
        cpu += "; by its samples, the file has no clocks";
    }
    cpu
}

fn work(data: &Data) -> String {
    let counters = data.work.iter().map(|work| {
        let mut text = format!("{} {}", count(work.units), printable(&work.name));
        if let Some(rate) = work.per_second.filter(|_| work.units > 1) {
            text += &format!(" ({})", per_second(rate));
        }
        if let Some(each) = work.cpu_ns_each {
            text += &format!(", {} CPU each", duration(each));
        }
        text
    });
    counters.collect::<Vec<_>>().join(" · ")
}

fn samples(data: &Data) -> String {
    let samples = &data.samples;
    let mut text = count(samples.count);
    if samples.asked_hz > 0.0 {
        text += &format!(" at {} asked", hertz(samples.asked_hz));
        if let Some(delivered) = samples.delivered_hz {
            text += &format!(", {} delivered", hertz(delivered));
        }
    }
    // A few overruns are nothing; many are another profile than was asked for.
    if samples.overrun * 20 > samples.count {
        text += &format!("; {} of them as weights of others", count(samples.overrun));
    }
    text
}

fn engines(engines: &[EngineData]) -> String {
    let texts: Vec<String> = engines
        .iter()
        .map(|row| {
            if let [only] = engines {
                format!("{} ({})", only.engine, only.reason)
            } else {
                let threads = counted(row.threads as u64, "thread");
                format!("{} on {threads} ({})", row.engine, row.reason)
            }
        })
        .collect();
    texts.join(" · ")
}

fn accounted(data: &Data) -> String {
    let accounted = &data.accounted;
    let share = |ns: u64| match data.cpu_ns {
        0 => 0.0,
        whole => ns as f64 / whole as f64,
    };
    let part = |ns: u64| percent(share(ns));
    // Kernel time has samples under ctimer, and beside a perf event; the kernel's own count stands in where it has none.
    // The first three always: a zero there is worth knowing.
    let mut terms = vec![
        format!(
            "user {}",
            part(accounted.sampled_ns - accounted.sampled_kernel_ns)
        ),
        format!(
            "[kernel] {}",
            part(accounted.kernel_ns + accounted.sampled_kernel_ns)
        ),
        format!("[unsampled] {}", part(accounted.unsampled_ns)),
    ];
    let unusual = [
        ("[unseen]", accounted.unseen_ns),
        ("[hotpoll]", accounted.agent_ns),
    ];
    terms.extend(
        unusual
            .iter()
            .filter(|(_, ns)| *ns > 0)
            .map(|(name, ns)| format!("{name} {}", part(*ns))),
    );
    let beyond = share(accounted.oversampled_ns);
    if beyond > WORTH_A_TERM {
        terms.push(format!("samples beyond the clocks {}", percent(-beyond)));
    }
    terms.join(" · ")
}

fn lost(data: &Data) -> String {
    if data.lost.is_empty() {
        return format!("none of {}", counted(data.samples.fired, "signal"));
    }
    let lost: u64 = data.lost.iter().map(|row| row.count).sum();
    let fired = data.samples.fired.max(1);
    format!(
        "{} of {} ({}): {}",
        count(lost),
        counted(data.samples.fired, "signal"),
        percent_in_words(lost as f64 / fired as f64),
        reasons(&data.lost)
    )
}

fn stacks(complete: f64, data: &StacksData) -> String {
    let mut text = format!("{} complete", percent_in_words(complete));
    if !data.cut_short.is_empty() {
        text += &format!("; cut short: {}", reasons(&data.cut_short));
    }
    if data.guessed > 0 {
        text += &format!("; {} with a guessed step", count(data.guessed));
    }
    text
}

fn reasons(rows: &[Counted]) -> String {
    let reasons: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row.reason, count(row.count)))
        .collect();
    reasons.join(", ")
}

fn overhead(data: &Data) -> String {
    let overhead = &data.overhead;
    let handler = if overhead.handler_measured {
        format!("handler {}", duration(overhead.handler_ns))
    } else {
        "handler not measured: no invariant TSC".to_owned()
    };
    // The signals, and the interrupts of perf events that bring them.
    let delivery = if overhead.delivery_ns > 0 || data.samples.fired == 0 {
        format!("delivery {}", duration(overhead.delivery_ns))
    } else {
        "delivery not calibrated".to_owned()
    };
    format!(
        "{} of CPU: {handler}, {delivery} · agent {} of a core",
        percent_in_words(overhead.fraction),
        percent_in_words(overhead.agent_cores),
    )
}
