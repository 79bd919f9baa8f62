//! The gateway's secret is nowhere but on the wire: not in arguments, on a screen, in a history, in a log, or in the environment
//! of other programs, wherever it came from and whatever goes wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::gateway::GatewayProcess;
use support::shell::Shell;
use support::terminal::Setup;

/// What is searched for. It is one letter or another in no encoding but these.
const SECRET: &str = "canary-7f3e9c-sesame";
/// The same as Base64 writes it, without its last letters, which depend on what follows.
const BASE64: &str = "Y2FuYXJ5LTdmM2U5Yy1zZXNhb";
/// The same in hexadecimal digits.
const HEX: &str = "63616e6172792d3766336539632d736573616d65";

fn clean(bytes: &[u8], what: &str) {
    let text = String::from_utf8_lossy(bytes);
    for form in [SECRET, BASE64, HEX, "canary-7f"] {
        assert!(!text.contains(form), "the secret is in {what}:\n{text}");
    }
}

fn clean_output(output: &Output, what: &str) {
    clean(&output.stdout, &format!("the output of {what}"));
    clean(&output.stderr, &format!("the errors of {what}"));
}

/// Everything below a folder, but for the file that holds the secret.
fn clean_folder(folder: &Path, keeper: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            clean_folder(&path, keeper);
        } else if path.is_file() && path != keeper {
            clean(&fs::read(&path).unwrap(), &path.display().to_string());
        }
    }
}

/// A gateway that asks for the secret and logs all it can, and a shell that knows it.
struct Vault {
    gateway: GatewayProcess,
    shell: Shell,
    keeper: PathBuf,
}

/// How a command learns the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Variable,
    VariableOfFile,
    Flag,
}

impl Source {
    const ALL: [Self; 3] = [Self::Variable, Self::VariableOfFile, Self::Flag];
}

impl Vault {
    fn new(source: Source, secret: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("gateway");
        write_private(&key, SECRET);
        let gateway =
            GatewayProcess::start(&["--secret-file", key.to_str().unwrap(), "--log", "trace"]).unwrap();
        let shell = Shell::at(&gateway.url()).unwrap();
        let keeper = shell.home().join("keeper");
        write_private(&keeper, secret);
        let shell = shell.with("RUST_LOG", "trace").with("RUST_BACKTRACE", "full");
        let shell = match source {
            Source::Variable => shell.with("CONCIERGE_SECRET", secret),
            Source::VariableOfFile => shell.with("CONCIERGE_SECRET_FILE", keeper.to_str().unwrap()),
            Source::Flag => shell,
        };
        Self { gateway, shell, keeper }
    }

