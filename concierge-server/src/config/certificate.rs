//! The certificate that a gateway shows, and its key: read from their files, and refused where nobody could connect with them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{Error, ServerConfig};

use super::Config;
use super::error::ConfigError;
use super::secrets::{open_private, unreadable};

/// Larger than any chain: a file given by mistake is not read to its end.
const MOST: u64 = 1024 * 1024;

impl Config {
    /// What TLS needs to know, as the files have it now; none where there is to be no TLS.
    pub(crate) fn certificate(&self) -> Result<Option<Arc<ServerConfig>>, ConfigError> {
        let (Some(certificate), Some(key)) = (&self.tls.cert_file, &self.tls.key_file) else {
            return Ok(None);
        };
        let refuse = |setting: &'static str| {
            move |problem| ConfigError::Refused { key: setting, origin: self.source(setting), problem }
        };
        let chain = read_chain(certificate).map_err(refuse("tls.cert_file"))?;
        let private = read_key(key).map_err(refuse("tls.key_file"))?;
        server_config(chain, private).map(|config| Some(Arc::new(config))).map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            match error {
                Error::InvalidCertificate(_) => refuse("tls.cert_file")(format!(
                    "the certificate in {certificate} is none that a server can show ({error})"
                )),
                Error::InconsistentKeys(_) => refuse("tls.key_file")(format!(
                    "the key in {key} does not belong to the certificate in {certificate}: give the two that were made \
                     together, and in the chain that of the gateway first"
                )),
                error => refuse("tls.key_file")(format!(
                    "the key in {key} is of no kind that is known here, which are RSA, ECDSA and Ed25519 ({error})"
                )),
            }
        })
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // A client that also knows HTTP/2 is told that it is not spoken here.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(file, path)?)
        .collect::<Result<_, _>>()
        .map_err(|_error| broken(path))?;
    if chain.is_empty() {
        return Err(absent("certificate", "CERTIFICATE", path));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    let text = read(open_private(path)?, path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if text.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) => format!(
            "the key in {} has a passphrase, which nobody could type: `openssl pkey` takes it off",
            path.display()
        ),
        pem::Error::NoItemsFound => absent("key", "PRIVATE KEY", path),
        // What the library says of it may have a part of the key in it.
        _ => broken(path),
    })
}

fn read(file: File, path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    file.take(MOST + 1).read_to_end(&mut text).map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MOST {
        return Err(format!("{} is larger than a certificate or a key can be", path.display()));
    }
    Ok(text)
}

fn absent(what: &str, label: &str, path: &Path) -> String {
    format!(
        "there is no {what} in {}: it is to be PEM, which begins with -----BEGIN {label}-----",
        path.display()
    )
}

fn broken(path: &Path) -> String {
    format!("{} is broken PEM: a part of it is cut off or changed", path.display())
}
