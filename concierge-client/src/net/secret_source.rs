//! Where a client has its secret from: nowhere, a text, or whoever is asked at each attempt.

use std::{fmt, pin::Pin, sync::Arc};

use crate::{error::ConnectError, payload::Secret};

/// What a secret provider may fail with.
pub(crate) type ProviderError = Box<dyn std::error::Error + Send + Sync>;

type Answer = Pin<Box<dyn Future<Output = Result<Secret, ProviderError>> + Send>>;

/// Where a client has its secret from.
#[derive(Clone, Default)]
pub(crate) enum SecretSource {
    /// It has none.
    #[default]
    Nowhere,
    /// It was given.
    Given(Secret),
    /// It is asked for at each attempt to connect.
    Provider(Arc<dyn Fn() -> Answer + Send + Sync>),
}

impl SecretSource {
    /// Asks this function at each attempt.
    pub(crate) fn provider<F, A, S, E>(provider: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<Secret>,
        E: Into<ProviderError>,
    {
        Self::Provider(Arc::new(move || {
            let asked = provider();
            Box::pin(async move { asked.await.map(Into::into).map_err(Into::into) })
        }))
    }

    /// The secret for one attempt.
    pub(crate) async fn ask(&self) -> Result<Option<Secret>, ConnectError> {
        match self {
            Self::Nowhere => Ok(None),
            Self::Given(secret) => Ok(Some(secret.clone())),
            Self::Provider(provider) => match provider().await {
                Ok(secret) => Ok(Some(secret)),
                Err(source) => Err(ConnectError::Secret { source }),
            },
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => formatter.write_str("Nowhere"),
            Self::Given(secret) => formatter.debug_tuple("Given").field(secret).finish(),
            Self::Provider(_) => formatter.write_str("Provider"),
        }
    }
}
