//! Where a client has its auth tokens from.

use crate::{
    net::{ProviderError, SecretSource},
    payload::Secret,
};

/// Where a client has its auth tokens from, each of which the gateway takes once. It never shows itself.
///
/// A program that stays connected for long gives a [`provider`](Self::provider): when its session is gone, a fresh token is needed.
#[derive(Debug, Clone)]
pub struct AuthToken {
    pub(super) source: SecretSource,
    pub(super) is_single: bool,
}

impl AuthToken {
    /// One token that the web application issued.
    pub fn new(token: impl Into<Secret>) -> Self {
        Self { source: SecretSource::Given(token.into()), is_single: true }
    }

    /// None: whoever this is does not say who it is. The gateway must allow that.
    pub fn anonymous() -> Self {
        Self { source: SecretSource::Given(Secret::new("")), is_single: false }
    }

    /// Asks this function for a fresh token whenever one is needed. It is asked before the gateway is dialed, and its time counts towards that of
    /// connecting. When it fails, the attempt fails, and is made again.
    ///
    /// ```
    /// use concierge_client::telegraphy::AuthToken;
    ///
    /// async fn ask_the_web_application() -> Result<String, std::io::Error> {
    ///     Ok("aabbccddeeff".to_owned())
    /// }
    /// let token = AuthToken::provider(ask_the_web_application);
    /// assert!(!format!("{token:?}").contains("aabbcc"));
    /// ```
    pub fn provider<F, A, S, E>(provider: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<Secret>,
        E: Into<ProviderError>,
    {
        Self { source: SecretSource::provider(provider), is_single: false }
    }
}

impl<S: Into<Secret>> From<S> for AuthToken {
    fn from(token: S) -> Self {
        Self::new(token)
    }
}
