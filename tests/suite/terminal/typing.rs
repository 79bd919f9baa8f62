//! Typing in terminals of every kind: pastes, narrow ones, ones that change their size, ones that can do nothing.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use concierge_client::Client;
use support::gateway::Gateway;
use support::process::program;
use support::terminal::Setup;

use super::seat::{NAME, Seat};

/// As much as is pasted.
const PASTED: usize = 10_000;

fn checked(test: impl FnOnce(&Gateway) -> Result<()>) {
    let gateway = Gateway::start();
    test(&gateway).unwrap_or_else(|error| panic!("{error:#}"));
}

/// What is sent to the REPL while `during` goes on, as the REPL has a client to send it to: the line that it typed comes back whole.
fn echoed(seat: &mut Seat, data: &str) -> Result<()> {
    seat.terminal.wait_until("the pasted text comes back", |screen| {
        screen.lines().iter().any(|line| line.ends_with(&format!("{NAME}: {data}")))
    })
}

#[test]
fn ten_thousand_pasted_characters_arrive_whole() {
    let text: String = ('a'..='z').cycle().take(PASTED).collect();
    for brackets in [("\x1b[200~", "\x1b[201~"), ("", "")] {
        checked(|gateway| {
            let mut seat = Seat::take(Setup::default().size(60, 200), &gateway.url())?;
            let (begin, end) = brackets;
            seat.terminal.keys(&format!("@{NAME} {begin}{text}{end}"))?;
            seat.terminal.wait_until("it is typed", |screen| {
                screen.rows().concat().ends_with(&text[PASTED - 100..])
            })?;
            seat.terminal.keys("\r")?;
            echoed(&mut seat, &text)?;
            seat.expect("")?;
            seat.terminal.keys("\x04")?;
            ensure!(seat.terminal.wait()?.success());
            Ok(())
        });
    }
}

#[test]
fn a_paste_of_several_lines_is_carried_out_line_by_line() {
    checked(|gateway| {
        let mut seat = Seat::take(Setup::default(), &gateway.url())?;
        seat.terminal.keys(&format!("\x1b[200~@{NAME} one\n@{NAME} {{\"a\":\n2}}\x1b[201~\r"))?;
        echoed(&mut seat, "one")?;
        seat.terminal.wait_until("the second comes too", |screen| {
            screen.lines().iter().any(|line| line.ends_with(&format!("{NAME}: {{\"a\": 2}}")))
        })
    });
}

#[test]
fn an_open_bracket_continues_the_line() {
    checked(|gateway| {
        let mut seat = Seat::take(Setup::default(), &gateway.url())?;
        seat.terminal.keys(&format!("@{NAME} {{\"text\":\r"))?;
        seat.terminal.wait_until("the line goes on", |screen| {
            screen.cursor_row().is_empty() && screen.rows().iter().any(|row| row.ends_with("{\"text\":"))
        })?;
        seat.terminal.keys("\"hi\"}\r")?;
        seat.terminal.wait_until("it is sent", |screen| {
            screen.lines().iter().any(|line| line.ends_with(&format!("{NAME}: {{\"text\": \"hi\"}}")))
        })
    });
}

/// What was shown stays, whatever becomes of the window: a terminal that cuts off what no longer fits keeps what was above.
#[test]
fn resizing_a_typed_line_overwrites_nothing_that_was_shown() {
    checked(|gateway| {
        let mut seat = Seat::take(Setup::default().size(60, 100), &gateway.url())?;
        for number in 0..6 {
            seat.terminal.line(&format!("@{NAME} shown {number}"))?;
            seat.terminal.wait_until("it is shown", |screen| {
                screen.rows().iter().any(|row| row.ends_with(&format!("{NAME}: shown {number}")))
                    && screen.cursor_row().ends_with('●')
            })?;
        }
        let typed = "word ".repeat(30);
        let shown = |screen: &support::emulator::Emulator, last: &str| {
            screen.rows().concat().replace(' ', "").ends_with(&last.replace(' ', ""))
        };
        seat.terminal.keys(typed.trim_end())?;
        seat.terminal.wait_until("it is typed", |screen| shown(screen, &typed))?;
        for columns in [36, 20, 60, 19, 100, 38, 100] {
            seat.terminal.resize(60, columns)?;
            seat.terminal.keys("!\x7f")?;
            seat.terminal.wait_until("the line is painted anew", |screen| {
                shown(screen, &typed) && screen.cursor_row().chars().count() <= columns.into()
            })?;
        }
        // Above it stands what stood there: as much of it as the narrowest window left.
        let rows = seat.terminal.emulator.rows();
        let above = rows.iter().take_while(|row| !row.contains("word"));
        let kept = above.filter(|row| row.starts_with(NAME)).count();
        ensure!(kept >= 6, "{kept} of the lines that were entered are left:\n{}", rows.join("\n"));
        Ok(())
    });
}

