//! Jobs, and the programs that scripts start: they end when they are to, whatever they do meanwhile.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use concierge_client::{Event, Target};
use rustix::process::{Pid, Signal, kill_process};

use crate::gateway::{Gateway, Outcome, Peer, program};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that reads nothing and does not end, and one that it has started: as long as either runs, a pipe is open.
const SLEEPER: &str = "exec 9> \"$1\"\nsleep 1000\ntrue\n";

/// One that does not end when it is asked to, either.
const STUBBORN: &str = "trap '' TERM\n. \"$(dirname \"$0\")/sleeper\"\n";

/// A program whose file is there when it has read everything, and ended by itself.
const SAVER: &str = "cat > \"$1.part\"\nmv \"$1.part\" \"$1\"\n";

/// Where sleepers are, each with its pipe.
struct Sleepers {
    folder: tempfile::TempDir,
}

/// A sleeper that is waited for.
struct Sleeper {
    started: Receiver<()>,
    ended: Receiver<()>,
}

impl Sleepers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("sleeper", SLEEPER), ("stubborn", STUBBORN), ("saver", SAVER)] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command of a shell that starts one, and how to wait for it.
    fn one(&self, name: &str) -> (String, Sleeper) {
        self.one_that_is("sleeper", name)
    }

    fn one_that_is(&self, kind: &str, name: &str) -> (String, Sleeper) {
        let pipe = self.path(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let command = format!("sh {} {}", self.path(kind).display(), pipe.display());
        let ((start, started), (end, ended)) = (channel(), channel());
        thread::spawn(move || {
            let mut pipe = File::open(pipe).unwrap();
            // Whoever waited may have failed.
            let _ = start.send(());
            pipe.read_to_end(&mut Vec::new()).unwrap();
            let _ = end.send(());
        });
        (command, Sleeper { started, ended })
    }
}

impl Sleeper {
    fn has_started(&self) {
        self.started.recv_timeout(PATIENCE).expect("it starts");
    }

    fn has_ended(&self) {
        self.ended.recv_timeout(PATIENCE).expect("it ends, and so does what it has started");
    }
}

/// A script that is typed line by line.
struct Typed {
    child: Child,
    stdin: ChildStdin,
}

impl Typed {
    fn start(gateway: &Gateway) -> Self {
        let mut child = program()
            .args(["-N", "typist", "run", "-", "--allow-shell"])
            .env("CONCIERGE_URL", &gateway.url)
            // As few as there may be: it takes no more than that many jobs to hold all of them.
            .env("TOKIO_WORKER_THREADS", "2")
            // As `timeout` and the like do it, whether or not the tests run at a terminal.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        Self { child, stdin }
    }

    fn line(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts jobs whose programs do not read, and has them filled: more is written to each than its pipe takes.
fn fill(typed: &mut Typed, sleepers: &Sleepers, bob: &mut Peer<'_>) -> Vec<Sleeper> {
    let sleepers: Vec<_> = (0..3)
        .map(|number| {
            let (command, sleeper) = sleepers.one(&number.to_string());
            typed.line(&format!("listen | {command} &"));
            sleeper.has_started();
            sleeper
        })
        .collect();
    typed.line("@bob ready");
    assert_eq!(bob.next_data(), "\"ready\"");
    bob.wait(async {
        for _ in 0..4 {
            bob.client.to("typist").json(&"x".repeat(100_000)).await.unwrap();
        }
    });
    sleepers
}

#[test]
fn jobs_whose_programs_do_not_read_hold_up_nothing_and_can_be_stopped() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let places = Sleepers::new();
    let mut typed = Typed::start(&gateway);
    let sleepers = fill(&mut typed, &places, &mut bob);
    typed.line("@bob still here");
    assert_eq!(bob.next_data(), "\"still here\"");
    typed.line("stop all");
    sleepers.iter().for_each(Sleeper::has_ended);
    typed.line("@bob at last");
    assert_eq!(bob.next_data(), "\"at last\"");
}

#[test]
fn a_script_whose_jobs_are_stuck_can_be_terminated() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let places = Sleepers::new();
    let mut typed = Typed::start(&gateway);
    let sleepers = fill(&mut typed, &places, &mut bob);
    typed.signal(Signal::TERM);
    sleepers.iter().for_each(Sleeper::has_ended);
    assert_eq!(typed.child.wait().unwrap().code(), Some(143));
}

