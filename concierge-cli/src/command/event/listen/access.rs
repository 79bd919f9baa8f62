//! With what a client comes in: its auth token, and the session of before. Tokens are secrets: from files that nobody else can read, or from the
//! environment, never from the command line.

use std::{fs, io, path::PathBuf};

use clap::Args;
use concierge_client::{
    payload::Secret,
    telegraphy::{AuthToken, Connected, EventName, Grant, Publisher, UserId, web::IssueToken},
};

use crate::{
    console::Environment,
    embedded::Api,
    failure::{Failure, without_number},
    settings::{read_whole, replace_private},
};

/// With what a client comes in.
#[derive(Debug, Clone, Args)]
pub(crate) struct Access {
    /// A file with an auth token, readable by you alone; read again when another one is needed
    #[arg(
        long,
        value_name = "FILE",
        help = "A file with an auth token, readable by you alone, which is read again when another one is needed [env: CONCIERGE_EVENT_TOKEN has a token itself]",
        help_heading = "Connection",
        conflicts_with = "anonymous"
    )]
    pub token_file: Option<PathBuf>,
    /// Come in without a token, whatever the environment has
    #[arg(long, help_heading = "Connection")]
    pub anonymous: bool,
}

/// The variable that has a token.
const VARIABLE: &str = "CONCIERGE_EVENT_TOKEN";

/// The token that is presented: from this file, or the environment. Whoever has neither, and the gateway in this process, is let in by themselves;
/// anybody else says nothing of who they are.
pub(super) fn token(
    access: &Access,
    environment: &Environment,
    own: Option<Own<'_>>,
) -> Result<AuthToken, Failure> {
    if let Some(path) = &access.token_file {
        // What is wrong with it is told before anything is done; it is read again when another one is needed.
        read_whole(path, "token file")?;
        let path = path.clone();
        return Ok(AuthToken::provider(move || {
            let read = read_whole(&path, "token file").map_err(|failure| failure.message().to_owned());
            async { read }
        }));
    }
    let given = environment.var(VARIABLE).filter(|token| !token.is_empty());
    Ok(match (given, own) {
        _ if access.anonymous => AuthToken::anonymous(),
        (Some(token), _) => AuthToken::new(Secret::new(token)),
        (None, Some(own)) => own.token()?,
        (None, None) => AuthToken::anonymous(),
    })
}

/// Whoever has a gateway in this process, and may see everything on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own<'a> {
    /// Where it is asked, and with what.
    pub api: &'a Api,
    /// Whose tokens it is to issue.
    pub user: &'a str,
    /// What they are for.
    pub events: &'a [EventName],
}

impl Own<'_> {
    /// Tokens that the gateway is asked for whenever one is needed.
    fn token(self) -> Result<AuthToken, Failure> {
        let Self { api, user, events } = self;
        let failed = |error: &dyn std::error::Error| Failure::local(error.to_string());
        let publisher = Publisher::new(&api.url, api.key.clone()).map_err(|error| failed(&error))?;
        let user = UserId::new(user).map_err(|error| failed(&error))?;
        let grants = events.iter().map(|event| (event.clone(), Grant::All)).collect();
        let issue = IssueToken { grants, ..IssueToken::new(user) };
        Ok(AuthToken::provider(move || {
            let (publisher, issue) = (publisher.clone(), issue.clone());
            async move { publisher.issue_token(issue).await.map(|issued| issued.token) }
        }))
    }
}

/// A file with the token of a session, to come back to it.
#[derive(Debug)]
pub(super) struct Resumption {
    path: PathBuf,
    kept: Option<Secret>,
}

impl Resumption {
    /// What is in it, if it is there.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let kept = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            _ => Some(read_whole(&path, "session file")?),
        };
        Ok(Self { path, kept })
    }

    /// The session to come back to.
    pub(super) fn token(&self) -> Option<&Secret> {
        self.kept.as_ref()
    }

    /// Keeps the session there is now, if it is another one.
    pub(super) fn keep(&mut self, said: &Connected) -> Result<(), Failure> {
        let Some(token) = said.session_token.as_ref().filter(|token| Some(*token) != self.kept.as_ref())
        else {
            return Ok(());
        };
        replace_private(&self.path, &format!("{}\n", token.reveal())).map_err(|error| {
            let why = without_number(&error);
            Failure::local(format!("could not keep the session in {}: {why}", self.path.display()))
        })?;
        self.kept = Some(token.clone());
        Ok(())
    }
}
