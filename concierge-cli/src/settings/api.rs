//! Where the gateway is asked by web applications, and which key goes there: a pure decision, as with secrets.

use std::{fmt, path::PathBuf, str::FromStr};

use clap::Args;
use concierge_client::{GatewayUrl, UrlError, telegraphy::web::PREFIX};

use super::{
    Settings,
    keys::Key,
    layer::Layer,
    origin::{Given, Origin},
    secret::{Candidate, Choice, Kind, SecretSource, choose, read_api_key},
};
use crate::{embedded::Api, failure::Failure};

/// What a command that speaks for a web application takes besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct ApiFlags {
    /// The gateway's side for web applications
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "The gateway's side for web applications, such as http://127.0.0.1:4000 [env: CONCIERGE_API]",
        help_heading = "Connection"
    )]
    pub api: Option<ApiUrl>,
    /// A file with the key of a web application
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "A file with a key of the gateway's, readable by you alone [env: CONCIERGE_API_KEY, CONCIERGE_API_KEY_FILE]",
        help_heading = "Connection"
    )]
    pub api_key_file: Option<PathBuf>,
}

/// Where a gateway is asked by web applications, as `http://127.0.0.1:4000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiUrl(String);

impl ApiUrl {
    /// The URL as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiUrl {
    type Err = String;

    /// `HOST:PORT` is short for `http://HOST:PORT`; the path that all requests have may be there or not.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let (scheme, socket, rest) = match full.split_once("://") {
            Some(("http", rest)) => ("http", "ws", rest),
            Some(("https", rest)) => ("https", "wss", rest),
            _ => return Err(told(&UrlError::NotHttp { url: text.to_owned() })),
        };
        // Both kinds of URL have the same parts, and are held to the same rules.
        let url = GatewayUrl::new(&format!("{socket}://{rest}")).map_err(|error| told(&error))?;
        let (_, place) = url.as_str().split_once("://").unwrap_or_default();
        if place.contains('?') {
            return Err(format!("the URL for web applications has no part after a ?, unlike {text:?}"));
        }
        let place = place.trim_end_matches('/');
        let place = place.strip_suffix(PREFIX).unwrap_or(place).trim_end_matches('/');
        Ok(Self(format!("{scheme}://{place}")))
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn told(error: &UrlError) -> String {
    let hint = UrlError::NotHttp { url: String::new() }.hint().unwrap_or_default();
    match error {
        UrlError::Credentials => "a key is no part of a URL: it has a file, or a variable".to_owned(),
        other => format!("{other}; {hint}"),
    }
}

/// What all sources say about the side for web applications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Apis {
    /// The one that is asked.
    url: Option<Given<ApiUrl>>,
    /// The keys that were given, those of the highest rank first.
    keys: Vec<Candidate<ApiUrl>>,
    /// Those that the user's own file names.
    known: Vec<ApiUrl>,
}

impl Apis {
    /// What these layers say, the highest rank first, where `of_user` are those of the user's own file, and `bound` tells which
    /// of them a key belongs to.
    pub(super) fn new<'a>(
        ranked: &[Layer],
        of_user: impl Iterator<Item = &'a Layer>,
        bound: impl Fn(&Origin) -> super::secret::Bound<ApiUrl>,
    ) -> Self {
        let keys = ranked.iter().filter_map(|layer| layer.api_key.clone());
        Self {
            url: ranked.iter().find_map(|layer| layer.api.clone()),
            keys: keys.map(|secret| Candidate { bound: bound(&secret.origin), secret }).collect(),
            known: of_user.filter_map(|layer| Some(layer.api.as_ref()?.value.clone())).collect(),
        }
    }

    /// Decides, with these flags above everything.
    fn choose(&self, flags: &ApiFlags) -> (Option<Given<ApiUrl>>, Choice) {
        let typed = Layer::default().with_api(flags);
        let Some(url) = typed.api.or(self.url.clone()) else { return (None, Choice::default()) };
        let typed = typed.api_key.map(Candidate::free);
        let keys = typed.into_iter().chain(self.keys.iter().cloned());
        let choice = choose(Kind::ApiKey, keys, &url, |url| self.known.contains(url));
        (Some(url), choice)
    }
}

impl Settings {
    /// Where web applications ask, as these flags and the settings say; none, where nobody says it.
    pub(crate) fn api(&self, flags: &ApiFlags) -> Result<Option<Api>, Failure> {
        let (url, choice) = self.resolved.apis.choose(flags);
        let Some(Given { value: url, .. }) = url else { return Ok(None) };
        let key = match (choice.sent.map(|secret| secret.value), choice.withheld) {
            (Some(SecretSource::Text(key)), _) => key,
            (Some(SecretSource::File(path)), _) => read_api_key(&path)?,
            (Some(SecretSource::Asked) | None, None) => {
                return Err(Failure::usage(format!("there is no key for {url}")).hint(KEY_HINT));
            }
            (Some(SecretSource::Asked) | None, Some((_, why))) => {
                return Err(Failure::usage(format!("there is no key for {url}: {why}")).hint(KEY_HINT));
            }
        };
        Ok(Some(Api { url: url.0, key }))
    }

    /// Which key of a web application is sent, and which is not.
    pub(super) fn api_key(&self) -> Choice {
        self.resolved.apis.choose(&ApiFlags::default()).1
    }

    /// A key that was given, while nobody said where.
    pub(super) fn idle_api_key(&self) -> Option<&Given<SecretSource>> {
        let idle = self.resolved.apis.keys.first().filter(|_| self.resolved.apis.url.is_none());
        idle.map(|candidate| &candidate.secret)
    }
}

/// What to try where there is no key.
const KEY_HINT: &str =
    "give --api-key-file FILE or CONCIERGE_API_KEY; the gateway has its keys from telegraphy.api_keys_file";

/// Nobody says where web applications ask.
pub(crate) fn no_api() -> Failure {
    let (api, key) = (Key::Api.setting(), Key::ApiSecretFile.setting());
    Failure::usage("nobody says where the gateway is asked by web applications").hint(format!(
        "give --api URL and --api-key-file FILE, or set {} and {}; a context keeps both",
        api.variable, key.variable
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_prints_and_what_is_short_are_the_same_place() {
        for (text, url) in [
            ("127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("http://127.0.0.1:4000/", "http://127.0.0.1:4000"),
            ("http://127.0.0.1:4000/api/v1", "http://127.0.0.1:4000"),
            ("http://127.0.0.1:4000/api/v1/", "http://127.0.0.1:4000"),
            ("https://gateway.example/behind", "https://gateway.example/behind"),
            ("https://gateway.example/behind/api/v1", "https://gateway.example/behind"),
        ] {
            assert_eq!(text.parse::<ApiUrl>().unwrap().as_str(), url, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_of_web_applications_says_what_one_looks_like() {
        for text in ["ws://127.0.0.1:64209/ws", "http://", "a b", "h:99999", "http://h/?a=b", "http://k@h"] {
            let told = text.parse::<ApiUrl>().unwrap_err();
            assert!(told.contains("http://127.0.0.1:4000") || told.contains("no part"), "{text}: {told}");
        }
    }
}
