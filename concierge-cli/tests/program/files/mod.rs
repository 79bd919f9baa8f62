//! `files`: storing, fetching, listing and deleting, by everybody's rules, and what is left when it does not go well.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

mod broken;
mod exchange;
mod held;
mod refused;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
};

use tempfile::TempDir;

use crate::gateway::{Peer, program};

/// A folder to work in.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        self.path(path).to_str().unwrap().to_owned()
    }

    fn keep(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
        self.text(path)
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    /// Everything in it, by path.
    fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(self.0.path()).unwrap().display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// Bytes that are no text and look alike nowhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 4711_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

fn store(peer: &Peer<'_>, path: &str, content: impl Into<Vec<u8>>) {
    peer.wait(async { peer.client.files().put(path, content.into()).await }).unwrap();
}

/// The program in a folder, with what it writes taken.
fn start(url: &str, home: &Home, arguments: &[&str]) -> Child {
    let mut command = program();
    command.args(arguments).current_dir(home.0.path()).env("CONCIERGE_URL", url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}
