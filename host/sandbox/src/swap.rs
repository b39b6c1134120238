//! Whether a page of this process can be swapped out.
//!
//! `engine.rs` asks once, at start. Between two calls a sandbox's dirty pages are found by the kernel's PAGEMAP_SCAN and
//! zeroed; a page that was swapped out is not found, and its content would reach the next call. So the scan is used
//! only where no page can be swapped out. Reads `/proc` and `/sys`, changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// The answer, with its reason for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// No page of this process can be swapped out.
    RuledOut(&'static str),
    /// It may be, or nobody can tell.
    Possible(&'static str),
}

/// Asks the running system.
pub(crate) fn of_this_process() -> Swap {
    let read = |path: &Path| fs::read_to_string(path).ok();
    decide(&read)
}

/// The same over any way to read files.
fn decide(read: &dyn Fn(&Path) -> Option<String>) -> Swap {
    if group_forbids(read) {
        return Swap::RuledOut("the control group allows none");
    }
    match read(Path::new("/proc/swaps")) {
        // The first line is a heading.
        Some(swaps) if swaps.lines().skip(1).all(|line| line.trim().is_empty()) => {
            Swap::RuledOut("the system has none")
        }
        Some(_) => Swap::Possible("the system has some, and the control group allows it"),
        None => Swap::Possible("/proc/swaps cannot be read"),
    }
}

/// Whether this process's control group (version 2), or one above it, has a limit of no swap at all.
fn group_forbids(read: &dyn Fn(&Path) -> Option<String>) -> bool {
    let Some(groups) = read(Path::new("/proc/self/cgroup")) else { return false };
    let Some(group) = groups.lines().find_map(|line| line.strip_prefix("0::/")) else { return false };
    let mut folder = PathBuf::from("/sys/fs/cgroup").join(group);
    while folder.starts_with("/sys/fs/cgroup") {
        if read(&folder.join("memory.swap.max")).is_some_and(|limit| limit.trim() == "0") {
            return true;
        }
        if !folder.pop() {
            break;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const SOME: &str =
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/zram0 partition 4194300 0 100\n";

    fn with(files: &[(&str, &str)]) -> Swap {
        decide(&|path| {
            let found = files.iter().find(|(known, _)| Path::new(known) == path);
            found.map(|(_, content)| (*content).to_owned())
        })
    }

    #[test]
    fn swap_is_ruled_out_by_a_system_without_any_or_by_the_group() {
        let group = ("/proc/self/cgroup", "0::/system.slice/mlhost.service\n");
        let limit = "/sys/fs/cgroup/system.slice/mlhost.service/memory.swap.max";
        for (files, ruled_out) in [
            (&[("/proc/swaps", NONE)][..], true),
            (&[("/proc/swaps", SOME)], false),
            (&[], false),
            (&[("/proc/swaps", SOME), group, (limit, "0\n")], true),
            (&[("/proc/swaps", SOME), group, (limit, "max\n")], false),
            (&[("/proc/swaps", SOME), group, ("/sys/fs/cgroup/system.slice/memory.swap.max", "0\n")], true),
            (&[("/proc/swaps", SOME), group, ("/sys/fs/cgroup/other/memory.swap.max", "0\n")], false),
            (&[("/proc/swaps", SOME), ("/proc/self/cgroup", "4:memory:/x\n"), (limit, "0\n")], false),
        ] {
            assert_eq!(matches!(with(files), Swap::RuledOut(_)), ruled_out, "{files:?}");
        }
    }
}