#[test]
fn nothing_outlives_a_script_that_a_signal_ends() {
    let gateway = Gateway::start();
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let places = Sleepers::new();
        let mut typed = Typed::start(&gateway);
        let (command, job) = places.one("job");
        typed.line(&format!("listen | {command} &"));
        job.has_started();
        let (command, front) = places.one("front");
        typed.line(&format!("!{command}; true"));
        front.has_started();
        typed.signal(signal);
        job.has_ended();
        front.has_ended();
        assert_eq!(typed.child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn what_is_stuck_in_front_can_be_terminated() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let places = Sleepers::new();
    let mut typed = Typed::start(&gateway);
    let (command, front) = places.one("front");
    typed.line(&format!("listen | {command}; true"));
    front.has_started();
    bob.wait(async {
        for _ in 0..4 {
            bob.client.to("typist").json(&"x".repeat(100_000)).await.unwrap();
        }
    });
    typed.signal(Signal::TERM);
    front.has_ended();
    assert_eq!(typed.child.wait().unwrap().code(), Some(143));
}

#[test]
fn jobs_end_with_their_script() {
    let gateway = Gateway::start();
    let places = Sleepers::new();
    let mut typed = Typed::start(&gateway);
    let (command, job) = places.one("job");
    typed.line(&format!("listen | {command} &"));
    job.has_started();
    typed.line("exit");
    job.has_ended();
    assert_eq!(typed.child.wait().unwrap().code(), Some(0));
}

/// A script with a job that saves what it is given, and how many lines that is: all of them have come.
fn saving<'a>(gateway: &'a Gateway, places: &Sleepers) -> (Typed, Peer<'a>, usize) {
    let mut bob = gateway.peer("bob");
    let mut typed = Typed::start(gateway);
    let (program, file) = (places.path("saver"), places.path("saved"));
    typed.line(&format!("listen -o raw | sh {} {} &", program.display(), file.display()));
    typed.line("@bob ready");
    assert_eq!(bob.next_data(), "\"ready\"");
    let count = 1000;
    bob.wait(async {
        for number in 0..count {
            bob.client.to("typist").json(&number).await.unwrap();
        }
    });
    // What its answer comes behind is there.
    typed.line("@bob all there");
    assert_eq!(bob.next_data(), "\"all there\"");
    (typed, bob, count)
}

#[test]
fn a_job_that_is_stopped_writes_all_that_it_was_given() {
    let gateway = Gateway::start();
    let places = Sleepers::new();
    let (mut typed, mut bob, count) = saving(&gateway, &places);
    typed.line("stop 1");
    typed.line("@bob stopped");
    assert_eq!(bob.next_data(), "\"stopped\"");
    assert_eq!(fs::read_to_string(places.path("saved")).unwrap().lines().count(), count);
}

/// All is saved by a job of a script that is ended like this, which ends with this code.
fn all_is_saved(end: impl FnOnce(&mut Typed), code: i32) {
    let gateway = Gateway::start();
    let places = Sleepers::new();
    let (mut typed, _bob, count) = saving(&gateway, &places);
    end(&mut typed);
    assert_eq!(typed.child.wait().unwrap().code(), Some(code));
    let saved = fs::read_to_string(places.path("saved"));
    assert_eq!(saved.map(|saved| saved.lines().count()).ok(), Some(count), "{code}");
}

#[test]
fn jobs_write_all_that_they_were_given_when_the_script_ends() {
    all_is_saved(|typed| typed.line("exit"), 0);
    all_is_saved(|typed| typed.line("nonsense"), 2);
    all_is_saved(|typed| typed.signal(Signal::TERM), 143);
    all_is_saved(|typed| typed.signal(Signal::INT), 130);
}

