//! `help` in the REPL: the commands on a page, and each of them at length. The topics are the shell's, in `help/`.

use clap::Command;

use crate::{
    args,
    failure::Failure,
    help::{TOPICS, fitted, topic, unknown},
    language::as_typed_here,
    output::{Cell, Palette, Role, Table},
};

/// The page of a topic, or of all commands.
pub(crate) fn page(words: &[String], palette: Palette, width: usize) -> Result<String, Failure> {
    let mut tree = args::lines();
    tree.build();
    let Some((first, rest)) = words.split_first() else { return Ok(overview(&tree, palette, width)) };
    if let Some(topic) = topic(first) {
        return Ok(fitted(&(topic.text)(), width));
    }
    let mut command = tree.find_subcommand(first).ok_or_else(|| unknown(first, &tree, true))?;
    for word in rest {
        command = command.find_subcommand(word).ok_or_else(|| unknown(word, command, false))?;
    }
    Ok(as_typed_here(&command.clone().render_help().to_string()))
}

fn overview(tree: &Command, palette: Palette, width: usize) -> String {
    let mut table = Table::default();
    table.row([Cell::new(Role::Client, "  @bob hi"), Cell::plain("send a message to a client")]);
    table.row([Cell::new(Role::Client, "  #chat {\"n\": 1}"), Cell::plain("send a message to a service")]);
    for command in tree.get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        table.row([Cell::new(Role::Client, format!("  {}", usage(command))), Cell::plain(about)]);
    }
    let topics: Vec<_> = TOPICS.iter().map(|topic| topic.name).collect();
    let more = fitted(&format!("More: help COMMAND, help {}.", topics.join(", help ")), width);
    let more: String = more.lines().map(|line| palette.paint(Role::Dim, line) + "\n").collect();
    table.render(palette) + &more
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
    use crate::help::WIDTH;

    fn asked(topic: &str) -> Result<String, Failure> {
        let words: Vec<String> = topic.split_whitespace().map(str::to_owned).collect();
        page(&words, Palette::default(), WIDTH)
    }

    #[test]
    fn the_overview_has_every_command_on_one_line_each() {
        let text = asked("").unwrap();
        for command in args::lines().get_subcommands() {
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
