//! The terminal is sane after whatever happens: a shell runs the REPL, and looks at the modes before and afterwards.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use support::gateway::Gateway;
use support::peer::Peer;
use support::process::program;
use support::terminal::{Setup, Terminal};

use super::seat::{NAME, Seat};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shell with job control, and the REPL as a job of it.
struct Shell {
    terminal: Terminal,
    home: tempfile::TempDir,
    modes: String,
}

impl Shell {
    fn start(url: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let setup = Setup::default()
            .variable("HOME", home.path().to_string_lossy())
            .variable("PS1", "shell> ")
            .variable("REPL", format!("{} --url {url} --name {NAME}", program("concierge")?.display()));
        let mut terminal = setup.start("/bin/sh".as_ref(), &["-i"])?;
        terminal.wait_for("shell> ")?;
        let modes = modes(&mut terminal)?;
        terminal.line("$REPL")?;
        terminal.wait_until("the prompt appears", |screen| screen.cursor_row().ends_with('●'))?;
        Ok(Self { terminal, home, modes })
    }

    /// Waits for the shell, and checks how the REPL ended and how it left the terminal.
    fn check(&mut self, code: i32) -> Result<()> {
        self.at_prompt()?;
        self.terminal.line("echo \"code <$?>\"")?;
        self.terminal.wait_for(&format!("code <{code}>"))?;
        self.at_prompt()?;
        self.is_sane()
    }

    fn at_prompt(&mut self) -> Result<()> {
        self.terminal.wait_until("the shell is back", |screen| screen.cursor_row() == "shell>")
    }

    fn is_sane(&mut self) -> Result<()> {
        let modes = modes(&mut self.terminal)?;
        ensure!(modes == self.modes, "the terminal's modes were {}, and are {modes}", self.modes);
        Ok(())
    }

    /// Sends a signal to the REPL, and to nobody else.
    fn signal(&mut self, signal: &str) -> Result<()> {
        let folder = std::fs::read_dir("/proc")?.flatten();
        let repl = folder.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).find(|id| {
            let of = |what| std::fs::read(format!("/proc/{id}/{what}")).unwrap_or_default();
            // Its home is this shell's alone.
            let home = format!("HOME={}", self.home.path().display());
            of("environ").split(|byte| *byte == 0).any(|line| line == home.as_bytes())
                && of("cmdline").windows(5).any(|part| part == b"--url")
        });
        ensure!(repl.is_some(), "there is no REPL");
        let repl = repl.unwrap_or_default().to_string();
        ensure!(Command::new("kill").args([signal, &repl]).status()?.success());
        Ok(())
    }
}

/// What the terminal does with what is typed and shown.
fn modes(terminal: &mut Terminal) -> Result<String> {
    terminal.line("echo \"modes <`stty -g`>\"")?;
    terminal.wait_until("the modes are told", |screen| {
        screen.cursor_row() == "shell>" && told(&screen.rows()).is_some()
    })?;
    let modes = told(&terminal.emulator.rows()).unwrap_or_default();
    terminal.line("clear")?;
    terminal.wait_until("the screen is empty", |screen| told(&screen.rows()).is_none())?;
    terminal.wait_until("the shell is back", |screen| screen.cursor_row() == "shell>")?;
    Ok(modes)
}

fn told(rows: &[String]) -> Option<String> {
    rows.iter().find_map(|row| Some(row.strip_prefix("modes <")?.strip_suffix('>')?.to_owned()))
}

