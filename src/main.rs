//! `weir`: parse the arguments, hand over to the command.

mod cli;
mod door;
mod logs;
mod serve;

use std::process::ExitCode;

/// Allocation is a good part of a request's time; mimalloc costs less of it than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
