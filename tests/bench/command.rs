//! What the command costs: starting it for one thing, and listening to a stream in each format.
//!
//! `cargo bench -p concierge-bench --bench command`; `-- --once` does everything once and small, checking counts and no figures.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark is run by a person, who reads what it prints and whom a panic tells enough"
)]

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use support::gateway::GatewayProcess;
use support::raw::{Frame, RawSocket};
use support::shell::Shell;

/// How many messages are on their way at a time.
const AT_ONCE: usize = 200;

/// How long a command may take to end once everything was sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long one that has lost messages has for each batch of others.
const BETWEEN: Duration = Duration::from_millis(10);

/// How much is tried.
struct Plan {
    /// Runs of each command.
    runs: usize,
    /// Messages in each format.
    messages: usize,
}

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let plan =
        if once { Plan { runs: 1, messages: 2 * AT_ONCE } } else { Plan { runs: 50, messages: 100_000 } };
    let place = tempfile::tempdir().unwrap();
    let gateway = start_gateway(place.path());
    let shell = Shell::at(&gateway.url()).unwrap();
    println!("{} runs of each: median (most)", plan.runs);
    for arguments in [&["version"][..], &["whoami"], &["clients", "ls"]] {
        start(&plan, &shell, arguments);
    }
    println!("listen, {} messages to a file", plan.messages);
    let mut talker = RawSocket::identified(gateway.address(), "talker", "\"PRESENCE\"").unwrap();
    for format in ["ndjson", "human", "raw", "tsv"] {
        listen(&plan, &shell, &mut talker, &place.path().join(format), format);
    }
}

/// A gateway that keeps whatever a client has not read yet, and does not mind silent ones.
fn start_gateway(place: &Path) -> GatewayProcess {
    let config = place.join("gateway.toml");
    let text = "[heartbeat]\ninterval = \"1h\"\ntimeout = \"2h\"\n[limits]\noutbox_bytes = \"1GiB\"\n\
                outbox_payloads = \"unlimited\"\noutbox_total_bytes = \"unlimited\"\n";
    std::fs::write(&config, text).unwrap();
    GatewayProcess::start(&["--config", config.to_str().unwrap()]).unwrap()
}

/// Runs a command again and again, each time from nothing.
fn start(plan: &Plan, shell: &Shell, arguments: &[&str]) {
    let (mut cost, mut first, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let before = processor_time();
        let begun = Instant::now();
        let mut child = shell.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        first.push(begun.elapsed());
        stdout.read_to_end(&mut Vec::new()).unwrap();
        assert!(child.wait().unwrap().success());
        whole.push(begun.elapsed());
        cost.push(processor_time().saturating_sub(before));
    }
    let [cost, first, whole] = [cost, first, whole].map(Spread::of);
    println!("{:<12} processor {cost}   first output after {first}   end after {whole}", arguments.join(" "));
}

/// Sends as fast as the gateway takes it, to a command that listens and writes to a file.
fn listen(plan: &Plan, shell: &Shell, talker: &mut RawSocket, path: &Path, format: &str) {
    let count = plan.messages.to_string();
    let before = processor_time();
    let mut child = shell
        .command(&["-N", "ear", "-o", format, "listen", "-n", &count])
        .stdout(File::create(path).unwrap())
        .spawn()
        .unwrap();
    while !talker.read_text().unwrap().starts_with(r#"{"type":"CLIENT_JOINED""#) {}
    let begun = Instant::now();
    let data = r#"{"temperature":21.5,"sensor":"north wall","ok":true,"readings":[1,2,3]}"#;
    let message = format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"ear"}},"data":{data}}}"#);
    for _ in 0..plan.messages / AT_ONCE {
        say(talker, &message);
    }
    let (status, lost) = make_up(&mut child, talker, &message);
    assert!(status.success());
    let taken = begun.elapsed();
    let cost = processor_time().saturating_sub(before);
    let lines = BufReader::new(File::open(path).unwrap()).lines().count();
    assert!(
        lines >= plan.messages && (lost || lines == plan.messages),
        "a line for each message as {format}"
    );
    println!(
        "{format:<7} {:>8.0} messages/s, {:>5.2} µs of processor time each{}",
        plan.messages as f64 / taken.as_secs_f64(),
        cost.as_secs_f64() * 1e6 / plan.messages as f64,
        if lost { "; it was too slow, and lost some" } else { "" }
    );
}

/// Waits until the command has ended. One that was too slow has lost messages, and gets others for them.
fn make_up(child: &mut Child, talker: &mut RawSocket, message: &str) -> (ExitStatus, bool) {
    let mut lost = false;
    loop {
        let deadline = Instant::now() + if lost { BETWEEN } else { PATIENCE };
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().unwrap() {
                return (status, lost);
            }
            thread::sleep(Duration::from_millis(1));
        }
        lost = true;
        say(talker, message);
    }
}

/// Sends as many as are on their way at a time, and waits until each is answered.
fn say(talker: &mut RawSocket, message: &str) {
    talker.send_bytes(&Frame::text(message).encode().repeat(AT_ONCE)).unwrap();
    let mut answers = 0;
    while answers < AT_ONCE {
        answers += usize::from(talker.read_text().unwrap().starts_with(r#"{"seq":"#));
    }
}

/// What the children that have ended took of the processor, for themselves and within the system.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let taken = usage.user_time() + usage.system_time();
    Duration::from_micros(taken.num_microseconds().try_into().unwrap())
}

/// How times are spread.
struct Spread {
    median: Duration,
    most: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let middle = times.get(times.len() / 2);
        Self { median: *middle.unwrap(), most: *times.last().unwrap() }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most] = [self.median, self.most].map(|time| time.as_secs_f64() * 1000.0);
        write!(formatter, "{median:>5.1} ms ({most:>5.1})")
    }
}
