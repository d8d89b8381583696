//! How much memory this process holds.

/// Resident memory in KiB; `None` where the system does not tell.
pub fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Repeats `work` for a warm-up of `rounds`, then for as many rounds again, and fails when every quarter of these adds its
/// share of `allowed_kib` to the one before: a leak grows on and on, while an arena of the allocator or a library's cache
/// appears in one step.
pub fn assert_flat(what: &str, rounds: usize, allowed_kib: u64, mut work: impl FnMut()) {
    (0..rounds).for_each(|_| work());
    let mut quarters = Vec::new();
    for _ in 0..4 {
        (0..rounds.div_ceil(4)).for_each(|_| work());
        quarters.extend(resident_kib());
    }
    println!("{what}: {quarters:?} KiB after each quarter of {rounds} rounds");
    let growths_kib = quarters.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let Some(least_kib) = growths_kib.min() else {
        println!("skipped: this system does not tell a process its memory");
        return;
    };
    assert!(
        least_kib <= allowed_kib / 3,
        "{what}: memory grows by at least {least_kib} KiB in every quarter: {quarters:?}"
    );
}