fn checked(test: impl FnOnce(&mut Shell) -> Result<()>) {
    let gateway = Gateway::start();
    let outcome = Shell::start(&gateway.url()).and_then(|mut shell| test(&mut shell));
    outcome.unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn leaving_gives_the_terminal_back() {
    checked(|shell| {
        shell.terminal.keys("\x04")?;
        shell.check(0)
    });
}

#[test]
fn leaving_after_a_long_paste_and_other_sizes_gives_the_terminal_back() {
    checked(|shell| {
        let text = "pasted ".repeat(1_428) + "end.";
        ensure!(text.len() == 10_000);
        shell.terminal.keys(&format!("\x1b[200~{text}\x1b[201~"))?;
        shell.terminal.wait_until("it is pasted", |screen| screen.cursor_row().ends_with("end."))?;
        for (rows, columns) in [(20, 60), (60, 300), (50, 240)] {
            shell.terminal.resize(rows, columns)?;
            // A key shows that the size was taken note of.
            shell.terminal.keys("!")?;
            shell.terminal.wait_until("it is drawn", |screen| screen.cursor_row().ends_with('!'))?;
        }
        shell.terminal.keys("\x03")?;
        shell.terminal.wait_until("the line is empty", |screen| screen.cursor_row().ends_with('●'))?;
        shell.terminal.resize(30, 100)?;
        shell.terminal.keys("x")?;
        shell.terminal.wait_until("it is typed", |screen| screen.cursor_row().ends_with("● x"))?;
        shell.terminal.keys("\x7f")?;
        shell.terminal.wait_until("it is gone", |screen| screen.cursor_row().ends_with('●'))?;
        shell.terminal.resize(50, 240)?;
        shell.terminal.keys("\x04")?;
        shell.check(0)
    });
}

#[test]
fn being_terminated_while_typing_gives_the_terminal_back() {
    checked(|shell| {
        shell.terminal.keys("@bob {\"a")?;
        shell.terminal.wait_until("it is typed", |screen| screen.cursor_row().ends_with("{\"a"))?;
        shell.signal("-TERM")?;
        shell.check(143)
    });
}

#[test]
fn being_hung_up_while_typing_gives_the_terminal_back() {
    checked(|shell| {
        shell.terminal.keys("half a li")?;
        shell.terminal.wait_until("it is typed", |screen| screen.cursor_row().ends_with("half a li"))?;
        shell.signal("-HUP")?;
        shell.check(129)
    });
}

#[test]
fn being_terminated_while_a_command_runs_gives_the_terminal_back() {
    checked(|shell| {
        shell.terminal.line("ping -n 100000 --interval 60s")?;
        shell.terminal.wait_for("pong from")?;
        shell.signal("-TERM")?;
        shell.check(143)
    });
}

/// The command of a shell that starts another program and waits for it, and where its end is told: as long as either runs, a pipe is
/// open. That it has begun is told there first.
fn sleeper(shell: &Shell, name: &str) -> Result<(String, Receiver<()>)> {
    let pipe = shell.home.path().join(name);
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let command = format!("sh -c 'exec 9> {}; sleep 1000; true'", pipe.display());
    let (told, heard) = channel();
    std::thread::spawn(move || {
        let Ok(mut pipe) = File::open(pipe) else { return };
        // Whoever waits may have failed.
        let _begun = told.send(());
        if pipe.read_to_end(&mut Vec::new()).is_ok() {
            let _ended = told.send(());
        }
    });
    Ok((command, heard))
}

#[test]
fn what_was_started_ends_when_the_repl_is_terminated() {
    checked(|shell| {
        let (job, heard_of_job) = sleeper(shell, "job")?;
        let (front, heard_of_front) = sleeper(shell, "front")?;
        shell.terminal.line(&format!("listen | {job} &"))?;
        heard_of_job.recv_timeout(PATIENCE).context("the job does not begin")?;
        shell.terminal.line(&format!("!{front}; true"))?;
        heard_of_front.recv_timeout(PATIENCE).context("the command does not begin")?;
        shell.signal("-TERM")?;
        shell.check(143)?;
        heard_of_job.recv_timeout(PATIENCE).context("the job goes on")?;
        heard_of_front.recv_timeout(PATIENCE).context("the command goes on")
    });
}

#[test]
fn being_terminated_while_the_terminal_takes_no_text_gives_it_back() {
    checked(|shell| {
        let (job, heard) = sleeper(shell, "job")?;
        shell.terminal.line(&format!("listen | {job} &"))?;
        heard.recv_timeout(PATIENCE).context("the job does not begin")?;
        shell.terminal.line("let shown = 12345")?;
        shell.terminal.line("watch 1ms $shown")?;
        shell.terminal.wait_for("12345\r\n12345")?;
        // Ctrl-S, and Ctrl-Q once it has ended.
        shell.terminal.keys("\x13")?;
        shell.signal("-TERM")?;
        heard.recv_timeout(PATIENCE).context("it goes on")?;
        shell.terminal.keys("\x11")?;
        shell.check(143)
    });
}

#[test]
fn a_suspended_line_is_there_again_and_echoes_once() {
    checked(|shell| {
        shell.terminal.keys("@nobody hi\x1b[D")?;
        shell.terminal.wait_until("it is typed", |screen| screen.cursor_row().ends_with("@nobody hi"))?;
        for suspend in ["\x1a", ""] {
            if suspend.is_empty() {
                shell.signal("-TSTP")?;
            } else {
                shell.terminal.keys(suspend)?;
            }
            shell.at_prompt()?;
            shell.is_sane()?;
            shell.terminal.line("fg")?;
            shell.terminal.wait_until("the line is there", |screen| {
                screen.cursor_row().contains("● @nobody h") && screen.cursor_row().ends_with('i')
            })?;
        }
        // The cursor is where it was.
        shell.terminal.keys("XY")?;
        shell
            .terminal
            .wait_until("the rest is typed", |screen| screen.cursor_row().ends_with("● @nobody hXYi"))?;
        shell.terminal.keys("\r")?;
        shell.terminal.wait_until("it is carried out", |screen| screen.cursor_row().ends_with('●'))?;
        let lines = shell.terminal.emulator.lines();
        let echoes = lines.iter().filter(|line| line.contains("hXYi")).count();
        ensure!(echoes == 1, "the line stands there {echoes} times:\n{}", lines.join("\n"));
        shell.terminal.keys("\x04")?;
        shell.check(0)
    });
}

#[test]
fn a_command_can_be_suspended() {
    checked(|shell| {
        shell.terminal.line("ping -n 100000 --interval 50ms")?;
        shell.terminal.wait_for("pong from")?;
        shell.terminal.keys("\x1a")?;
        shell.at_prompt()?;
        shell.is_sane()?;
        shell.terminal.line("fg")?;
        shell.terminal.wait_for("REPL")?;
        shell.terminal.wait_for("pong from")?;
        shell.terminal.keys("\x03")?;
        shell.terminal.wait_until("the prompt is back", |screen| screen.cursor_row().ends_with('●'))?;
        shell.terminal.keys("\x04")?;
        shell.check(0)
    });
}

#[test]
fn a_filter_that_does_not_end_can_be_interrupted() {
    // Somebody who does not answer pings while the test looks elsewhere.
    let gateway = Gateway::configured("heartbeat = { interval = \"10m\", timeout = \"20m\" }")
        .unwrap_or_else(|error| panic!("{error}"));
    let outcome = Shell::start(&gateway.url()).and_then(|mut shell| {
        let mut bob = Peer::join(gateway.address(), "bob")?;
        for (service, way) in [("one", "| jq"), ("two", "--jq")] {
            bob.ask(&format!(r#"{{"type":"SERVICE_CREATE","service":"{service}"}}"#))?;
            bob.ask(&format!(r#"{{"type":"SELF_SUBSCRIBE","service":"{service}"}}"#))?;
            let filter = "if .data then def f: f; f else . end";
            shell.terminal.line(&format!("listen {service} {way} '{filter}'"))?;
            bob.see_subscription(NAME)?;
            bob.send(&format!(r#"{{"type":"SERVICE","service":"{service}"}}"#), "true")?;
            shell.terminal.keys("\x03")?;
            shell.terminal.wait_until("the prompt is back", |screen| screen.cursor_row().ends_with('●'))?;
        }
        let lines = shell.terminal.emulator.lines().join("\n");
        ensure!(!lines.contains("jq: the filter"), "it ended by itself:\n{lines}");
        shell.terminal.line("version")?;
        shell.terminal.wait_for("protocol")?;
        shell.terminal.keys("\x04")?;
        shell.check(0)
    });
    outcome.unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn keys_that_are_typed_ahead_are_kept() {
    checked(|shell| {
        // Right behind Ctrl-C, at the prompt and while a command runs.
        shell.terminal.keys("dropped\x03@one x\r")?;
        shell.terminal.wait_for("no client is named \"one\"")?;
        shell.terminal.line("ping -n 100000 --interval 60s")?;
        shell.terminal.wait_for("pong from")?;
        shell.terminal.keys("\x03@two x\r")?;
        shell.terminal.wait_for("no client is named \"two\"")?;
        // Ctrl-D, while a command runs.
        shell.terminal.line("ping -n 2 --interval 1ms")?;
        shell.terminal.keys("\x04")?;
        shell.check(0)
    });
}

#[test]
fn a_terminal_that_goes_away_ends_the_repl() {
    let gateway = Gateway::start();
    let outcome = Seat::take(Setup::default(), &gateway.url()).and_then(|mut seat| {
        seat.type_after("", "half a li")?;
        seat.terminal.hang_up();
        let status = seat.terminal.wait()?;
        ensure!(status.code() == Some(129), "it ended with {status}");
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn what_has_no_shell_behind_it_is_not_suspended() {
    let gateway = Gateway::start();
    let outcome = Seat::take(Setup::default(), &gateway.url()).and_then(|mut seat| {
        seat.type_after("", "half")?;
        seat.press("\x1a", "half")?;
        seat.type_after("half", " more")?;
        seat.terminal.signal(Signal::TSTP)?;
        seat.type_after("half more", "!")?;
        seat.press("\x15", "")?;
        seat.terminal.keys("\x04")?;
        ensure!(seat.terminal.wait()?.success());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error:#}"));
}
