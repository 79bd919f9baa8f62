//! Thousands of lines a second while somebody types, completes, recalls, edits and runs commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use concierge_client::Client;
use support::gateway::{Gateway, GatewayProcess};
use support::terminal::Setup;

use super::seat::{NAME, Seat};

/// How many messages are sent in one go, and how far apart such goes are: 5,000 a second.
const AT_ONCE: usize = 50;
const APART: Duration = Duration::from_millis(10);

/// Somebody who sends numbered messages, as fast as was said.
struct Flood {
    thread: JoinHandle<Result<()>>,
    over: Arc<AtomicBool>,
}

impl Flood {
    fn start(url: &str, count: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (url, over) = (url.to_owned(), Arc::clone(&over));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let sent = runtime.block_on(send(&url, count));
                over.store(true, Ordering::Release);
                sent
            }
        });
        Self { thread, over }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn end(self) -> Result<()> {
        self.thread.join().ok().context("whoever sends has panicked")?
    }
}

async fn send(url: &str, count: usize) -> Result<()> {
    let client = Client::builder(url, "flooder")?.connect().await?;
    let mut pace = tokio::time::interval(APART);
    let recipient = client.to(NAME);
    for first in (0..count).step_by(AT_ONCE) {
        pace.tick().await;
        let mut sending = Vec::new();
        for number in first..count.min(first + AT_ONCE) {
            sending.push(tokio::spawn(recipient.json(&format!("line {number}")).into_future()));
        }
        for sent in sending {
            sent.await??;
        }
    }
    client.close().await;
    Ok(())
}

/// What a person does at the prompt, each key once the one before is seen.
fn live(seat: &mut Seat, round: usize) -> Result<()> {
    // Types, and corrects in the middle of the line.
    let text = format!("send {NAME} {round} x");
    seat.type_after("", &text)?;
    seat.press("\x1b[D", &text)?;
    seat.press("\x7f", &format!("send {NAME} {round}x"))?;
    seat.press(" ", &text)?;
    seat.press("\x15\x0b", "")?;
    // Completes a command and a name.
    seat.type_after("", "clients sh")?;
    seat.press("\t", "clients show")?;
    seat.type_after("clients show ", "key")?;
    seat.press("\t", &format!("clients show {NAME}"))?;
    seat.press("\r", "")?;
    // Recalls, and searches.
    seat.press("\x1b[A", &format!("clients show {NAME}"))?;
    seat.press("\x15", "")?;
    seat.enter("ping")?;
    seat.press("\x1b[A", "ping")?;
    seat.press("\x1b[A", &format!("clients show {NAME}"))?;
    seat.press("\x1b[B", "ping")?;
    seat.press("\x03", "")?;
    Ok(())
}

/// Checks that every number is there, in order, or said to be left out; gives how many were left out.
fn account(lines: &[String], count: usize) -> Result<u64> {
    let (mut expected, mut left_out) = (0, 0);
    for line in lines {
        if let Some((_, number)) = line.split_once("flooder: line ") {
            let number: u64 = number.parse().with_context(|| format!("a broken line: {line:?}"))?;
            ensure!(number == expected, "after {expected} lines comes {line:?}");
            expected += 1;
        } else if let Some((_, rest)) = line.split_once("… ") {
            let more: u64 =
                rest.split(' ').next().unwrap_or_default().parse().with_context(|| line.clone())?;
            expected += more;
            left_out += more;
        }
    }
    ensure!(expected == u64::try_from(count)?, "{expected} of {count} lines are accounted for");
    Ok(left_out)
}

fn flood(url: &str, count: usize) -> Result<()> {
    let mut seat = Seat::take(Setup::default().size(40, 120), url)?;
    let flood = Flood::start(url, count);
    let mut rounds = 0;
    while !flood.is_over() || rounds == 0 {
        live(&mut seat, rounds)?;
        rounds += 1;
    }
    flood.end()?;
    // What is typed while the last lines come stays.
    seat.type_after("", "still here")?;
    seat.terminal.wait_until("the sender has left", |screen| {
        screen.rows().iter().any(|row| row.ends_with("flooder left"))
    })?;
    seat.expect("still here")?;
    let left_out = account(&seat.terminal.emulator.lines(), count)?;
    seat.pauses.sort();
    let longest: Vec<_> = seat.pauses.iter().rev().take(5).collect();
    let middle = seat.pauses[seat.pauses.len() / 2];
    println!(
        "{count} lines, {left_out} of them counted; {} keys in {rounds} rounds: half within {middle:?}, the longest {longest:?}",
        seat.pauses.len()
    );
    seat.press("\x15", "")?;
    seat.terminal.keys("\x04")?;
    ensure!(seat.terminal.wait()?.success(), "the REPL did not end with 0");
    Ok(())
}

#[test]
fn a_second_of_flood_loses_nothing_and_leaves_the_typed_line() {
    let gateway = Gateway::start();
    flood(&gateway.url(), 5_000).unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
#[ignore = "takes ten seconds, and its figures need the released programs: tests/run runs it"]
fn ten_seconds_of_flood_lose_nothing_and_leave_the_typed_line() {
    let gateway = GatewayProcess::start(&[]).unwrap_or_else(|error| panic!("{error:#}"));
    flood(&gateway.url(), 50_000).unwrap_or_else(|error| panic!("{error:#}"));
}
