//! The REPL: a session at a terminal. It owns the prompt, the screen around it and what is remembered; what a line does is in
//! `interpreter/`, and the commands themselves are the shell's.

mod assistant;
mod complete;
mod directory;
mod editor;
mod filter;
mod help;
mod highlight;
mod hint;
mod live;
mod local;
mod prompt;
mod screen;
mod session;
mod terminal;
mod typed;

pub(crate) use directory::Directory;
pub(crate) use filter::OnlyArgs;
pub(crate) use help::page as help_page;
pub(crate) use live::Audience;
pub(crate) use prompt::Marks;
pub(crate) use session::{Flow, Location, Session};
pub(crate) use terminal::{Lent, is_in_foreground, is_there as has_terminal, lend};

use std::{
    path::PathBuf,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval, timeout};

use self::{
    assistant::Assistant,
    editor::{Draft, LineEditor, Read},
    prompt::Prompt,
    screen::Screen,
    terminal::{Happening, Happenings, Quiet},
    typed::Typed,
};
use crate::{
    exit::Exit,
    failure::Failure,
    identity::NameChoice,
    interpreter::{Interpreter, Rules, Shell},
    language::Unfinished,
    output::{Output, Sink},
    settings::Settings,
    signals::{Signals, interrupt_editor},
};

/// How long the line editor may take to give up its line.
const GIVE_UP: Duration = Duration::from_secs(1);

/// How often a prompt that counts down is painted.
const COUNT: Duration = Duration::from_secs(1);

/// What the REPL has around it.
pub(crate) struct Surroundings {
    /// The screen.
    pub terminal: Arc<dyn Sink>,
    /// What the prompt can be drawn with.
    pub marks: Marks,
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
    let Surroundings { terminal, marks, history, shell } = surroundings;
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
    let prompt = Prompt { name: session.client_name(), place, remark: None, marks };
    let prompt = Arc::new(Mutex::new(prompt));
    let assistant = Assistant {
        screen: Arc::clone(&screen),
        directory: session.directory(),
        standing: session.standing(),
        prompt: Arc::clone(&prompt),
        typed: Arc::new(Typed::default()),
        palette: session.output().palette(),
        secret: session.secret(),
    };
    let happenings = Happenings::listen()?;
    let _bound = Signals::listen()?.bound(terminal::put_right)?;
    let _quiet = Quiet::start();
    let editor = LineEditor::start(assistant, history)?;
    let mut desk = Desk { editor, screen: Arc::clone(&screen), prompt, signals, happenings };
    let exit = desk.converse(&mut interpreter).await;
    screen.end();
    // Those that led here are no reason to hurry.
    let _ = desk.signals.pending();
    let left = tokio::select! {
        left = interpreter.leave(Ok(())) => left,
        hurry = desk.signals.next() => return Ok(if exit == Exit::Done { hurry } else { exit }),
    };
    // Nobody is there to be told what could not be shown.
    if exit == Exit::HungUp { Ok(exit) } else { left.map(|()| exit) }
}

fn greet(location: &Location, output: &Output) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let place = if location.embedded.is_some() { "a gateway of its own at" } else { "the gateway at" };
    output.text(&format!("concierge {version} on {place} {}\n", location.url))?;
    let help = "`help` lists the commands, Tab completes, Ctrl-D leaves";
    output.text(&(output.palette().paint(crate::output::Role::Dim, help) + "\n"))
}

/// Where a session is held: keys come in, and everything that happens to a terminal.
struct Desk<'a> {
    editor: LineEditor,
    screen: Arc<Screen>,
    prompt: Arc<Mutex<Prompt>>,
    signals: &'a mut Signals,
    happenings: Happenings,
}