#[test]
fn programs_of_jobs_that_want_no_end_are_ended() {
    let gateway = Gateway::start();
    let places = Sleepers::new();
    let mut typed = Typed::start(&gateway);
    let mut start = |name| {
        let (command, job) = places.one_that_is("stubborn", name);
        typed.line(&format!("listen | {command} &"));
        job.has_started();
        job
    };
    let (stopped, others) = (start("first"), [start("second"), start("third")]);
    typed.line("stop 1");
    stopped.has_ended();
    typed.line("exit");
    others.iter().for_each(Sleeper::has_ended);
    assert_eq!(typed.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_program_that_fails_when_its_job_is_stopped_fails_the_line() {
    let gateway = Gateway::start();
    let outcome = run(&gateway, "listen | cat > /dev/null; exit 3 &\nstop 1\n");
    let told = "line 2: [1] listen | cat > /dev/null; exit 3: ";
    assert!(&outcome == 10 && outcome.stderr.contains(told), "{outcome:?}");
}

#[test]
fn a_program_that_answers_ends_with_its_script() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    let places = Sleepers::new();
    let mut typed = Typed::start(&gateway);
    let (command, program) = places.one("program");
    typed.line(&format!("serve clock --exec {command} &"));
    bob.see(|event| matches!(event, Event::ServiceCreated { .. }).then_some(()));
    bob.wait(async { bob.client.subscribe("clock").await }).unwrap();
    let clock = Target::service("clock".parse().unwrap());
    bob.wait(async { bob.client.to(clock).json("?").await }).unwrap();
    program.has_started();
    typed.line("exit");
    program.has_ended();
    assert_eq!(typed.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_pipe_that_nobody_reads_is_not_waited_for() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let outcome = run(&gateway, &format!("version > {}\n", pipe.display()));
    assert!(&outcome == 10 && outcome.stderr.contains("somebody has to read it first"), "{outcome:?}");
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    // It may not have begun to read.
    while &run(&gateway, &format!("version > {}\n", pipe.display())) == 10 {}
    assert!(!reader.join().unwrap().is_empty());
}

#[test]
fn commands_of_a_shell_learn_no_secret() {
    let gateway = Gateway::start();
    let mut child = program()
        .args(["-N", "me", "run", "-", "--allow-shell"])
        .envs([("CONCIERGE_URL", gateway.url.as_str()), ("CONCIERGE_SECRET", "s1")])
        .env("CONCIERGE_SERVER_SECRET", "s2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"!env\nversion | env\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("CONCIERGE_URL=") && !told.contains("SECRET"), "{told}");
    assert!(output.status.success());
}

/// Runs lines that may use a shell.
fn run(gateway: &Gateway, script: &str) -> Outcome {
    gateway.run_with_input(&["-N", "me", "run", "-", "--allow-shell"], script)
}

#[test]
fn a_job_that_there_is_no_room_for_does_nothing() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "kept").unwrap();
    let many = "listen > /dev/null\n".repeat(32);
    let outcome = run(&gateway, &format!("{many}listen > {}\n", path.display()));
    assert!(&outcome == 2, "{outcome:?}");
    assert!(outcome.stderr.contains("line 33: there are 32 jobs already"), "{outcome:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
}

#[test]
fn a_variable_takes_all_or_nothing() {
    let gateway = Gateway::start();
    for script in ["let x = !yes\n", "let x = version | yes\n"] {
        let outcome = run(&gateway, script);
        let told = "line 1: a variable takes no more than 16777216 bytes of text";
        assert!(&outcome == 10 && outcome.stderr.contains(told), "{script}: {outcome:?}");
    }
    let many = "version | jq 'range(1001)'\n";
    let outcome = run(&gateway, &format!("let x = {many}"));
    assert!(&outcome == 10 && outcome.stderr.contains("no more than 1000 results"), "{outcome:?}");
    // What was shown can be cut, which is said once.
    let outcome = run(&gateway, &format!("{many}{many}$_ | jq length\n"));
    assert!(&outcome == 0 && outcome.stdout.ends_with("\n1000\n"), "{outcome:?}");
    assert_eq!(outcome.stderr.matches("$_ has the newest of these results: 1000 at the most").count(), 1);
}

#[test]
fn a_job_that_is_stopped_gives_back_what_nothing_else_needs() {
    let gateway = Gateway::start();
    let mut bob = gateway.peer("bob");
    for service in ["chat", "news"] {
        bob.wait(async { bob.client.create_service(service).await }).unwrap();
        bob.wait(async { bob.client.subscribe(service).await }).unwrap();
    }
    let left = |event: &Event| match event {
        Event::ServiceClientUnsubscribed { service, .. } => Some(service.name.to_string()),
        _ => None,
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let mut typed = Typed::start(&gateway);
    // Two jobs, of which the last gives it back.
    typed.line(&format!("listen chat > {}", file("a")));
    bob.see_subscription();
    typed.line(&format!("listen chat > {}", file("b")));
    typed.line("stop 1");
    // What the session itself subscribes to stays, whatever becomes of its jobs.
    typed.line(&format!("listen news > {}", file("c")));
    typed.line("listen news");
    typed.line("stop 3");
    typed.line("#chat still here");
    assert_eq!(bob.next_data(), "\"still here\"");
    typed.line("stop 2");
    assert_eq!(bob.see(left), "chat");
    typed.line("#news still here");
    assert_eq!(bob.next_data(), "\"still here\"");
    // Taken and given back at once, it is there for whoever has it last.
    typed.line(&format!("listen chat > {}", file("d")));
    typed.line("stop all");
    typed.line("listen chat");
    typed.line("#chat at last");
    assert_eq!(bob.next_data(), "\"at last\"");
}
