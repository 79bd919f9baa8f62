//! Somebody who reads a text and types what it shows: each command runs in a shell, in a home of its own, against a gateway
//! of the test.
//!
//! What a comment behind a command says is held to: `# until Ctrl-C` is a command that goes on until somebody has seen its
//! output and interrupts it, and `# exits with 6` is one that fails.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::application::KEY;
use crate::gateway::Gateway;
use crate::process::{Program, program};

/// Where texts say that a gateway is which is not on this machine. Nobody has this address: it is for documentation.
const ELSEWHERE: &str = "192.0.2.7:64209";

/// What belongs to a command that goes on.
const ENDLESS: &str = "# until Ctrl-C";

/// The file within a home that has the key of a web application.
const KEY_FILE: &str = "api.key";

/// The folder within a home where held sessions listen.
const RUNTIME: &str = "run";

/// The home of whoever types, and the gateway that is there.
#[derive(Debug)]
pub struct Reader {
    home: TempDir,
    path: String,
    address: String,
    application: Option<String>,
}

/// What a command wrote.
#[derive(Debug)]
pub struct Wrote {
    /// Its lines on the standard output.
    pub stdout: Vec<String>,
    /// Everything on the standard error.
    pub stderr: String,
}

impl Reader {
    /// A reader with an empty home, and this gateway. Where web applications may ask it, the reader has a key.
    ///
    /// # Errors
    ///
    /// When the programs are not there, or there is no room for a home.
    pub fn at(gateway: &Gateway) -> Result<Self> {
        let programs = program("concierge")?;
        let programs = programs.parent().context("the programs lie in no folder")?;
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let home = tempfile::tempdir()?;
        // As whoever logs people in makes it: private, and there before anybody runs a command.
        DirBuilder::new().mode(0o700).create(home.path().join(RUNTIME))?;
        let address = gateway.address().to_string();
        let application = gateway.application().map(|address| format!("http://{address}"));
        let reader = Self { home, path, address, application };
        reader.keep(KEY_FILE, KEY)?;
        Ok(reader)
    }

    /// Puts a file into the home, which only its owner can read.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn keep(&self, path: &str, text: &str) -> Result<()> {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("/")))?;
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// Types a command, and waits until it has ended as it should.
    ///
    /// # Errors
    ///
    /// When it does not, or panics.
    pub fn types(&self, line: &str) -> Result<Wrote> {
        let mut running = Program::start(line, &mut self.shell(line))?;
        let endless = line.contains(ENDLESS);
        if endless {
            running.next_line()?;
            running.signal(Signal::INT)?;
        }
        let status = running.wait()?;
        let code = line.split_once("# exits with ").map_or(0, |(_, code)| code.trim().parse().unwrap_or(-1));
        let as_it_should = status.code() == Some(code) || (endless && status.code() == Some(130));
        ensure!(as_it_should, "`{line}` ended with {status}{}", running.account());
        ensure!(!running.stderr().contains("panicked"), "`{line}` panicked{}", running.account());
        Ok(Wrote { stdout: running.heard().to_vec(), stderr: running.stderr() })
    }

    /// The line in a shell of this home. One that goes on takes the shell's place: it is the one to be interrupted.
    fn shell(&self, line: &str) -> Command {
        let mut text = line.replace(ELSEWHERE, &self.address);
        if line.starts_with("concierge-server ") || line.starts_with("concierge server ") {
            // The port that everybody would take is not a test's to take.
            text = text.replace(":64209", ":0");
        }
        if line.contains(ENDLESS) {
            text = format!("exec {text}");
        }
        let home = self.home.path();
        let mut shell = Command::new("sh");
        shell.args(["-c", &text]).current_dir(home).env_clear().process_group(0);
        shell.env("PATH", &self.path).env("HOME", home).env("USER", "reader");
        shell.env("XDG_RUNTIME_DIR", home.join(RUNTIME)).env("CONCIERGE_SERVER_BIND", "127.0.0.1:0");
        // A context that is current would be hidden by it.
        if !line.contains("context") {
            shell.env("CONCIERGE_URL", &self.address);
        }
        if let Some(application) = &self.application {
            shell.env("CONCIERGE_API", application).env("CONCIERGE_API_KEY_FILE", home.join(KEY_FILE));
        }
        shell
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // What was left in the background goes with the home.
        let stop = "concierge hold ls -o raw | while read -r name; do concierge hold --stop \"$name\"; done";
        let _none = self.shell(stop).output();
    }
}
