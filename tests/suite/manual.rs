//! The manual pages, as a program that shows manuals reads them.

use std::fs;
use std::process::Command;

use support::process::{Program, command};

/// Left out on purpose: a date would be that of the build, and two builds of one version would differ.
const MISSING_DATE: &str = "missing date";

#[test]
#[ignore = "needs mandoc, which tests/run installs"]
fn every_manual_page_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let mut man = command("concierge").unwrap();
    Program::start("concierge", man.args(["man", "--dir"]).arg(folder.path()))
        .unwrap()
        .wait_for_success()
        .unwrap();
    let pages: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|page| page.unwrap().path()).collect();
    assert!(pages.iter().any(|page| page.ends_with("concierge.1")), "{pages:?}");
    let lint = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output();
    let output = lint.expect("mandoc is there");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let complaints: Vec<&str> = said.lines().filter(|line| !line.contains(MISSING_DATE)).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
