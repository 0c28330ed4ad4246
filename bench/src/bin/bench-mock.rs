//! `bench-mock`: an upstream that answers chats as fast as one core can.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Parser;

/// Answers every request as an OpenAI-compatible provider would: a fixed completion, or, where the body
/// says `"stream": true`, `x_chunks` events with `x_interval_ms` between them.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one and prints it.
    #[arg(long, default_value = "127.0.0.1:19000")]
    listen: SocketAddr,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    weir_bench::mock::serve(arguments.listen, |address| {
        // Nobody reading this line is no reason to stop.
        let _ = writeln!(io::stdout(), "listening on {address}");
    })
}
