//! Whether a command runs on a held session, and on which: what was typed, and what the environment says. No IO.

use super::visit::Address;
use crate::{
    args::Global,
    failure::Failure,
    settings::{Settings, Source},
};

/// The session that commands are to run on. A flag that says which gateway, or who to be there, wins over a session that was not
/// typed, and contradicts one that was typed beside it.
pub(crate) fn choose(source: &Source, settings: &Settings) -> Result<Option<Address>, Failure> {
    let Source { global, environment } = source;
    let chosen = match (&global.session, own_connection(global)) {
        (Some(session), Some(flag)) => {
            return Err(Failure::usage(format!(
                "--session and {flag} contradict each other: the session {session} has its gateway and its identity already"
            ))
            .hint("leave one of them out"));
        }
        (None, Some(flag)) if flag != "--context" => None,
        // A context may name a session; any that ranks below it does not count.
        _ => settings.session.clone(),
    };
    Ok(chosen.map(|name| Address::new(name, environment)))
}

/// A flag that asks for a connection of one's own.
fn own_connection(global: &Global) -> Option<&'static str> {
    let flags = [
        ("--url", global.url.is_some()),
        ("--name", global.name.is_some()),
        ("--nickname", global.nickname.is_some()),
        ("--tag", !global.tag.is_empty()),
        ("--secret-file", global.secret_file.is_some()),
        ("--ask-secret", global.ask_secret),
        ("--context", global.context.is_some()),
    ];
    flags.into_iter().find_map(|(flag, given)| given.then_some(flag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Console;

    fn chosen(global: &Global, variables: &[(&str, &str)]) -> Result<Option<String>, Failure> {
        let environment = Console::in_memory("", variables.iter().copied()).0.environment;
        let source = Source { global: global.clone(), environment };
        Ok(choose(&source, &source.settings()?)?.map(|address| address.name().to_string()))
    }

    #[test]
    fn a_session_is_typed_or_stands_in_the_environment() {
        let variables = [("CONCIERGE_SESSION", "lab"), ("CONCIERGE_URL", "ws://a/ws")];
        let typed = Global { session: Some("bot".parse().unwrap()), ..Global::default() };
        assert_eq!(chosen(&Global::default(), &[]), Ok(None));
        assert_eq!(chosen(&Global::default(), &variables), Ok(Some("lab".into())));
        assert_eq!(chosen(&typed, &variables), Ok(Some("bot".into())));
        assert!(chosen(&Global::default(), &[("CONCIERGE_SESSION", "../x")]).is_err());
    }

    #[test]
    fn a_flag_for_a_connection_of_ones_own_wins_over_the_environment_and_contradicts_a_flag() {
        let own = Global { url: Some("ws://b/ws".into()), ..Global::default() };
        assert_eq!(chosen(&own, &[("CONCIERGE_SESSION", "lab")]), Ok(None));
        let both = Global { session: Some("bot".parse().unwrap()), ..own };
        let refused = chosen(&both, &[]).unwrap_err();
        assert!(refused.message().starts_with("--session and --url contradict each other"), "{refused:?}");
    }
}
