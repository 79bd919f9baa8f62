//! TLS before a gateway: authorities made for one test, certificates they sign, and a front that ends TLS.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority that exists for one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Now,
    /// No longer.
    Over,
    /// Not yet.
    ToCome,
}

/// A certificate and its key, for a front or a gateway.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The same as they stand in files.
    pem: (String, String),
}

/// The files of a certificate and its key, as a gateway is given them.
#[derive(Debug, Clone)]
pub struct Files {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Identity {
    fn new(signed: &Certificate, key: &KeyPair) -> Self {
        let pem = (signed.pem(), key.serialize_pem());
        Self { chain: vec![signed.der().clone()], key: pkcs8(key), pem }
    }

    /// Writes both into a folder, also in the place of others.
    ///
    /// # Panics
    ///
    /// When they cannot be written.
    pub fn save(&self, folder: &Path) -> Files {
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, &self.pem.0).expect("a certificate can be written");
        std::fs::write(&key, &self.pem.1).expect("a key can be written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        Files { certificate, key }
    }
}

impl Files {
    /// What a gateway is told of them, as its file would have it.
    pub fn configuration(&self) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        format!("tls.cert_file = '{certificate}'\ntls.key_file = '{key}'\n")
    }

    /// The same as settings of a command line.
    pub fn settings(&self) -> [String; 2] {
        [
            format!("tls.cert_file={}", self.certificate.display()),
            format!("tls.key_file={}", self.key.display()),
        ]
    }
}

impl Authority {
    /// A new authority of this name.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
        Self { issuer }
    }

    /// Its certificate, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names or addresses.
    ///
    /// # Panics
    ///
    /// When one is neither.
    pub fn sign(&self, names: &[&str], validity: Validity) -> Identity {
        let key = KeyPair::generate().expect("a key can be made");
        let signed = params(names, validity).signed_by(&key, &self.issuer).expect("an authority signs");
        Identity::new(&signed, &key)
    }
}

/// A certificate that signed itself, and its PEM. One of an authority says of itself that it may sign others.
///
/// # Panics
///
/// When one of the names is neither a name nor an address.
pub fn self_signed(names: &[&str], of_authority: bool) -> (Identity, String) {
    let key = KeyPair::generate().expect("a key can be made");
    let mut params = params(names, Validity::Now);
    if of_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let signed = params.self_signed(&key).expect("a certificate signs itself");
    (Identity::new(&signed, &key), signed.pem())
}

fn params(names: &[&str], validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("these are names or addresses");
    (params.not_before, params.not_after) = match validity {
        Validity::Now => (date_time_ymd(2000, 1, 1), date_time_ymd(2999, 1, 1)),
        Validity::Over => (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
        Validity::ToCome => (date_time_ymd(2998, 1, 1), date_time_ymd(2999, 1, 1)),
    };
    params
}

fn pkcs8(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

/// Ends TLS on a free port of the loopback address, and passes on what comes to a gateway. It lives as long as the runtime.
///
/// # Panics
///
/// When it cannot listen.
pub async fn front(identity: Identity, gateway: SocketAddr) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the defaults are valid")
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .expect("the key is the certificate's");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // What a client does not like about the certificate, it says itself.
                let Ok(mut inner) = acceptor.accept(stream).await else { return };
                if let Ok(mut outer) = TcpStream::connect(gateway).await {
                    let _ended = copy_bidirectional(&mut inner, &mut outer).await;
                }
            });
        }
    });
    address
}
