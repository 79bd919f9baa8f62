//! A conversation between programs that know nothing of each other: the gateway as it is released, the Rust chat service, a
//! person at a terminal, and clients in Python and JavaScript that were written from the protocol alone.
//!
//! Each checks what it receives, to the byte where the protocol says so; nobody sleeps, everybody waits for what is due.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use support::gateway::GatewayProcess;
use support::process::{Program, command, program};
use support::terminal::Terminal;

/// Starts a peer; `interpreter` can be given by a variable of the environment.
fn peer(name: &str, variable: &str, interpreter: &str, script: &str, url: &str) -> Result<Program> {
    let interpreter = std::env::var_os(variable).unwrap_or_else(|| interpreter.into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let mut command = Command::new(&interpreter);
    Program::start(name, command.arg(&script).arg(url))
        .with_context(|| format!("the {name} peer needs {}: tests/run installs it", interpreter.display()))
}

fn converse() -> Result<()> {
    let mut gateway = GatewayProcess::start(&[])?;
    let url = gateway.url();
    let mut chat = command("examples/chat_service")?;
    let mut chat = Program::start("the chat service", chat.env("CONCIERGE_URL", &url))?;
    chat.wait_for_line("ready")?;

    let mut keyboard = Terminal::start(&program("concierge")?, &["--url", &url, "--name", "keyboard"])?;
    keyboard.wait_for("keyboard@")?;
    keyboard.line("services ls")?;
    keyboard.wait_for("chat")?;

    // Python opens a service, JavaScript uses it; the person sees them come.
    let mut python = peer("Python", "CONCIERGE_PYTHON", "python3", "python/conversation.py", &url)?;
    python.wait_for_line("opened clock")?;
    keyboard.wait_for("python (Пайтон) joined")?;
    keyboard.wait_for("#clock opened")?;
    let mut javascript = peer("JavaScript", "CONCIERGE_NODE", "node", "javascript/conversation.js", &url)?;
    keyboard.wait_for("javascript joined")?;
    keyboard.wait_for("hello from Python")?;
    keyboard.wait_for("hello from JavaScript")?;

    // What the person types reaches them byte for byte.
    keyboard.wait_for("your turn")?;
    keyboard.line("listen chat")?;
    keyboard.line(r#"#chat {"text":"hello from the keyboard"}"#)?;
    chat.wait_for_line(r#"keyboard: "hello from the keyboard""#)?;
    keyboard.wait_for(r#""from":"keyboard""#)?;
    keyboard.line(r#"@python {"typed":"by hand","n":1.50}"#)?;
    keyboard.line(r#"send all {"text":"hello from a person"}"#)?;
    keyboard.wait_for("hello from a person")?;
    python.wait_for_line("heard the keyboard")?;

    // Everybody leaves, and it ends well for each.
    keyboard.wait_for("#clock deleted")?;
    keyboard.wait_for("python (Пайтон) left")?;
    keyboard.wait_for("javascript left")?;
    python.wait_for_line("left")?;
    python.wait_for_success()?;
    javascript.wait_for_line("left")?;
    javascript.wait_for_success()?;
    // Ctrl-D, at the prompt: while a command runs it would belong to that.
    keyboard.line("services ls")?;
    keyboard.wait_for("chat_service")?;
    keyboard.wait_for("keyboard@")?;
    keyboard.keys("\x04")?;
    ensure!(keyboard.wait()?.success(), "the REPL did not end with 0");
    chat.signal(Signal::INT)?;
    chat.wait_for_success()?;
    gateway.program.signal(Signal::TERM)?;
    gateway.program.wait_for_success()?;
    let complaints = gateway.program.stderr();
    ensure!(!complaints.contains("panicked"), "the gateway complained:\n{complaints}");
    Ok(())
}

#[test]
#[ignore = "needs the Python and JavaScript peers: tests/run runs it"]
fn programs_that_know_nothing_of_each_other_converse() {
    if let Err(error) = converse() {
        panic!("{error:#}");
    }
}