#[test]
fn a_terminal_of_twenty_columns_can_be_lived_in() {
    checked(|gateway| {
        let home = tempfile::tempdir()?;
        let setup = Setup::default().size(24, 20).variable("HOME", home.path().to_string_lossy());
        let mut terminal = setup.start(&program("concierge")?, &["--url", &gateway.url(), "--name", NAME])?;
        terminal.wait_until("the short prompt appears", |screen| screen.cursor_row().ends_with('●'))?;
        ensure!(terminal.emulator.cursor_column() <= 10, "the prompt leaves no room");
        terminal.line(&format!("@{NAME} what is longer than a row of this terminal"))?;
        terminal.wait_until("it is shown whole", |screen| {
            screen
                .lines()
                .iter()
                .any(|line| line.ends_with(&format!("{NAME}: what is longer than a row of this terminal")))
        })?;
        terminal.keys("\x04")?;
        ensure!(terminal.wait()?.success());
        Ok(())
    });
}

#[test]
fn a_terminal_without_a_size_is_taken_for_a_usual_one() {
    checked(|gateway| {
        let mut seat = Seat::take(Setup::default().size(0, 0).variable("COLUMNS", "many"), &gateway.url())?;
        seat.enter("whoami")?;
        seat.terminal.keys("\x04")?;
        ensure!(seat.terminal.wait()?.success());
        Ok(())
    });
}

#[test]
fn a_terminal_that_can_do_nothing_reads_plain_lines() {
    checked(|gateway| {
        let setup = Setup::default().variable("TERM", "dumb");
        let mut terminal = setup.start(&program("concierge")?, &["--url", &gateway.url(), "--name", NAME])?;
        terminal.line(&format!("@{NAME} plain"))?;
        terminal.wait_for(&format!("{NAME}: plain"))?;
        terminal.keys("\x04")?;
        ensure!(terminal.wait()?.success());
        let escapes = terminal.emulator.rows().iter().any(|row| row.contains('\x1b') || row.contains('●'));
        ensure!(!escapes, "{:?}", terminal.emulator.rows());
        Ok(())
    });
}

#[test]
fn a_locale_without_unicode_has_a_prompt_of_letters() {
    checked(|gateway| {
        let setup = Setup::default().variable("LANG", "C");
        let mut terminal = setup.start(&program("concierge")?, &["--url", &gateway.url(), "--name", NAME])?;
        terminal.wait_until("the prompt appears", |screen| screen.cursor_row().ends_with(" *"))
    });
}

#[test]
fn colours_and_hints_come_where_they_are_wanted() {
    checked(|gateway| {
        let home = tempfile::tempdir()?;
        let setup = Setup::default().without("NO_COLOR").variable("HOME", home.path().to_string_lossy());
        let mut terminal = setup.start(&program("concierge")?, &["--url", &gateway.url(), "--name", NAME])?;
        terminal.wait_until("the prompt appears", |screen| screen.cursor_row().ends_with('●'))?;
        terminal.keys("send ")?;
        terminal.wait_until("the hint appears", |screen| {
            screen.cursor_row().ends_with("send TARGET [PAYLOAD]…")
        })?;
        let (row, column) = terminal.emulator.screen().cursor_position();
        let hinted = terminal.emulator.screen().cell(row, column).context("a cell")?;
        ensure!(hinted.dim(), "the hint looks like what is typed");
        // The whole line is as it was typed once it is entered.
        terminal.keys(&format!("{NAME} hi\r"))?;
        terminal.wait_until("it is sent", |screen| screen.cursor_row().ends_with('●'))?;
        ensure!(!terminal.emulator.lines().join("\n").contains("PAYLOAD"), "the hint stayed");
        Ok(())
    });
}

#[test]
fn history_is_private_and_holds_neither_secrets_nor_what_begins_with_a_space() {
    checked(|gateway| {
        let setup = Setup::default().variable("CONCIERGE_SECRET", "canary");
        let mut seat = Seat::take(setup, &gateway.url())?;
        seat.enter("whoami")?;
        seat.enter(" ping")?;
        seat.enter(&format!("@{NAME} canary"))?;
        seat.enter(&format!("@{NAME} password=abc"))?;
        seat.press("\x1b[A", "whoami")?;
        let folder = seat.home.path().join(".local/state/concierge/history");
        let files: Vec<_> = std::fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
        ensure!(files.len() == 1, "{files:?}");
        let text = std::fs::read_to_string(files[0].path())?;
        ensure!(text.lines().filter(|line| !line.starts_with('#')).eq(["whoami"]), "{text}");
        let mode = files[0].metadata()?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "the history can be read by others: {mode:o}");
        Ok(())
    });
}

#[test]
fn hostile_names_are_harmless_when_they_are_completed() {
    checked(|gateway| {
        let runtime = tokio::runtime::Runtime::new()?;
        let owner = runtime.block_on(async {
            let owner = Client::builder(gateway.url(), "größe_名前")?.connect().await?;
            owner.create_service("it's a \"place\"").await?;
            anyhow::Ok(owner)
        })?;
        let mut seat = Seat::take(Setup::default(), &gateway.url())?;
        seat.type_after("", "@gr")?;
        seat.press("\t", "@größe_名前")?;
        seat.press("\x15", "")?;
        seat.type_after("", "services show it")?;
        seat.press("\t", r#"services show "it's a \"place\"""#)?;
        seat.press("\r", "")?;
        let lines = seat.terminal.emulator.lines().join("\n");
        ensure!(!lines.contains("error:"), "what was completed does not read back:\n{lines}");
        drop(owner);
        Ok(())
    });
}
