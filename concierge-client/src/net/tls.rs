//! TLS: whom a client trusts, the handshake, and what is wrong when there is none.

use std::{error::Error, fmt, io, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{net::TcpStream, sync::OnceCell, task::spawn_blocking};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

use crate::{
    error::{BuildError, ConnectError, Stage, TlsError},
    milestone::Secured,
};

/// Whom a client trusts. What follows from it is made once, and shared by its clones: so are the sessions that a
/// reconnect resumes.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    /// The only authorities that are trusted; the platform's when there are none.
    roots: Vec<CertificateDer<'static>>,
    connector: Arc<OnceCell<TlsConnector>>,
}

impl Trust {
    /// Trusts the authorities in this PEM, and no longer those of the platform.
    pub(crate) fn add(&mut self, pem: &[u8]) -> Result<(), BuildError> {
        let unusable = |detail: String| BuildError::RootCertificate { detail };
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(format!("it is not PEM ({error})")))?;
        if certificates.is_empty() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
        for certificate in &certificates {
            RootCertStore::empty().add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
        }
        self.roots.extend(certificates);
        self.connector = Arc::default();
        Ok(())
    }

    /// Agrees on TLS with a server that has to be this host.
    ///
    /// Cancel safe: dropping the future closes the stream.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &Host,
    ) -> Result<Box<TlsStream<TcpStream>>, ConnectError> {
        let failed = |source| ConnectError::Tls { host: host.to_string(), source };
        let connector =
            self.connector.get_or_try_init(|| connector(self.roots.clone())).await.map_err(failed)?;
        let name = server_name(host).map_err(failed)?;
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match describe(&error) {
                Some(source) => failed(source),
                None => ConnectError::HungUp { stage: Stage::Tls, source: Some(error) },
            }),
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.roots.len() {
            0 => formatter.write_str("Platform"),
            roots => write!(formatter, "Roots({roots})"),
        }
    }
}

/// What a handshake came to.
pub(super) fn secured(stream: &TlsStream<TcpStream>) -> Secured {
    let (_, connection) = stream.get_ref();
    let version = connection.protocol_version().and_then(|version| version.as_str()).unwrap_or_default();
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let certificates = connection.peer_certificates().unwrap_or_default();
    Secured {
        // The registry writes `TLSv1_3`.
        version: version.replacen("TLSv", "TLS ", 1).replace('_', "."),
        cipher: cipher.unwrap_or_default().to_owned(),
        certificates: certificates.iter().map(|certificate| certificate.to_vec()).collect(),
    }
}

async fn connector(roots: Vec<CertificateDer<'static>>) -> Result<TlsConnector, TlsError> {
    // The platform's roots are files.
    let built = spawn_blocking(move || config(roots)).await;
    let mut config = built.map_err(|error| TlsError::NoRoots { detail: error.to_string() })??;
    // A server of several protocols has to be told that this is no HTTP/2.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn config(roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, TlsError> {
    let no_roots = |error: rustls::Error| TlsError::NoRoots { detail: error.to_string() };
    let provider: Arc<CryptoProvider> = rustls::crypto::ring::default_provider().into();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(no_roots)?;
    if roots.is_empty() {
        return Ok(builder.with_platform_verifier().map_err(no_roots)?.with_no_client_auth());
    }
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(no_roots)?;
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

fn server_name(host: &Host) -> Result<ServerName<'static>, TlsError> {
    match host {
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
        // A name may end with a dot in DNS, but not in a certificate.
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_| TlsError::Handshake { detail: format!("no certificate can be for {name:?}") }),
    }
}

/// What is wrong with TLS; none when something else is, the connection itself.
fn describe(error: &io::Error) -> Option<TlsError> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::InvalidCertificate(error) => describe_certificate(error),
        rustls::Error::InvalidMessage(_) => TlsError::NotTls,
        rustls::Error::AlertReceived(alert) => TlsError::Refused { alert: format!("{alert:?}") },
        error => TlsError::Handshake { detail: error.to_string() },
    })
}

fn describe_certificate(error: &CertificateError) -> TlsError {
    match error {
        CertificateError::UnknownIssuer => TlsError::UnknownAuthority,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsError::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsError::NotYetValid,
        CertificateError::Revoked => TlsError::Revoked,
        CertificateError::NotValidForName => TlsError::WrongName { presented: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            TlsError::WrongName { presented: presented.iter().map(|name| plain_name(name)).collect() }
        }
        CertificateError::Other(error) => TlsError::BadCertificate { detail: in_words(&innermost(error)) },
        error => TlsError::BadCertificate { detail: error.to_string() },
    }
}

/// What a certificate calls `DnsName("gateway.example")` is `gateway.example` to a person.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.map_or(name, |inner| inner.trim_matches('"')).to_owned()
}

/// What people run into who make a certificate by hand, in words; the verifier has only a name for it.
fn in_words(error: &str) -> String {
    match error {
        "CaUsedAsEndEntity" => "it is that of an authority (CA:TRUE), not that of a server".to_owned(),
        other => other.to_owned(),
    }
}

fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
