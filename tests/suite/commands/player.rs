//! Plays a transcript: a gateway with bob and alice on it, a shell, and the lines one after the other.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::gateway::Gateway;
use support::peer::Peer;
use support::shell::Shell;
use support::terminal::Setup;

use super::script::{Deed, Stage, Step, parse, render};
use super::settled::settled;

/// Who is there, and where.
struct World {
    bob: Option<Peer>,
    alice: Option<Peer>,
    gateway: Option<Gateway>,
    shell: Shell,
    _locked: Gateway,
    _silent: TcpListener,
}

impl World {
    fn new() -> Self {
        let patience = "heartbeat = { interval = \"10m\", timeout = \"20m\" }\nshutdown_timeout = \"100ms\"";
        let gateway = Gateway::configured(patience).unwrap();
        let mut alice = Peer::join(gateway.address(), "alice").unwrap();
        let fields = r#""name":"bob","nickname":"Bobby","tags":["friend","bot"]"#;
        let mut bob = Peer::identify(gateway.address(), fields).unwrap();
        bob.ask(r#"{"type":"SERVICE_CREATE","service":"chat","nickname":"The chat"}"#).unwrap();
        bob.ask(r#"{"type":"SELF_SUBSCRIBE","service":"chat"}"#).unwrap();
        alice.ask(r#"{"type":"SERVICE_CREATE","service":"söö x"}"#).unwrap();
        alice.ask(r#"{"type":"SELF_SUBSCRIBE","service":"chat"}"#).unwrap();
        let locked = Gateway::configured("secret = \"sesame\"").unwrap();
        // It takes connections, and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let shell = Shell::at(&gateway.url())
            .unwrap()
            .with("LOCKED", &locked.url())
            .with("SILENT", &format!("ws://{}/ws", silent.local_addr().unwrap()))
            .with("NOBODY", &format!("ws://{nobody}/ws"));
        Self {
            bob: Some(bob),
            alice: Some(alice),
            gateway: Some(gateway),
            shell,
            _locked: locked,
            _silent: silent,
        }
    }

    fn run(&mut self, step: &Step) -> String {
        if let Some(bob) = &mut self.bob {
            // Passes over whoever came before.
            bob.ask(r#"{"type":"SELF_FETCH"}"#).unwrap();
        }
        let (stdout, stderr, code) = match step.stage {
            Stage::Pipes => self.on_pipes(step),
            Stage::Terminal => self.on_a_terminal(step, Setup::default()),
            Stage::Coloured => self.on_a_terminal(step, Setup::default().without("NO_COLOR")),
        };
        let home = self.shell.home().to_string_lossy().into_owned();
        render(&settled(&stdout, &home), &settled(&stderr, &home), code)
    }

    fn on_pipes(&mut self, step: &Step) -> (String, String, i32) {
        let mut command = self.shell.line(&step.line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        for deed in &step.deeds {
            if let Deed::Input(line) = deed {
                // It may end without reading it.
                let _unread = writeln!(input, "{line}");
            }
        }
        drop(input);
        for deed in &step.deeds {
            self.carry_out(deed, Some(&child));
        }
        let output = child.wait_with_output().unwrap();
        if let (Some(Deed::Signal(_)), Some(bob)) = (step.deeds.last(), &mut self.bob) {
            // It did not say goodbye: its name is free once the gateway has noticed.
            bob.hear("CLIENT_LEFT", "\"name\":\"ear\"").unwrap();
        }
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), code(output.status))
    }

    fn on_a_terminal(&mut self, step: &Step, setup: Setup) -> (String, String, i32) {
        let mut terminal = self.shell.terminal_line(setup.size(50, 100), &step.line).unwrap();
        for deed in &step.deeds {
            match deed {
                Deed::Input(line) => terminal.line(line).unwrap(),
                other => self.carry_out(other, None),
            }
        }
        let status = terminal.wait().unwrap();
        let text = String::from_utf8(terminal.written().to_vec()).unwrap();
        (text.replace("\r\n", "\n"), String::new(), code(status))
    }

    fn carry_out(&mut self, deed: &Deed, child: Option<&Child>) {
        let bob = self.bob.as_mut().expect("nothing is asked of bob after the gateway has stopped");
        match deed {
            Deed::Input(_) => {}
            Deed::Joined(name) => bob.see_join(name).unwrap(),
            Deed::Subscribed(name) => bob.see_subscription(name).unwrap(),
            Deed::Message(data) => bob.send_to("ear", data).unwrap(),
            Deed::Announcement(data) => bob.send(r#"{"type":"SERVICE","service":"chat"}"#, data).unwrap(),
            Deed::Signal(name) => {
                let signal = match name.as_str() {
                    "HUP" => Signal::HUP,
                    "INT" => Signal::INT,
                    "TERM" => Signal::TERM,
                    other => panic!("{other:?} is no signal of a transcript"),
                };
                kill_process(Pid::from_child(child.expect("signals are for pipes")), signal).unwrap();
            }
            Deed::Stop => {
                (self.bob, self.alice) = (None, None);
                self.gateway = None;
            }
        }
    }
}

/// The exit code as a shell has it, also of what a signal ended.
fn code(status: ExitStatus) -> i32 {
    let killed = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(killed).expect("it ended with a code or by a signal")
}

/// Whether transcripts are written anew: then nothing can be said about them.
pub(super) fn is_writing() -> bool {
    std::env::var_os("CONCIERGE_GOLDEN").is_some_and(|wish| wish == "write")
}

/// Plays a transcript, and fails when anything else came of it than is written there.
pub(super) fn play(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let steps = parse(&text);
    assert!(!steps.is_empty(), "{} has no steps", path.display());
    let mut world = World::new();
    let played: Vec<_> = steps.iter().map(|step| step.head.clone() + &world.run(step)).collect();
    let played = played.join("\n");
    if is_writing() {
        std::fs::write(path, played).unwrap();
        return;
    }
    if let Some((number, (written, now))) =
        text.lines().zip(played.lines()).enumerate().find(|(_, (written, now))| written != now)
    {
        panic!(
            "{}, line {}:\n  written: {written}\n  now:     {now}\n\nall of it now:\n{played}\n\nCONCIERGE_GOLDEN=write writes it anew",
            path.display(),
            number + 1
        );
    }
    assert_eq!(text, played, "{}", path.display());
}
