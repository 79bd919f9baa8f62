//! `help` in the REPL: the commands on a page, and each of them at length. The topics are the shell's, in `help/`.

use clap::Command;
use unicode_width::UnicodeWidthStr;

use crate::{
    args,
    failure::Failure,
    help::{NARROW, TOPICS, broken, fitted, topic, unknown},
    language::as_typed_here,
    output::{Cell, Palette, Role, Table},
};

/// How wide the names below a command may be, in columns.
const MOST_NAMES: usize = 33;

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
    let mut entries = vec![
        ("  @bob hi".to_owned(), "Send a message to a client".to_owned()),
        ("  #chat {\"n\": 1}".to_owned(), "Send a message to a service".to_owned()),
    ];
    entries.extend(tree.get_subcommands().map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        (format!("  {}", usage(command)), about)
    }));
    let before = entries.iter().map(|(usage, _)| usage.width()).max().unwrap_or_default() + 2;
    let mut table = Table::default();
    for (usage, about) in entries {
        let mut usage = usage.as_str();
        for line in broken(&about, width.saturating_sub(before).max(NARROW)) {
            table.row([Cell::new(Role::Client, usage), Cell::plain(line)]);
            usage = "";
        }
    }
    let topics: Vec<_> = TOPICS.iter().map(|topic| topic.name).collect();
    let more = fitted(&format!("More: help COMMAND, help {}.", topics.join(", help ")), width);
    let more: String = more.lines().map(|line| palette.paint(Role::Dim, line) + "\n").collect();
    table.render(palette) + &more
}

/// Names, as many of them as leave room for what is said besides.
fn some_of(names: &[&str]) -> String {
    let mut text = String::new();
    for name in names {
        let bar = if text.is_empty() { "" } else { "|" };
        if text.width() + name.width() > MOST_NAMES {
            return text + bar + "…";
        }
        text = text + bar + name;
    }
    text
}

/// A command with what it takes, in a word or two.
fn usage(command: &Command) -> String {
    let mut text = command.get_name().to_owned();
    let nested: Vec<_> =
        command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
    if !nested.is_empty() {
        text = text + " " + &some_of(&nested);
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
    fn the_overview_fits_the_terminal() {
        for width in [70, 80, 100] {
            let text = page(&[], Palette::default(), width).unwrap();
            let wide: Vec<_> = text.lines().filter(|line| line.width() > width).collect();
            assert!(wide.is_empty(), "{wide:#?}");
        }
    }

    #[test]
    fn the_overview_has_every_command_on_a_line_of_its_own() {
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
