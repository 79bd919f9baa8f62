//! The gateway goes away and comes back while somebody types.

use anyhow::{Result, ensure};
use support::gateway::GatewayProcess;
use support::terminal::Setup;

use super::seat::Seat;

fn outage() -> Result<()> {
    let gateway = GatewayProcess::start(&[])?;
    let mut seat = Seat::take(Setup::default().size(24, 100), &gateway.url())?;
    seat.enter("services create chat")?;
    seat.type_after("", "@bob hel")?;
    let gateway = gateway.replace()?;
    seat.terminal.wait_until("the connection is back", |screen| {
        let row = screen.cursor_row();
        screen.rows().iter().any(|row| row.contains("connected again after")) && row.contains('●')
    })?;
    // The typed line is what it was, with its prompt, and goes on.
    seat.expect("@bob hel")?;
    seat.type_after("@bob hel", "lo")?;
    seat.press("\x15", "")?;
    // What the session had is there again.
    seat.enter("services ls")?;
    let lines = seat.terminal.emulator.lines();
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    ensure!(
        count("connecting again") == 1,
        "it is told once that the connection is lost:\n{}",
        lines.join("\n")
    );
    ensure!(count("connected again after") == 1, "and once that it is back:\n{}", lines.join("\n"));
    // Names are completed anew.
    seat.type_after("", "listen ch")?;
    seat.press("\t", "listen chat")?;
    seat.press("\x15", "")?;
    seat.terminal.keys("\x04")?;
    ensure!(seat.terminal.wait()?.success(), "the REPL did not end with 0");
    drop(gateway);
    Ok(())
}

#[test]
fn a_lost_connection_comes_back_under_the_typed_line() {
    outage().unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn a_connection_that_stays_away_is_counted_down_in_the_prompt() {
    let outcome = || -> Result<()> {
        let gateway = GatewayProcess::start(&[])?;
        let mut seat = Seat::take(Setup::default().size(24, 100), &gateway.url())?;
        seat.type_after("", "typed")?;
        drop(gateway);
        seat.terminal.wait_until("the prompt tells", |screen| {
            let row = screen.cursor_row();
            row.starts_with("○ reconnecting ") && row.ends_with(" typed")
        })?;
        seat.terminal.keys("\r")?;
        seat.terminal.wait_until("what cannot be done is told", |screen| {
            screen.cursor_row().contains("@127.0.0.1:") && screen.cursor_row().contains("○ reconnecting ")
        })?;
        seat.terminal.keys("\x04")?;
        ensure!(seat.terminal.wait()?.success(), "the REPL did not end with 0");
        Ok(())
    };
    outcome().unwrap_or_else(|error| panic!("{error:#}"));
}