impl Desk<'_> {
    /// A line after the other.
    async fn converse(&mut self, interpreter: &mut Interpreter) -> Exit {
        let mut draft = Draft::default();
        loop {
            let prompt = self.prompt_of(interpreter.session());
            self.editor.ask(prompt, std::mem::take(&mut draft));
            match self.read(interpreter.session()).await {
                Ok(Read::Line(line)) => {
                    if let Some(exit) = self.perform(interpreter, &line).await {
                        return exit;
                    }
                }
                Ok(Read::Interrupted) => {}
                Ok(Read::Suspended(unfinished)) => {
                    self.happenings.suspend().await;
                    draft = unfinished;
                }
                Ok(Read::End) if terminal::is_there() => return Exit::Done,
                Ok(Read::End) => return Exit::HungUp,
                Err(exit) => return exit,
            }
        }
    }

    /// The prompt for the next line, as wide as it will stay.
    fn prompt_of(&self, session: &Session) -> String {
        let mut prompt = self.prompt.lock().unwrap_or_else(PoisonError::into_inner);
        prompt.name = session.client_name();
        prompt.remark = session.filter().remark();
        prompt.plain(session.standing().state(), Instant::now(), terminal::columns())
    }

    /// The line that was asked for; or the end, when it comes from outside.
    async fn read(&mut self, session: &Session) -> Result<Read, Exit> {
        let standing = session.standing();
        let mut count = interval(COUNT);
        count.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                read = self.editor.next() => return Ok(read),
                _ = count.tick() => if standing.is_waiting() {
                    self.screen.repaint();
                },
                exit = self.signals.next() => if exit == Exit::Terminated {
                    self.give_up().await;
                    return Err(exit);
                },
                happening = self.happenings.next() => match happening {
                    Happening::HungUp => {
                        self.give_up().await;
                        return Err(Exit::HungUp);
                    }
                    // Whoever had it going on may have changed the terminal's modes.
                    Happening::Stop | Happening::Resumed => self.editor.suspend(),
                }
            }
        }
    }

    /// Ends the reading of a line. The terminal is as it was once that is done; waiting for ever would be worse.
    async fn give_up(&mut self) {
        interrupt_editor();
        let _ = timeout(GIVE_UP, self.editor.next()).await;
    }

    /// Carries out what a line says. The end, if it comes to that.
    async fn perform(&mut self, interpreter: &mut Interpreter, line: &str) -> Option<Exit> {
        for statement in statements(line) {
            let (result, was_lent) = {
                let lending = interpreter.lending();
                let mut execution = pin!(interpreter.execute(&statement));
                let result = loop {
                    tokio::select! {
                        result = &mut execution => break Ok(result),
                        // Ctrl-C is for a shell's command while one has the terminal.
                        exit = self.signals.next() => if exit == Exit::Terminated || !lending.is_lent() {
                            break Err(exit);
                        },
                        happening = self.happenings.next() => match happening {
                            Happening::HungUp => break Err(Exit::HungUp),
                            Happening::Stop => self.happenings.suspend().await,
                            Happening::Resumed => {}
                        }
                    }
                };
                (result, lending.is_lent())
            };
            match result {
                Ok(Ok(Flow::Continue)) => {}
                Ok(Ok(Flow::Leave)) => return Some(Exit::Done),
                Ok(Err(failure)) if failure.exit() == Exit::Interrupted => {
                    // What a signal has stopped may tell before the signal itself is looked at.
                    match self.signals.pending() {
                        Some(Exit::Terminated) => return Some(Exit::Terminated),
                        _ => break,
                    }
                }
                Ok(Err(failure)) => {
                    let session = interpreter.session();
                    session.output().failure(&advised(failure, session));
                    break;
                }
                Err(Exit::Interrupted) => break,
                Err(exit) => {
                    if was_lent {
                        terminal::end_others();
                    }
                    return Some(exit);
                }
            }
        }
        None
    }
}

/// What can be done about a line that found no connection.
fn advised(failure: Failure, session: &Session) -> Failure {
    match failure.exit() {
        Exit::Lost if session.standing().is_waiting() => {
            failure.hint("the connection is being restored; try again when the prompt shows it")
        }
        Exit::Lost => failure.hint("`connect` connects again, `exit` leaves"),
        _ => failure,
    }
}

/// A pasted text may hold several lines; a JSON value may go over several.
fn statements(text: &str) -> Vec<String> {
    let mut unfinished = Unfinished::default();
    let mut statements: Vec<_> = text.lines().filter_map(|line| unfinished.take(line)).collect();
    statements.extend(unfinished.end());
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
