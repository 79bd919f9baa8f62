//! `event sessions`: who is connected or may come back, and how that ends.

use clap::{Args, Subcommand};
use concierge_client::telegraphy::{UserId, web::SessionInfo};

use super::{
    EventContext,
    records::{EventSessions, EventSessionsEnded},
};
use crate::{failure::Failure, grammar::parse_name, output::Format};

const EXAMPLES: &str = "\
Examples:
  concierge event sessions
  concierge event sessions --user 42 --json
  concierge event sessions end --user 42";

const END_EXAMPLES: &str = "\
Examples:
  concierge event sessions end --user 42
  concierge event sessions end --user 42 --json

Whoever is connected is disconnected, and needs a new token to come back.";

/// `event sessions`
#[derive(Debug, Clone, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = false,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub(crate) struct SessionsArgs {
    /// Only those of a user
    #[arg(long, value_name = "USER", value_parser = parse_name::<UserId>)]
    pub user: Option<UserId>,
    /// What to do with them, if not list them.
    #[command(subcommand)]
    pub command: Option<SessionsCommand>,
}

/// What can be done with sessions.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SessionsCommand {
    /// End one, or all those of a user
    #[command(after_help = END_EXAMPLES)]
    End(EndArgs),
}

/// `event sessions end`
#[derive(Debug, Clone, Args)]
pub(crate) struct EndArgs {
    /// Its id
    #[arg(value_name = "ID", required_unless_present = "of")]
    pub id: Option<String>,
    /// All those of a user
    #[arg(long = "user", value_name = "USER", value_parser = parse_name::<UserId>, conflicts_with = "id")]
    pub of: Option<UserId>,
}

pub(super) async fn sessions(arguments: SessionsArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    match arguments.command {
        None => list(arguments.user, context).await,
        Some(SessionsCommand::End(arguments)) => end(arguments, context).await,
    }
}

async fn list(user: Option<UserId>, context: &EventContext<'_>) -> Result<(), Failure> {
    let publisher = context.publisher()?;
    let mut sessions: Vec<SessionInfo> = Vec::new();
    let mut after = None;
    loop {
        let page = publisher.sessions(user.as_ref(), after.as_deref()).await?;
        // In their order: one that does not go on would go on for ever.
        let goes_on =
            page.sessions.last().map(|last| &last.session) > sessions.last().map(|last| &last.session);
        sessions.extend(page.sessions);
        after = page.after.filter(|_| goes_on);
        if after.is_none() {
            break;
        }
    }
    if sessions.is_empty() && context.output.format() == Format::Human {
        context.output.note(&match user {
            Some(user) => format!("there is no session of {user}"),
            None => "there are no sessions; `event token USER` lets somebody in".to_owned(),
        });
        return Ok(());
    }
    context.output.record(&EventSessions(sessions))
}

async fn end(arguments: EndArgs, context: &EventContext<'_>) -> Result<(), Failure> {
    let publisher = context.publisher()?;
    let ended = match (arguments.id, arguments.of) {
        (Some(session), _) => {
            publisher.end_session(&session).await?;
            EventSessionsEnded { session: Some(session), user: None, sessions: 1 }
        }
        (None, Some(user)) => {
            let sessions = publisher.end_sessions_of(&user).await?.sessions;
            EventSessionsEnded { session: None, user: Some(user), sessions }
        }
        (None, None) => return Err(Failure::usage("nobody says which: give an id, or --user USER")),
    };
    context.output.record(&ended)
}
