//! A process with less than it is used to: privileges, descriptors, address space, the length of a file.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Linux's numbers of the capabilities that have root read and write what its permissions deny.
const DAC_OVERRIDE: libc::c_ulong = 1;
const DAC_READ_SEARCH: libc::c_ulong = 2;

/// What setrlimit knows.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// Bytes of any file that is written.
    FileSize,
    /// Descriptors.
    Descriptors,
    /// Bytes of address space.
    AddressSpace,
}

/// The command, bound by permissions though root runs it.
pub(super) fn bound_by_permissions(command: &mut Command) -> &mut Command {
    before(command, || {
        for capability in [DAC_OVERRIDE, DAC_READ_SEARCH] {
            // SAFETY: no memory is involved. Whoever is not root has neither and may not drop them: as good.
            let _ = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
        }
        Ok(())
    })
}

/// The command with a limit.
pub(super) fn limited(command: &mut Command, limit: Limit, most: u64) -> &mut Command {
    let resource = match limit {
        Limit::FileSize => libc::RLIMIT_FSIZE,
        Limit::Descriptors => libc::RLIMIT_NOFILE,
        Limit::AddressSpace => libc::RLIMIT_AS,
    };
    before(command, move || {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the structure lives through the call.
        if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    })
}

/// The command, whose writes past the limit fail as on a full disk instead of ending it.
pub(super) fn on_a_full_disk(command: &mut Command, most: u64) -> &mut Command {
    before(limited(command, Limit::FileSize, most), || {
        // SAFETY: SIG_IGN is no function of ours; being ignored outlives `exec`.
        let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
    })
}

fn before(
    command: &mut Command,
    work: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) -> &mut Command {
    // SAFETY: what is done between fork and exec are system calls, which allocate nothing and take no lock.
    unsafe { command.pre_exec(work) }
}
