//! The machine that a run was on and what else it was doing, since figures mean nothing without.
//!
//! Shared by the benchmarks `serve` and `load`. Reads /proc, changes nothing.

use std::fs;
use std::thread;

/// One line: processor, cores, kernel, memory, and the load before the run.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let processor = field(&read("/proc/cpuinfo"), "model name");
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = memory.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let load = read("/proc/loadavg");
    format!(
        "{cores} x {processor}, Linux {}, {} GiB; load average before the run {}",
        kernel.trim(),
        kib >> 20,
        load.split_whitespace().next().unwrap_or("unknown")
    )
}
