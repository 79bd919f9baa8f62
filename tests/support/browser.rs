//! A browser without a window, at one page: what somebody does there is done by scripts, over its protocol for that.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Program;
use crate::raw::RawSocket;

/// How long something on a page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page in a browser, for as long as this is there.
#[derive(Debug)]
pub struct Browser {
    devtools: RawSocket,
    asked: u64,
    /// The page, as the protocol calls it.
    session: Option<Value>,
    /// Before its home: it writes there until it is gone.
    _program: Program,
    _home: TempDir,
}

/// What there is of Chromium on this machine; where there is nothing, that is told.
#[expect(clippy::print_stdout, reason = "whoever runs the tests is told what was not tried")]
pub fn chromium() -> Option<Command> {
    let names = ["chromium-headless-shell", "chromium"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let Some(name) = names.into_iter().find(is_there) else {
        println!("SKIPPED (there is no Chromium on this machine)");
        return None;
    };
    let mut command = Command::new(name);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-port=0",
    ]);
    Some(command)
}

impl Browser {
    /// Opens a page; none where there is no browser.
    ///
    /// # Errors
    ///
    /// When the browser does not do as it is told.
    pub fn open(url: &str) -> Result<Option<Self>> {
        let Some(chromium) = chromium() else { return Ok(None) };
        let home = tempfile::tempdir()?;
        // It says on its stderr where it listens.
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(chromium.get_program()).args(chromium.get_args());
        shell.arg(format!("--user-data-dir={}", home.path().display())).arg("about:blank");
        shell.env("HOME", home.path());
        let mut program = Program::start("chromium", &mut shell)?;
        let line = program.wait_for_line("DevTools listening on ws://")?;
        let place = line.split_once("ws://").map(|(_, place)| place.trim()).unwrap_or_default();
        let (address, path) = place.split_once('/').with_context(|| format!("the line is {line:?}"))?;
        let address: SocketAddr = address.parse().with_context(|| format!("the line is {line:?}"))?;
        let devtools = RawSocket::upgraded_at(address, &format!("/{path}"))?;
        let mut browser = Self { devtools, asked: 0, session: None, _program: program, _home: home };
        let target = browser.ask("Target.createTarget", &json!({"url": url}))?;
        let target = at(&target, "/targetId");
        let attached = browser.ask("Target.attachToTarget", &json!({"targetId": target, "flatten": true}))?;
        browser.session = attached.get("sessionId").cloned();
        Ok(Some(browser))
    }

    /// Runs this script in the page once it is loaded.
    ///
    /// # Errors
    ///
    /// When it throws.
    pub fn run(&mut self, script: &str) -> Result<()> {
        self.until("document.readyState === 'complete'")?;
        let answer = self.ask("Runtime.evaluate", &json!({"expression": script}))?;
        match answer.get("exceptionDetails") {
            Some(details) => bail!("{script}: {details}"),
            None => Ok(()),
        }
    }

    /// Waits until this is true in the page.
    ///
    /// # Errors
    ///
    /// When it never is.
    pub fn until(&mut self, condition: &str) -> Result<()> {
        let script = format!(
            "new Promise((resolve) => {{
               const is = () => {{ try {{ return {condition}; }} catch {{ return false; }} }};
               const look = () => is() ? resolve(true) : setTimeout(look, 20);
               look();
             }})"
        );
        let params = json!({"expression": script, "awaitPromise": true});
        let deadline = Instant::now() + PATIENCE;
        // A page that is left takes what is asked of it along.
        while Instant::now() < deadline {
            match self.ask("Runtime.evaluate", &params) {
                Ok(answer) if at(&answer, "/result/value") == true => return Ok(()),
                Err(error) if error.to_string().starts_with("nothing came") => break,
                Ok(_) | Err(_) => {}
            }
        }
        let text = json!({"expression": "document.body.innerText"});
        let seen = self.ask("Runtime.evaluate", &text).map(|answer| at(&answer, "/result/value"));
        let seen = seen.unwrap_or_default();
        bail!("on the page it never was that {condition}; it shows {seen}")
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.asked += 1;
        let request = match &self.session {
            Some(session) => {
                json!({"id": self.asked, "method": method, "params": params, "sessionId": session})
            }
            None => json!({"id": self.asked, "method": method, "params": params}),
        };
        self.devtools.send_text(&request.to_string())?;
        loop {
            let said: Value = serde_json::from_str(&self.devtools.read_text()?)?;
            if at(&said, "/id") != self.asked {
                continue;
            }
            return match said.get("error") {
                Some(error) => bail!("{method}: {error}"),
                None => Ok(at(&said, "/result")),
            };
        }
    }
}

/// What is there; `null` where nothing is.
fn at(value: &Value, pointer: &str) -> Value {
    value.pointer(pointer).cloned().unwrap_or_default()
}
