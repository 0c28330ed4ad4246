//! `weir`: parse the arguments, hand over to the command.

mod api;
mod cli;
mod door;
mod logs;
mod serve;

use std::process::ExitCode;

/// Allocation is a good part of a request's time; mimalloc costs less of it than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Buffers of 64 KiB are mostly untouched; in huge pages all of each would count. Where it cannot be switched off
    // (another system than Linux) there is nothing to do.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    cli::run()
}
