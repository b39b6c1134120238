//! What the operating system says of this process: the metrics that every Prometheus client has.
//!
//! Read from `/proc` at each scrape, by `collect.rs` alone; where something is not there, it is 0.

use std::fs;
use std::sync::OnceLock;

/// The kernel counts times in so many parts of a second, on every architecture that is served.
const TICKS: f64 = 100.0;

/// What `/proc` says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) open_files: u64,
    pub(super) max_files: u64,
    pub(super) threads: u64,
    /// Since the epoch.
    pub(super) start_seconds: f64,
}

// === impl Process ===

impl Process {
    pub(super) fn read() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self {
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64),
            max_files: max_files(&fs::read_to_string("/proc/self/limits").unwrap_or_default()),
            ..Self::of(&stat, boot_seconds())
        }
    }

    /// `/proc/[pid]/stat`, as proc(5) numbers its fields: those after the name, which may hold anything, from 3 on.
    fn of(stat: &str, boot_seconds: f64) -> Self {
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let fields: Vec<u64> = after.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
        Self {
            cpu_seconds: (field(14) + field(15)) as f64 / TICKS,
            threads: field(20),
            start_seconds: boot_seconds + field(22) as f64 / TICKS,
            virtual_bytes: field(23),
            resident_bytes: field(24) * page_bytes(),
            ..Self::default()
        }
    }
}

fn page_bytes() -> u64 {
    // SAFETY: asks for a number that never changes.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// When the machine started, since the epoch.
fn boot_seconds() -> f64 {
    static BOOT: OnceLock<f64> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
        line.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0.0)
    })
}

/// The soft limit of `Max open files`.
fn max_files(limits: &str) -> u64 {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_in_it_moves_no_field() {
        let stat =
            "7 (a b) c) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 9 0 12345 8192 3 18446744073709551615";
        let found = Process::of(stat, 1000.0);
        assert!((found.cpu_seconds - 2.0).abs() < 1e-9 && (found.start_seconds - 1123.45).abs() < 1e-9);
        assert_eq!((found.threads, found.virtual_bytes, found.resident_bytes), (9, 8192, 3 * page_bytes()));
        assert_eq!(
            max_files("Max open files            1024                 4096                 files"),
            1024
        );
        assert!(Process::of("", 0.0).threads == 0);
    }

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let found = Process::read();
        assert!(found.resident_bytes > 1 << 20 && found.threads > 0 && found.open_files > 2, "{found:?}");
        assert!(found.max_files > 2 && found.start_seconds > 1e9, "{found:?}");
    }
}
