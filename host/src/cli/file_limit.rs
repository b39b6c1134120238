//! As many open files as this process may have: every connection is one, and the usual limit of 1024 is for programs that use
//! `select`, which nothing here does.
//!
//! Called by `cli::serve` before it listens. What the system does not grant is said and changes nothing else.

/// Raises the limit on open files to what the system allows, and says where that is too little for `connections`.
pub(super) fn raise(connections: usize) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call is given a valid structure.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return;
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: the call is given a valid structure.
    let granted = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0;
    let files = if granted { raised.rlim_cur } else { limit.rlim_cur };
    // The model's own files, libraries, and what logs and clocks need.
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(128);
    if files < needed {
        tracing::warn!(
            files,
            connections,
            "this process may not have as many open files as connections\nhint: raise `ulimit -n`, or lower `--max-connections`"
        );
    }
}
