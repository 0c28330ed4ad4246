//! TLS around what has none: certificates made for one test, and pipes that put TLS on or take it off, so that the
//! scripted upstream and the raw client need not know of it.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, CommonState, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::background::{Background, connect};

/// The name that every certificate is for.
const HOST: &str = "localhost";

/// A certificate authority that nobody trusts unless told to.
pub struct Authority {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// A server's certificate and its key.
pub struct Identity {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The private key in PEM.
    pub key_pem: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Authority {
    /// Makes an authority with a key of its own.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let name = &mut parameters.distinguished_name;
        name.push(DnType::CommonName, "Weir's test authority");
        let certificate = parameters
            .self_signed(&key)
            .expect("the authority can sign itself");
        Self { certificate, key }
    }

    /// Its certificate in PEM, for a file of trusted authorities.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Makes a certificate for `localhost`.
    pub fn issue(&self) -> Identity {
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = CertificateParams::new([HOST.to_owned()])
            .and_then(|parameters| parameters.signed_by(&key, &self.certificate, &self.key))
            .expect("the authority can sign a certificate");
        Identity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A running pipe; dropping it closes every connection through it.
pub struct TlsPipe {
    address: SocketAddr,
    negotiated: Negotiated,
    _server: Background,
}

/// The protocol of every handshake that succeeded.
type Negotiated = Arc<Mutex<Vec<String>>>;

impl TlsPipe {
    /// Takes TLS off: stands before a server without TLS and makes it one with TLS. `protocols` are offered by ALPN.
    pub fn before(target: SocketAddr, identity: &Identity, protocols: &[&str]) -> Self {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.clone()));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], key)
            .expect("the certificate and its key belong together");
        config.alpn_protocols = wire_names(protocols);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::start(move |outer, negotiated| {
            let acceptor = acceptor.clone();
            async move {
                // A client that does not trust the certificate hangs up in the handshake.
                let Ok(outer) = acceptor.accept(outer).await else {
                    return;
                };
                remember(&negotiated, outer.get_ref().1);
                join(outer, connect(target).await).await;
            }
        })
    }

    /// Puts TLS on: a client without TLS that connects here talks to a server with TLS. `protocols` are offered by ALPN.
    pub fn towards(target: SocketAddr, trusted: &Authority, protocols: &[&str]) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(trusted.certificate.der().clone())
            .expect("the authority's certificate is one");
        let mut config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = wire_names(protocols);
        let connector = TlsConnector::from(Arc::new(config));
        Self::start(move |outer, negotiated| {
            let connector = connector.clone();
            async move {
                let Ok(inner) = connect(target).await else {
                    return;
                };
                let name = HOST.try_into().expect("the host's name is one");
                let inner = connector.connect(name, inner).await;
                if let Ok(inner) = &inner {
                    remember(&negotiated, inner.get_ref().1);
                }
                join(outer, inner).await;
            }
        })
    }

    fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream, Negotiated) -> F + Send + 'static,
    ) -> Self {
        let negotiated = Negotiated::default();
        let shared = Arc::clone(&negotiated);
        let (address, server) =
            Background::listen(move |stream| serve(stream, Arc::clone(&shared)));
        Self {
            address,
            negotiated,
            _server: server,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL that a provider's settings name where this takes TLS off.
    pub fn base_url(&self) -> String {
        format!("https://{HOST}:{}/v1", self.address.port())
    }

    /// The protocol that ALPN chose for each connection so far; empty where it chose none.
    pub fn negotiated(&self) -> Vec<String> {
        self.negotiated.lock().clone()
    }
}

fn wire_names(protocols: &[&str]) -> Vec<Vec<u8>> {
    let names = protocols.iter();
    names.map(|name| name.as_bytes().to_vec()).collect()
}

fn remember(negotiated: &Negotiated, state: &CommonState) {
    let chosen = state.alpn_protocol().unwrap_or_default();
    let name = String::from_utf8_lossy(chosen).into_owned();
    negotiated.lock().push(name);
}

/// Passes bytes and ends in both directions; an end that breaks breaks the other one, too.
async fn join<I: AsyncRead + AsyncWrite + Unpin>(
    mut outer: impl AsyncRead + AsyncWrite + Unpin,
    inner: std::io::Result<I>,
) {
    if let Ok(mut inner) = inner {
        let _ = copy_bidirectional(&mut outer, &mut inner).await;
    }
}
