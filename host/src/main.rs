//! The `mlhost` binary: hands the command line to [`mlhost::cli`] and its verdict to the operating system.

fn main() -> std::process::ExitCode {
    mlhost::cli::main()
}
