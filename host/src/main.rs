//! The `mlhost` binary: hands the command line to [`mlhost::cli`] and its verdict to the operating system.

/// Requests allocate on one thread and free on another, and large bodies come and go: the system's allocator was
/// measured to take a seventh of a request's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    mlhost::cli::main()
}
