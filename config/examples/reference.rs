//! Prints `docs/CONFIGURATION.md`: `cargo run -p weir-config --example reference > docs/CONFIGURATION.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(weir_config::reference_markdown().as_bytes())
}
