//! Completing with Tab in the REPL: what others have stored, and what is on this machine.

use anyhow::{Result, ensure};
use concierge_client::Client;
use support::gateway::Gateway;
use support::terminal::Setup;

use super::seat::Seat;

#[test]
fn files_are_completed_step_by_step_there_and_here() -> Result<()> {
    let gateway = Gateway::start();
    let runtime = tokio::runtime::Runtime::new()?;
    let owner = runtime.block_on(async {
        let owner = Client::builder(gateway.url(), "bob")?.connect().await?;
        for path in ["maps/north.json", "maps/south.json", "my notes/today"] {
            owner.files().put(path, "x").await?;
        }
        anyhow::Ok(owner)
    })?;
    let mut seat = Seat::take(Setup::default().size(40, 200), &gateway.url())?;
    seat.press("files ls b\t", "files ls bob")?;
    seat.press("\r", "")?;
    seat.terminal.wait_until("the files are listed", |screen| {
        screen.lines().iter().any(|line| line.contains("maps/south.json"))
    })?;
    seat.press("files get b\t", "files get bob/")?;
    seat.press("ma\t", "files get bob/maps/")?;
    seat.press("s\t", "files get bob/maps/south.json")?;
    seat.press("bob/my\t", "files get bob/maps/south.json \"bob/my notes/")?;
    seat.press("\t", "files get bob/maps/south.json \"bob/my notes/today\"")?;
    seat.press("\x15", "")?;
    let home = seat.home.path().display().to_string();
    std::fs::create_dir(seat.home.path().join("plans"))?;
    std::fs::write(seat.home.path().join("plans/first.txt"), "x")?;
    seat.press(&format!("files put {home}/pl\t"), &format!("files put {home}/plans/"))?;
    seat.press("\t", &format!("files put {home}/plans/first.txt"))?;
    seat.press("\r", "")?;
    seat.terminal.wait_until("it is stored", |screen| {
        screen.lines().iter().any(|line| line.starts_with("stored ") && line.contains("first.txt"))
    })?;
    seat.terminal.keys("\x04")?;
    ensure!(seat.terminal.wait()?.success());
    drop(owner);
    Ok(())
}