    /// The arguments with the flag before them that names the file, where it comes by that.
    fn arguments<'a>(&'a self, source: Source, arguments: &[&'a str]) -> Vec<&'a str> {
        let flag = ["--secret-file", self.keeper.to_str().unwrap()];
        let flag = if source == Source::Flag { &flag[..] } else { &[] };
        [flag, &["-v"], arguments].concat()
    }
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, format!("{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What connects, and what only talks.
const COMMANDS: &[&[&str]] = &[
    &["whoami"],
    &["whoami", "--json"],
    &["clients", "ls", "-o", "ndjson"],
    &["services", "ls", "-o", "tsv"],
    &["services", "create", "chat"],
    &["send", "all", "hi"],
    &["send", "nobody", "hi"],
    &["ping", "-o", "raw"],
    &["listen", "--for", "1ms"],
    &["events", "--for", "1ms"],
    &["bench", "request", "--for", "10ms", "--rate", "100"],
    &["doctor"],
    &["doctor", "--json"],
    &["hold", "ls"],
    &["--help"],
    &["version"],
    &["nonsense"],
    &["--timeout", "nonsense", "whoami"],
    &["--url", "ws://127.0.0.1:1/ws", "whoami"],
    &["--name", "no name", "whoami"],
];

#[test]
fn the_secret_is_in_no_output_and_in_no_log() {
    for source in Source::ALL {
        let mut vault = Vault::new(source, SECRET);
        for command in COMMANDS {
            let arguments = vault.arguments(source, command);
            clean_output(&vault.shell.run(&arguments).unwrap(), &format!("{arguments:?}"));
        }
        let arguments = vault.arguments(source, &["whoami"]);
        assert_eq!(
            vault.shell.run(&arguments).unwrap().status.code(),
            Some(0),
            "{source:?}: it is the right one"
        );
        let script = vault.shell.run_with_input(
            &vault.arguments(source, &["run", "--keep-going", "-"]),
            b"whoami\nserver\nclients ls\nnonsense\nsend nobody hi\nhelp\nvars\nlet x = 1\n$x | jq env\njobs\n",
        );
        clean_output(&script.unwrap(), "a script");
        clean_folder(vault.shell.home(), &vault.keeper);
        vault.gateway.program.signal(Signal::TERM).unwrap();
        vault.gateway.program.wait().unwrap();
        let account = vault.gateway.program.account();
        assert!(account.contains("TRACE") || account.contains("DEBUG"), "it logs all it can: {account}");
        clean(account.as_bytes(), "the gateway's log");
    }
}

#[test]
fn a_secret_that_is_refused_is_in_no_error() {
    for source in Source::ALL {
        // The gateway's own is another one.
        let wrong = format!("{SECRET}-but-wrong");
        let mut vault = Vault::new(source, &wrong);
        for command in [&["whoami"][..], &["whoami", "--json"], &["send", "all", "hi"], &["run", "-"]] {
            let arguments = vault.arguments(source, command);
            let output = vault.shell.run(&arguments).unwrap();
            assert_eq!(output.status.code(), Some(4), "{arguments:?}: {output:?}");
            clean_output(&output, &format!("{arguments:?}"));
        }
        vault.gateway.program.signal(Signal::TERM).unwrap();
        vault.gateway.program.wait().unwrap();
        clean(vault.gateway.program.account().as_bytes(), "the gateway's log");
    }
}

#[test]
fn a_file_of_secrets_that_will_not_do_is_not_repeated() {
    let vault = Vault::new(Source::Flag, SECRET);
    let arguments = vault.arguments(Source::Flag, &["whoami"]);
    let refused = |content: &[u8], mode: u32, part: &str| {
        fs::write(&vault.keeper, content).unwrap();
        fs::set_permissions(&vault.keeper, fs::Permissions::from_mode(mode)).unwrap();
        let output = vault.shell.run(&arguments).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(10), "{said}");
        assert!(said.contains(part), "{said}");
        clean_output(&output, part);
    };
    refused(SECRET.as_bytes(), 0o644, "others can read");
    refused(&[SECRET.as_bytes(), b"\xff\xfe"].concat(), 0o600, "UTF-8");
    refused(SECRET.repeat(10_000).as_bytes(), 0o600, "more than");
    refused(b"\n", 0o600, "empty");
    // A line too many is a part of it, and of no use to anybody.
    fs::write(&vault.keeper, format!("{SECRET}\nsecond line\n")).unwrap();
    clean_output(&vault.shell.run(&arguments).unwrap(), "two lines");
}

#[test]
fn the_secret_is_in_no_argument_of_a_running_command() {
    for source in Source::ALL {
        let vault = Vault::new(source, SECRET);
        let arguments = vault.arguments(source, &["-N", "ear", "services", "create", "chat", "--hold"]);
        let mut command = vault.shell.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        assert!(line.contains("chat"), "{line}");
        clean(&fs::read(format!("/proc/{}/cmdline", child.id())).unwrap(), "the arguments");
        if source != Source::Variable {
            clean(&fs::read(format!("/proc/{}/environ", child.id())).unwrap(), "the environment");
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        clean_output(&child.wait_with_output().unwrap(), "a held service");
    }
}

#[test]
fn the_secret_is_neither_on_the_screen_of_the_repl_nor_in_its_history() {
    for source in Source::ALL {
        let vault = Vault::new(source, SECRET);
        let arguments = vault.arguments(source, &["-N", "ear"]);
        let mut terminal = vault.shell.terminal(Setup::default(), &arguments).unwrap();
        terminal.wait_for("● ").unwrap();
        for (line, shown) in
            [("server", "program"), ("whoami", "nickname"), ("help", "commands"), ("nonsense", "hint")]
        {
            terminal.line(line).unwrap();
            terminal.wait_for(shown).unwrap();
            terminal.wait_for("● ").unwrap();
        }
        terminal.keys("\t\t").unwrap();
        terminal.wait_for("whoami").unwrap();
        terminal.line("exit").unwrap();
        assert_eq!(terminal.wait().unwrap().code(), Some(0));
        clean(terminal.written(), "the screen of the REPL");
        clean_folder(vault.shell.home(), &vault.keeper);
        let history = vault.shell.home().join("state/concierge/history");
        let file = fs::read_dir(&history).unwrap().next().expect("there is a history").unwrap().path();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "it is private");
        assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o700, "so is its folder");
        assert!(fs::read_to_string(&file).unwrap().contains("whoami"), "and it has what was typed");
    }
}

#[test]
fn other_programs_are_not_told_the_secret() {
    let vault = Vault::new(Source::Variable, SECRET);
    let script = b"!env\n!cat /proc/self/environ\nversion | env\nlet x = !env\n$x\n";
    let arguments = vault.arguments(Source::Variable, &["run", "--allow-shell", "-"]);
    let output = vault.shell.run_with_input(&arguments, script).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("CONCIERGE_URL="), "{output:?}");
    clean_output(&output, "other programs");
}

#[test]
fn a_session_in_the_background_keeps_the_secret_to_itself() {
    for source in Source::ALL {
        let mut vault = Vault::new(source, SECRET);
        let run = |arguments: &[&str]| {
            let arguments = vault.arguments(source, arguments);
            let output = vault.shell.run(&arguments).unwrap();
            assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
            clean_output(&output, &format!("{arguments:?}"));
            output.stdout
        };
        run(&["hold", "bot", "--json"]);
        let status: serde_json::Value =
            serde_json::from_slice(&run(&["hold", "--status", "bot", "--json"])).unwrap();
        let process = status["pid"].as_u64().unwrap();
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{process}/{file}")).unwrap();
            clean(&bytes, &format!("the {file} of the session"));
        }
        let plain = |arguments: &[&str]| {
            let output = vault.shell.run(&[&["-v", "--session", "bot"], arguments].concat()).unwrap();
            clean_output(&output, &format!("{arguments:?} on a session"));
        };
        for command in [&["whoami"][..], &["services", "create", "chat"], &["send", "nobody", "hi"]] {
            plain(command);
        }
        clean_folder(vault.shell.home(), &vault.keeper);
        run(&["hold", "--stop", "bot"]);
        clean_folder(vault.shell.home(), &vault.keeper);
        vault.gateway.program.signal(Signal::TERM).unwrap();
        vault.gateway.program.wait().unwrap();
        clean(vault.gateway.program.account().as_bytes(), "the gateway's log");
    }
}
