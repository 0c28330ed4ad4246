//! Runs the scripted upstream by itself, to try a client or an SDK suite against it:
//! `cargo run -p weir-testkit --example upstream -- 127.0.0.1:9999`. Behaviours are chosen by model name; see the catalogue.

use weir_testkit::Upstream;
use weir_testkit::upstream::UpstreamOptions;

#[expect(clippy::print_stdout, reason = "an example says where it listens")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args()
        .nth(1)
        .map(|text| text.parse())
        .transpose()?;
    let upstream = Upstream::start_with(UpstreamOptions {
        listen,
        ..UpstreamOptions::default()
    });
    println!("{}", upstream.base_url());
    loop {
        std::thread::park();
    }
}
