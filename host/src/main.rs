//! The `mlhost` binary: hands the command line to [`mlhost::cli`] and its verdict to the operating system.

/// Requests allocate on one thread and free on another, and large bodies come and go: the system's allocator was
/// measured to take a tenth of a request's time (`benches/README.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What keeps ONNX Runtime from sending Microsoft what it runs, and from keeping an identifier and a database for that in
/// the user's cache folder. From 1.29 on its Linux builds do both unless this is set before they are loaded; the API that
/// turns such events off comes too late for the first ones.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

fn main() -> std::process::ExitCode {
    // SAFETY: no other thread is there yet that could read the environment meanwhile.
    unsafe { std::env::set_var(NO_TELEMETRY, "1") };
    mlhost::cli::main()
}
