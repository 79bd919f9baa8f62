//! Where web applications ask the gateway, and with which key: as it was typed, as the variables and the files say, and where nobody says
//! it, in a session on a gateway of its own, that one.

use concierge_client::telegraphy::Publisher;

use super::EventContext;
use crate::{embedded::Api, failure::Failure, settings::no_api};

impl EventContext<'_> {
    /// Where it asks, and with what.
    pub(super) fn api(&self) -> Result<Api, Failure> {
        self.settings.api(&self.flags)?.or_else(|| self.own.cloned()).ok_or_else(no_api)
    }

    /// Whoever asks there.
    pub(super) fn publisher(&self) -> Result<Publisher, Failure> {
        let Api { url, key } = self.api()?;
        self.output.detail(&format!("asking {url}"));
        let publisher = Publisher::new(&url, key).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(publisher.timeout(self.settings.timeout))
    }
}
