//! The names this client goes by when none was given: `cli_` and eight digits for a command, the login name in the REPL.

use concierge_client::payload::ClientName;
use serde::{Deserialize, Serialize};

use crate::{console::Environment, settings::Label};

/// How a client may be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameChoice {
    /// By this name or not at all: somebody gave it.
    Given(ClientName),
    /// By this name, or with `_2`, `_3` … behind it while it is taken.
    Numbered(ClientName),
}

impl NameChoice {
    /// The name a person goes by: the login name reduced to the characters a name may have.
    pub(crate) fn of_login(environment: &Environment) -> Self {
        let login = environment.var("USER").or_else(|| environment.var("LOGNAME")).unwrap_or("user");
        Self::Numbered(reduced(login))
    }

    /// The name of a held session, reduced in the same way.
    pub(crate) fn of_session(session: &Label) -> Self {
        Self::Numbered(reduced(session.as_str()))
    }

    /// A name that nobody else has: `cli_` and eight random hexadecimal digits.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; 4];
        // Without randomness the process id tells commands on one machine apart, which is what the name is for.
        let number = match getrandom::fill(&mut bytes) {
            Ok(()) => u32::from_ne_bytes(bytes),
            Err(_) => std::process::id(),
        };
        Self::Numbered(name(&format!("cli_{number:08x}")))
    }

    /// The names to try, in order.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = ClientName> + '_ {
        let (first, numbered) = match self {
            Self::Given(given) => (given, None),
            Self::Numbered(base) => (base, Some((2..=99).map(|number| with_number(base, number)))),
        };
        std::iter::once(first.clone()).chain(numbered.into_iter().flatten())
    }
}

fn reduced(login: &str) -> ClientName {
    let legal: String = login
        .chars()
        .filter(|character| character.is_alphanumeric() || *character == '_')
        .take(ClientName::MAX_CHARACTERS)
        .collect();
    name(if legal.is_empty() { "user" } else { &legal })
}

fn with_number(base: &ClientName, number: u32) -> ClientName {
    let suffix = format!("_{number}");
    let room = ClientName::MAX_CHARACTERS - suffix.len();
    name(&(base.chars().take(room).collect::<String>() + &suffix))
}

fn name(text: &str) -> ClientName {
    text.parse().expect("it has legal characters only, and neither none nor too many")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Console;

    fn login(user: &str) -> Vec<String> {
        let environment = Console::in_memory("", [("USER", user)]).0.environment;
        NameChoice::of_login(&environment).candidates().take(3).map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_login_name_is_reduced_to_legal_characters() {
        assert_eq!(login("anna"), ["anna", "anna_2", "anna_3"]);
        assert_eq!(login("a.b-c@host"), ["abchost", "abchost_2", "abchost_3"]);
        assert_eq!(login("größe"), ["größe", "größe_2", "größe_3"]);
        assert_eq!(login("$-"), ["user", "user_2", "user_3"]);
        assert_eq!(login(""), ["user", "user_2", "user_3"]);
    }

    #[test]
    fn a_long_name_makes_room_for_its_number() {
        let names = login(&"x".repeat(80));
        assert_eq!(names[0].len(), 64);
        assert_eq!(names[1], "x".repeat(62) + "_2");
    }

    #[test]
    fn a_given_name_is_never_changed() {
        let given = NameChoice::Given("bob".parse().unwrap());
        assert_eq!(given.candidates().count(), 1);
    }

    #[test]
    fn a_command_names_itself_by_eight_digits() {
        let first = NameChoice::random().candidates().next().unwrap();
        assert!(first.strip_prefix("cli_").is_some_and(|digits| {
            digits.len() == 8 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
        }));
    }
}
