//! A program that answers: a message on its input, the answer on its output, and an end to both.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use concierge_client::payload::{Data, Origin, ServiceName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Child,
    time::timeout,
};

use super::answer::Outcome;
use crate::{
    failure::without_number,
    offspring::{self, Leash},
};

/// The longest answer, in bytes: what most gateways take at most.
const LONGEST: u64 = 1 << 20;

/// How much of what a program tells besides is passed on, in bytes.
const TOLD: u64 = 4096;

/// A program, its arguments, and how long it may take.
#[derive(Debug)]
pub(super) struct Program {
    path: String,
    arguments: Vec<String>,
    patience: Duration,
}

/// What came out of a program.
struct Written {
    status: ExitStatus,
    output: Vec<u8>,
    told: Vec<u8>,
}

/// Why there is nothing of a program.
enum Trouble {
    Io(io::Error),
    TooMuch,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Program {
    pub(super) fn new(path: &str, arguments: &[String], patience: Duration) -> Self {
        Self { path: path.to_owned(), arguments: arguments.to_vec(), patience }
    }

    /// Has a message answered. The second is what the program told besides.
    pub(super) async fn run(
        &self,
        body: &Data,
        origin: &Origin,
        service: &ServiceName,
    ) -> (Outcome, Option<String>) {
        let mut child = match self.start(origin, service) {
            Ok(child) => child,
            Err(error) => {
                let told = format!("cannot run {:?}", self.path);
                return (Err(format!("the program does not start: {}", without_number(&error))), Some(told));
            }
        };
        // Dropped before the child is: its number is its own until then.
        let group = Leash::default().hold(&child);
        match timeout(self.patience, exchange(&mut child, body)).await {
            Ok(Ok(written)) => {
                if let Some(group) = group {
                    group.release();
                }
                let told = String::from_utf8_lossy(&written.told).into_owned();
                (written.outcome(), (!told.is_empty()).then_some(told))
            }
            Ok(Err(Trouble::TooMuch)) => (Err(format!("the answer has more than {LONGEST} bytes")), None),
            Ok(Err(Trouble::Io(error))) => {
                (Err(format!("the program was lost: {}", without_number(&error))), None)
            }
            Err(_) => {
                (Err(format!("the program had no answer within {} s", self.patience.as_secs_f32())), None)
            }
        }
    }

    fn start(&self, origin: &Origin, service: &ServiceName) -> io::Result<Child> {
        let mut command = offspring::command(&self.path);
        command.args(&self.arguments).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("CONCIERGE_FROM_NAME", &*origin.name);
        command.env("CONCIERGE_FROM_UUID", origin.uuid.to_string());
        command.env("CONCIERGE_SERVICE", &**service);
        command.spawn()
    }
}

/// Writes the message, and reads everything until the program has ended.
async fn exchange(child: &mut Child, body: &Data) -> Result<Written, Trouble> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            let line = format!("{}\n", body.as_str());
            // One that does not read it all has read enough.
            let _ = stdin.write_all(line.as_bytes()).await;
        }
        Ok::<_, Trouble>(())
    };
    let tell = async {
        let mut told = Vec::new();
        if let Some(mut stderr) = stderr {
            (&mut stderr).take(TOLD).read_to_end(&mut told).await?;
            tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
        }
        Ok(told)
    };
    let ((), output, told) = tokio::try_join!(write, read(stdout), tell)?;
    let status = child.wait().await?;
    Ok(Written { status, output, told })
}

async fn read(stdout: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Trouble> {
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(LONGEST + 1).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > LONGEST { Err(Trouble::TooMuch) } else { Ok(output) }
}

impl Written {
    fn outcome(self) -> Outcome {
        match (self.status.code(), self.status.signal()) {
            (Some(0), _) => read_answer(self.output),
            (Some(code), _) => Err(format!("the program ended with status {code}")),
            (None, signal) => Err(format!("the program was ended by signal {}", signal.unwrap_or_default())),
        }
    }
}

/// JSON as it is, other text as a JSON string without the line end at its end; nothing is no answer.
fn read_answer(output: Vec<u8>) -> Outcome {
    let text = String::from_utf8(output).map_err(|_| "the answer is not UTF-8".to_owned())?;
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(data) = Data::from_json(text.trim()) {
        return Ok(Some(data));
    }
    let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    Data::from_value(text).map(Some).map_err(|error| format!("the answer is no text: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(output: &str) -> Option<String> {
        read_answer(output.as_bytes().to_vec()).unwrap().map(|data| data.as_str().to_owned())
    }

    #[test]
    fn json_is_the_answer_as_it_is_and_anything_else_is_text() {
        assert_eq!(answered("{\"n\": 1.10}\n").as_deref(), Some("{\"n\": 1.10}"));
        assert_eq!(answered("it is late\n").as_deref(), Some("\"it is late\""));
        assert_eq!(answered("{]\n\n").as_deref(), Some("\"{]\\n\""));
        assert_eq!(answered("\n").as_deref(), Some("\"\""));
        assert_eq!(answered(""), None);
        assert!(read_answer(vec![0xff]).is_err());
    }
}
