//! Why there is no TLS with what answered.

/// Why there is no TLS with what answered. All of these are final: trying again ends the same way until somebody changes
/// something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Nobody whom this client trusts has signed its certificate: a private authority, or a certificate that signed
    /// itself.
    #[error("its certificate is not signed by an authority that this client trusts")]
    UnknownAuthority,
    /// Its certificate is for other names.
    #[error("its certificate is not for this name but for {}", listed(presented))]
    WrongName {
        /// The names in the certificate. Text from elsewhere: escape it before showing it.
        presented: Vec<String>,
    },
    /// Its certificate has expired.
    #[error("its certificate has expired")]
    Expired,
    /// Its certificate is not valid yet.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// Its certificate has been revoked.
    #[error("its certificate has been revoked")]
    Revoked,
    /// Something else is wrong with its certificate.
    #[error("its certificate cannot be used: {detail}")]
    BadCertificate {
        /// What.
        detail: String,
    },
    /// It does not speak TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// It ended the handshake with an alert: no version or cipher in common, a client certificate that it wants.
    #[error("it refused the handshake: {alert}")]
    Refused {
        /// Which alert.
        alert: String,
    },
    /// The handshake failed in another way.
    #[error("the handshake went wrong: {detail}")]
    Handshake {
        /// How.
        detail: String,
    },
    /// The authorities that this platform trusts cannot be read, or there are none.
    #[error("the authorities that this platform trusts cannot be read: {detail}")]
    NoRoots {
        /// What is wrong with them.
        detail: String,
    },
}

/// Names from a certificate: quoted, and not all of a long list.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    if names.is_empty() {
        return "no name at all".to_owned();
    }
    let shown = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl TlsError {
    /// What a person could try.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownAuthority => {
                "is it the gateway of a private authority? Then give that authority's certificate as a root"
            }
            Self::WrongName { .. } => "connect by a name that is in the certificate",
            Self::Expired => "its operator has to renew it; is this machine's clock right?",
            Self::NotYetValid => "is this machine's clock right?",
            Self::NotTls => "is this a ws:// gateway, or the port of something else?",
            Self::NoRoots { .. } => {
                "install the platform's certificates (in Debian: ca-certificates), or give a root"
            }
            Self::Revoked | Self::BadCertificate { .. } => "its operator has to replace it",
            Self::Refused { .. } | Self::Handshake { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_certificate_are_quoted_and_not_without_end() {
        let error = TlsError::WrongName { presented: vec!["a\u{1b}[2J".to_owned(); 6] };
        let name = r#""a\u{1b}[2J""#;
        assert_eq!(
            error.to_string(),
            format!("its certificate is not for this name but for {name}, {name}, {name}, {name} and 2 more")
        );
        let error = TlsError::WrongName { presented: Vec::new() };
        assert_eq!(error.to_string(), "its certificate is not for this name but for no name at all");
    }
}
