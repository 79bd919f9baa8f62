//! `help`: the commands on a page, and each of them at length.

use clap::{Args, Command, CommandFactory};

use crate::{
    args::ReplLine,
    failure::Failure,
    interpreter,
    language::as_typed_here,
    output::{Cell, Palette, Role, Table},
    suggest::nearest,
};

/// `help`
#[derive(Debug, Clone, Args)]
pub(crate) struct HelpArgs {
    /// A command, or `targets`, `payloads`, `keys`, `scripting`, `variables`, `pipes`, `jobs`
    pub topic: Vec<String>,
}

/// What can be asked about besides commands.
pub(super) const TOPICS: [(&str, &str); 3] = [("targets", TARGETS), ("payloads", PAYLOADS), ("keys", KEYS)];

const TARGETS: &str = "\
Targets: whom a message is for.

  bob, @bob         the client of that name
  UUID              the client of that id (whole, with hyphens)
  svc:chat, #chat   a service: from its owner to the subscribers, from a subscriber to the owner
  svc:chat/UUID     from a service's owner to one client
  all               everyone, yourself included (@all is a client named all)

Quote a name with spaces: #\"söö x\" or 'svc:söö x'.
";

const PAYLOADS: &str = "\
Payloads: what a message carries, one JSON value.

  {\"a\": 1}, [1], \"x\", 42   JSON, sent byte for byte
  text=hi n:=1             the object {\"text\":\"hi\",\"n\":1}
  good morning             other text, sent as a JSON string
  @message.json            what is in a file

A word that starts with {, [ or \" is one JSON value to its end, and the line goes on until it is whole.
After @bob and #chat, text is sent just as it was typed.
";

const KEYS: &str = "\
Keys.

  Tab              complete commands, options and names
  Up, Down         earlier lines; Ctrl-R searches them
  Ctrl-C           drop the line, or stop the command that runs
  Ctrl-D           leave
  Ctrl-L           clear the screen

A line that starts with a space is not remembered.
";

/// The page of a topic, or of all commands.
pub(crate) fn page(topic: &[String], palette: Palette) -> Result<String, Failure> {
    let mut tree = ReplLine::command();
    tree.build();
    let Some((first, rest)) = topic.split_first() else { return Ok(overview(&tree, palette)) };
    if let Some((_, text)) = TOPICS.iter().chain(&interpreter::TOPICS).find(|(name, _)| name == first) {
        return Ok((*text).to_owned());
    }
    let mut command = tree.find_subcommand(first).ok_or_else(|| unknown(first, &tree))?;
    for word in rest {
        command = command.find_subcommand(word).ok_or_else(|| unknown(word, command))?;
    }
    Ok(as_typed_here(&command.clone().render_help().to_string()))
}

fn unknown(topic: &str, tree: &Command) -> Failure {
    let names = tree
        .get_subcommands()
        .map(Command::get_name)
        .chain(TOPICS.map(|(name, _)| name))
        .chain(interpreter::TOPICS.map(|(name, _)| name));
    let failure = Failure::usage(format!("there is no help about {topic:?}"));
    match nearest(topic, names) {
        Some(meant) => failure.hint(format!("did you mean `help {meant}`?")),
        None => failure.hint("`help` lists what there is"),
    }
}

fn overview(tree: &Command, palette: Palette) -> String {
    let mut table = Table::default();
    table.row([Cell::new(Role::Client, "  @bob hi"), Cell::plain("send a message to a client")]);
    table.row([Cell::new(Role::Client, "  #chat {\"n\": 1}"), Cell::plain("send a message to a service")]);
    for command in tree.get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        table.row([Cell::new(Role::Client, format!("  {}", usage(command))), Cell::plain(about)]);
    }
    let topics: Vec<_> = TOPICS.iter().chain(&interpreter::TOPICS).map(|(name, _)| *name).collect();
    format!(
        "{}{}\n",
        table.render(palette),
        palette.paint(Role::Dim, &format!("More: help COMMAND, help {}.", topics.join(", help ")))
    )
}

/// A command with what it takes, in a word or two.
fn usage(command: &Command) -> String {
    let mut text = command.get_name().to_owned();
    let nested: Vec<_> =
        command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
    if !nested.is_empty() {
        text = text + " " + &nested.join("|");
    }
    for argument in command.get_positionals() {
        let name = argument.get_value_names().and_then(<[_]>::first).map_or("VALUE", |name| name.as_str());
        let (open, close) = if argument.is_required_set() { ("", "") } else { ("[", "]") };
        text = [&text, " ", open, name, close].concat();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(topic: &str) -> Result<String, Failure> {
        let words: Vec<String> = topic.split_whitespace().map(str::to_owned).collect();
        page(&words, Palette::default())
    }

    #[test]
    fn the_overview_has_every_command_on_one_line_each() {
        let text = asked("").unwrap();
        for command in ReplLine::command().get_subcommands() {
            assert!(text.contains(&format!("\n  {}", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn commands_and_topics_have_a_page() {
        for topic in ["send", "services", "services create", "targets", "payloads", "keys"] {
            assert!(asked(topic).unwrap().lines().count() > 3, "{topic}");
        }
        assert!(asked("send").unwrap().contains("Examples:"));
    }

    #[test]
    fn an_unknown_topic_is_told_with_what_was_meant() {
        assert_eq!(asked("sned").unwrap_err().hinted(), Some("did you mean `help send`?"));
        assert_eq!(asked("target").unwrap_err().hinted(), Some("did you mean `help targets`?"));
    }
}
