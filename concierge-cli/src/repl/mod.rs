//! The REPL: a session at a terminal. It owns the prompt, the screen around it and what is remembered; what a line does is in
//! `interpreter/`, and the commands themselves are the shell's.

mod complete;
mod directory;
mod editor;
mod help;
mod live;
mod prompt;
mod screen;
mod session;
mod terminal;

pub(crate) use help::page as help_page;
pub(crate) use live::Audience;
pub(crate) use session::{Flow, Location, Session};

use std::{path::PathBuf, sync::Arc, time::Duration};

use self::{
    editor::{Assistant, LineEditor, Read},
    screen::Screen,
    terminal::Quiet,
};
use crate::{
    exit::Exit,
    failure::Failure,
    identity::NameChoice,
    interpreter::{Interpreter, Rules, Shell},
    language::is_open,
    output::{Output, Sink},
    settings::Settings,
    signals::{Signals, interrupt_editor},
};

/// How long the line editor may take to give up its line.
const GIVE_UP: Duration = Duration::from_secs(1);

/// What the REPL has around it.
pub(crate) struct Surroundings {
    /// The screen.
    pub terminal: Arc<dyn Sink>,
    /// Where lines are remembered.
    pub history: Option<PathBuf>,
    /// What runs other programs.
    pub shell: Shell,
}

/// Talks with whoever sits at the terminal, until they leave.
pub(crate) async fn run(
    settings: &Settings,
    location: Location,
    name: NameChoice,
    output: &Output,
    surroundings: Surroundings,
    signals: &mut Signals,
) -> Result<Exit, Failure> {
    let Surroundings { terminal, history, shell } = surroundings;
    let screen = Arc::new(Screen::new(terminal));
    let output = output.onto(Arc::clone(&screen) as Arc<dyn Sink>);
    let place = location.short();
    greet(&location, &output)?;
    let session = Session::new(settings.clone(), location, name, output, Audience::Person);
    let mut interpreter = Interpreter::new(session, shell, Rules { keep_going: false, shell: true });
    // Nothing reads the keyboard yet: Ctrl-C comes as a signal.
    tokio::select! {
        result = interpreter.connect() => result?,
        exit = signals.next() => return Ok(exit),
    }
    let session = interpreter.session();
    let assistant = Assistant {
        screen: Arc::clone(&screen),
        directory: session.directory(),
        standing: session.standing(),
        palette: session.output().palette(),
    };
    let _quiet = Quiet::start();
    let mut editor = LineEditor::start(assistant, history)?;
    let exit = converse(&mut interpreter, &mut editor, &place, signals).await;
    screen.end();
    interpreter.leave().await?;
    Ok(exit)
}

fn greet(location: &Location, output: &Output) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let place = if location.embedded { "a gateway of its own at" } else { "the gateway at" };
    output.text(&format!("concierge {version} on {place} {}\n", location.url))?;
    let help = "`help` lists the commands, Tab completes, Ctrl-D leaves";
    output.text(&(output.palette().paint(crate::output::Role::Dim, help) + "\n"))
}

/// A line after the other.
async fn converse(
    interpreter: &mut Interpreter,
    editor: &mut LineEditor,
    place: &str,
    signals: &mut Signals,
) -> Exit {
    loop {
        editor.ask(prompt::plain(&interpreter.session().client_name(), place));
        let read = loop {
            tokio::select! {
                read = editor.next() => break read,
                exit = signals.next() => {
                    if exit == Exit::Terminated {
                        interrupt_editor();
                        // The terminal is as it was once the line is given up; waiting for ever would be worse.
                        let _ = tokio::time::timeout(GIVE_UP, editor.next()).await;
                        return Exit::Terminated;
                    }
                }
            }
        };
        let line = match read {
            Read::Line(line) => line,
            Read::Interrupted => continue,
            Read::End => return Exit::Done,
        };
        for statement in statements(&line) {
            match carry_out(interpreter, &statement, signals).await {
                Ok(Ok(Flow::Continue)) => {}
                Ok(Ok(Flow::Leave)) => return Exit::Done,
                Ok(Err(failure)) => {
                    interpreter.session().output().failure(&failure);
                    break;
                }
                Err(Exit::Terminated) => return Exit::Terminated,
                Err(_) => break,
            }
        }
    }
}

/// Carries out a statement, unless a signal comes first. Ctrl-C is for a shell's command while one has the terminal.
async fn carry_out(
    interpreter: &mut Interpreter,
    statement: &str,
    signals: &mut Signals,
) -> Result<Result<Flow, Failure>, Exit> {
    let lending = interpreter.lending();
    let work = interpreter.execute(statement);
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return Ok(result),
            exit = signals.next() => {
                if exit == Exit::Terminated || !lending.is_lent() {
                    return Err(exit);
                }
            }
        }
    }
}

/// A pasted text may hold several lines; a JSON value may go over several.
fn statements(text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(line);
        if !is_open(&open) {
            statements.push(std::mem::take(&mut open));
        }
    }
    if !open.is_empty() {
        statements.push(open);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_text_is_carried_out_line_by_line() {
        assert_eq!(
            statements("@bob hi\n#chat {\"a\":\n 1}\nwhoami"),
            ["@bob hi", "#chat {\"a\":\n 1}", "whoami"]
        );
        assert_eq!(statements("@bob {\"a\":\nwhoami"), ["@bob {\"a\":\nwhoami"]);
    }
}
