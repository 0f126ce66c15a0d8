//! The ten lines that a program needs. While it runs, `hotpoll report` in another terminal says what it burns its CPU on.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _profiler = hotpoll::start()?;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::time::Instant::now() < until {
        std::hint::black_box(primes_below(100_000));
    }
    Ok(())
}

/// The known answer: all of it.
fn primes_below(limit: u64) -> usize {
    let prime = |n: &u64| {
        (2..)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    (2..limit).filter(prime).count()
}
