//! Binding the listeners. They are bound before Pingora sees them, so that a port that is taken is an error with a name,
//! and a port that the system chooses can be told.

use std::fmt::Display;
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora::listeners::ListenerConfig;
use pingora::listeners::tls::TlsSettings;
use pingora::protocols::l4::stream::L4BufferSettings;
use pingora::server::{Fds, ListenFds, ShutdownWatch};
use pingora::services::Service as _;
use pingora::services::listening::Service;
use pingora::tls;
use thiserror::Error;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use weir_config::{Server, Tls};

use super::app::{App, Entrance};
use super::connection::{Bounds, Connections, Doorkeeper};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// A client's connection collects its answer's head and a small body in this before it writes.
const WRITE_BUFFER_BYTES: usize = 4_096;

/// A TLS connection reads whole records (RFC 8446, section 5.1) at once. Without TLS nothing is gained by a buffer: the
/// readers of heads and bodies have their own.
const TLS_READ_BUFFER_BYTES: usize = 16 * 1024;

/// Why the door cannot be opened.
#[derive(Debug, Error)]
pub enum ListenError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {source}; is another program using it?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The unix socket cannot be bound.
    #[error("cannot listen on the socket {}: {source}", path.display())]
    Socket {
        /// The socket's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("the file {file} cannot be used for TLS: {reason}")]
    Tls {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A bound address, not yet listening for requests.
pub struct Bound {
    /// The address, with the port the system chose where none was named.
    pub address: SocketAddr,
    fd: std::net::TcpListener,
}

/// Binds an address.
pub fn bind(address: SocketAddr) -> Result<Bound, ListenError> {
    let bound = || -> io::Result<Bound> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let fd = socket.listen(BACKLOG)?.into_std()?;
        Ok(Bound {
            address: fd.local_addr()?,
            fd,
        })
    };
    bound().map_err(|source| ListenError::Bind { address, source })
}

/// Binds a unix socket, in the place of one that a process before us left. Whoever can open it can try tokens: nobody but
/// this user, as with the other files.
fn bind_socket(path: &Path) -> Result<UnixListener, ListenError> {
    let bound = || -> io::Result<UnixListener> {
        let left = std::fs::symlink_metadata(path);
        if left.is_ok_and(|it| it.file_type().is_socket()) {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(path, owner_only())?;
        Ok(listener)
    };
    bound().map_err(|source| ListenError::Socket {
        path: path.to_owned(),
        source,
    })
}

fn owner_only() -> Permissions {
    Permissions::from_mode(0o600)
}

/// The doors of the process.
pub struct Doors {
    /// The one for clients.
    pub main: Bound,
    /// The one for the operator's tools.
    pub ops: Option<Bound>,
    /// The unix socket for clients.
    socket: Option<UnixListener>,
}

/// Binds what the settings name.
pub fn bind_all(server: &Server) -> Result<Doors, ListenError> {
    Ok(Doors {
        main: bind(server.listen)?,
        ops: server.ops_listen.map(bind).transpose()?,
        socket: match &server.unix_socket {
            Some(path) => Some(bind_socket(path)?),
            None => None,
        },
    })
}

/// Starts accepting; the tasks end when `shutdown` says so.
pub fn open(
    doors: Doors,
    server: &Server,
    app: &App,
    bounds: Bounds,
    shutdown: &ShutdownWatch,
) -> Result<Vec<JoinHandle<()>>, ListenError> {
    let plain = L4BufferSettings::new(0, WRITE_BUFFER_BYTES);
    let fds: ListenFds = Arc::new(parking_lot::Mutex::new(Fds::new()));
    let doorkeeper = Doorkeeper::new(bounds, Some(Arc::clone(&app.gateway.metrics)));
    let connections = Connections::new(Arc::clone(&doorkeeper), app);
    let mut main = Service::new("main".to_owned(), connections);
    if server.tls.is_some() {
        // Over TLS a connection is let in only after it has shaken hands: until then it is counted here.
        main.set_connection_filter(doorkeeper);
    }
    let address = hand_over(doors.main, &fds);
    let listener = ListenerConfig::tcp(address);
    main.add_listener(match &server.tls {
        Some(tls) => listener
            .l4_buffer(L4BufferSettings::new(
                TLS_READ_BUFFER_BYTES,
                WRITE_BUFFER_BYTES,
            ))
            .tls(tls_settings(tls)?),
        None => listener.l4_buffer(plain),
    });
    if let (Some(path), Some(socket)) = (&server.unix_socket, doors.socket) {
        let address = path.to_string_lossy();
        fds.lock().add(address.to_string(), socket.into_raw_fd());
        let listener = ListenerConfig::uds(address).permissions(owner_only());
        main.add_listener(listener.l4_buffer(plain));
    }
    let mut services = vec![main];
    if let Some(ops) = doors.ops {
        let mut app = app.clone();
        app.entrance = Entrance::Ops;
        let connections = Connections::new(Doorkeeper::new(bounds, None), &app);
        let mut service = Service::new("ops".to_owned(), connections);
        service.add_listener(ListenerConfig::tcp(hand_over(ops, &fds)).l4_buffer(plain));
        services.push(service);
    }
    let start = |mut service: Service<Connections>| {
        let (fds, shutdown) = (Arc::clone(&fds), shutdown.clone());
        tokio::spawn(async move { service.start_service(Some(fds), shutdown, 1).await })
    };
    Ok(services.into_iter().map(start).collect())
}

/// Gives a bound socket to Pingora under its address.
fn hand_over(bound: Bound, fds: &ListenFds) -> String {
    let address = bound.address.to_string();
    fds.lock().add(address.clone(), bound.fd.into_raw_fd());
    address
}

fn tls_settings(files: &Tls) -> Result<TlsSettings, ListenError> {
    check_tls_files(files)?;
    let (cert, key) = (files.cert.to_string_lossy(), files.key.to_string_lossy());
    let mut settings =
        TlsSettings::intermediate(&cert, &key).map_err(|error| unusable(&files.cert, &error))?;
    settings.enable_h2();
    Ok(settings)
}

/// Pingora panics over files that it cannot use, in a task of its own, and the process would go on without a door: so they
/// are tried out first.
fn check_tls_files(files: &Tls) -> Result<(), ListenError> {
    for path in [&files.cert, &files.key] {
        std::fs::File::open(path).map_err(|error| unusable(path, &error))?;
    }
    let (cert, key) = (files.cert.to_string_lossy(), files.key.to_string_lossy());
    if !tls::load_pem_file_ca(&cert.to_string()).is_ok_and(|found| !found.is_empty()) {
        return Err(unusable(&files.cert, &"it holds no certificate in PEM"));
    }
    let no_key = || unusable(&files.key, &"it holds no private key in PEM");
    let loaded = tls::load_certs_and_key_files(&cert, &key);
    let (chain, key) = loaded.ok().flatten().ok_or_else(no_key)?;
    tls::install_default_crypto_provider();
    let server = tls::ServerConfig::builder().with_no_client_auth();
    match server.with_single_cert(chain, key) {
        Ok(_) => Ok(()),
        Err(error) => Err(unusable(&files.key, &error)),
    }
}

fn unusable(file: &Path, reason: &dyn Display) -> ListenError {
    ListenError::Tls {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}
