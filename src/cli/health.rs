//! `weir health`

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use super::context::{self, CommandError};
use super::output;

/// How long the gateway has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `/livez` of the gateway that these settings describe. Plain sockets: an HTTP client for one line would be the
/// largest part of this program.
pub fn run(config: Option<PathBuf>) -> Result<(), CommandError> {
    let (settings, _) = context::settings(config)?;
    let server = &settings.server;
    let main = server.ops_on_main.then_some(server.listen);
    let Some(address) = server.ops_listen.or(main) else {
        return Err(CommandError::Usage(
            "there is nowhere to ask: set server.ops_listen or server.ops_on_main".to_owned(),
        ));
    };
    let address = reachable(address);
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer)?;
    if &answer == b"HTTP/1.1 200" {
        output::line("live")?;
        Ok(())
    } else {
        Err(CommandError::Usage(format!(
            "{address} does not answer as live"
        )))
    }
}

/// The address to reach a listener at: one that listens everywhere is reached over loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
