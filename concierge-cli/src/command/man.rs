//! `man`: the manual, in the form that `man` reads.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command as Process, Stdio},
};

use clap::{Arg, Args, Command};
use clap_mangen::Man;

use crate::{
    args,
    console::Console,
    failure::{Failure, without_number},
    help::{TOPICS, unknown},
    output::Output,
};

const EXAMPLES: &str = "\
Examples:
  concierge man | head -20
  concierge man services create -o raw | head -20
  concierge man --dir man1               # a file for each command

On a terminal the page is shown by `man`; elsewhere it is written as roff.";

/// `man`
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// A command; without one, the page of `concierge` itself
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    pub command: Vec<String>,
    /// Write every page into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

pub(crate) fn run(arguments: &ManArgs, output: &Output, console: &Console) -> Result<(), Failure> {
    let mut tree = args::command();
    tree.build();
    if let Some(folder) = &arguments.dir {
        return write_all(&tree, folder, output);
    }
    let mut command = &tree;
    for word in &arguments.command {
        command = command.find_subcommand(word).ok_or_else(|| unknown(word, command, false))?;
    }
    let page = page(command);
    if console.is_process && console.terminals.stdout && show(&page).is_ok() {
        return Ok(());
    }
    output.text(&page)
}

/// Writes the pages of a command and of those below it.
fn write_all(tree: &Command, folder: &Path, output: &Output) -> Result<(), Failure> {
    let failed = |path: &Path, error: &io::Error| {
        Failure::local(format!("could not write {}: {}", path.display(), without_number(error)))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut commands = vec![tree];
    let mut count = 0;
    while let Some(command) = commands.pop() {
        let path = folder.join(format!("{}.1", name(command)));
        fs::write(&path, page(command)).map_err(|error| failed(&path, &error))?;
        commands.extend(command.get_subcommands().filter(|nested| !nested.is_hide_set()));
        count += 1;
    }
    output.note(&format!("wrote {count} pages into {}", folder.display()));
    Ok(())
}

/// What a page is called: the command's words with hyphens between.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// A page of the manual.
fn page(command: &Command) -> String {
    let on_top = command.get_name() == "concierge";
    let name = name(command);
    let man = Man::new(command.clone().mut_args(with_long_help))
        .title(name.to_uppercase())
        // Quoted, as nothing would leave its place to what follows.
        .date("\"\"")
        .source(concat!("concierge ", env!("CARGO_PKG_VERSION")))
        .manual("Concierge");
    let mut roff = Vec::new();
    // Writing into memory cannot fail.
    let _ = man.render_title(&mut roff);
    let _ = man.render_name_section(&mut roff);
    let _ = man.render_synopsis_section(&mut roff);
    let _ = man.render_description_section(&mut roff);
    let _ = man.render_options_section(&mut roff);
    if command.get_subcommands().any(|nested| !nested.is_hide_set()) {
        let _ = man.render_subcommands_section(&mut roff);
    }
    let mut text = tidy(&String::from_utf8_lossy(&roff));
    if on_top {
        for topic in TOPICS {
            let page = (topic.text)();
            // Manuals have a section for files.
            let (page, files) = page.split_once("\nFiles:\n\n").unwrap_or((&page, ""));
            text += &section(heading(topic.name), page);
            text += &section("FILES", files);
        }
    } else {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let (notes, examples) = parts(&after);
        text += &section("NOTES", &notes);
        text += &section("EXAMPLES", &examples);
        text += ".SH SEE ALSO\n.BR concierge (1),\nfor exit codes, the environment and the files.\n";
    }
    text
}

/// An argument with its whole description: what `-h` leaves out would have none on a page.
fn with_long_help(argument: Arg) -> Arg {
    match (argument.get_long_help(), argument.get_help().cloned()) {
        (None, Some(help)) => argument.long_help(help),
        _ => argument,
    }
}

/// Without the spaces at the ends of lines and the empty lines, which make gaps, and with one line break in place of two.
fn tidy(roff: &str) -> String {
    let mut tidy = String::with_capacity(roff.len());
    let lines = roff.lines().map(str::trim_end).filter(|line| !line.is_empty());
    for line in lines {
        if line != ".br" || !tidy.ends_with("\n.br\n") {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy
}

/// What a topic's section is called: by the names that manuals use.
fn heading(topic: &str) -> &str {
    match topic {
        "exit-codes" => "EXIT STATUS",
        "environment" => "ENVIRONMENT",
        other => other,
    }
}

/// What stands besides the examples, and the examples.
fn parts(after: &str) -> (String, String) {
    let (examples, notes): (Vec<_>, Vec<_>) =
        after.split("\n\n").filter(|part| !part.is_empty()).partition(|part| part.starts_with("Examples"));
    let bare = |part: &str| part.split_once('\n').map_or(part, |(_, rest)| rest).to_owned();
    (notes.join("\n\n"), examples.into_iter().map(bare).collect::<Vec<_>>().join("\n\n"))
}

/// A section whose lines stay as they are.
fn section(heading: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut roff = format!(".SH {}\n.nf\n", heading.to_uppercase());
    for line in text.trim_end().lines() {
        if line.is_empty() {
            roff.push_str(".sp\n");
            continue;
        }
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        // A line that starts with a dot would be a request.
        roff.push_str(if line.starts_with('.') { "\\&" } else { "" });
        roff.push_str(&line);
        roff.push('\n');
    }
    roff + ".fi\n"
}

/// Lets `man` show a page on the terminal.
fn show(page: &str) -> io::Result<()> {
    let mut man = Process::new("man").args(["-l", "-"]).stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = man.stdin.take() {
        // Whoever reads may leave before the end.
        let _ = input.write_all(page.as_bytes());
    }
    if man.wait()?.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(words: &[&str]) -> String {
        let mut tree = args::command();
        tree.build();
        let mut command = &tree;
        for word in words {
            command = command.find_subcommand(word).unwrap();
        }
        page(command)
    }

    #[test]
    fn the_main_page_has_exit_codes_environment_and_files() {
        let page = page_of(&[]);
        for part in
            [".SH NAME", ".SH EXIT STATUS", ".SH ENVIRONMENT", "config.toml", "concierge\\-services(1)"]
        {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn a_commands_page_has_its_examples() {
        let page = page_of(&["services", "create"]);
        assert!(page.contains(".TH CONCIERGE-SERVICES-CREATE 1"), "{page}");
        assert!(page.contains(".SH EXAMPLES\n.nf\n  concierge services create"), "{page}");
    }

    #[test]
    fn a_page_says_which_program_it_is_of_and_what_each_option_does() {
        let page = page_of(&["ping"]);
        assert!(page.contains(".TH CONCIERGE-PING 1 \"\" \"concierge 0."), "{page}");
        assert!(page.contains("\\fB\\-\\-timeout\\fR \\fI<TIME>\\fR\nHow long connecting"), "{page}");
    }

    #[test]
    fn no_line_of_a_text_is_taken_for_a_request() {
        let roff = section("x", ".TH evil\n'it\\fB\n\nend");
        assert_eq!(roff, ".SH X\n.nf\n\\&.TH evil\n\\(aqit\\efB\n.sp\nend\n.fi\n");
    }
}
