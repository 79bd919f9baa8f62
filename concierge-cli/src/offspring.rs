//! Programs that this one starts: without its secrets, and in groups of processes that end with whoever wanted them. What a program is
//! run for, and what becomes of what it writes, is not decided here.

use std::{
    ffi::OsStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// Every group that runs, and who wants it.
static RUNNING: Mutex<Vec<(Leash, Pid)>> = Mutex::new(Vec::new());

/// A program, ready for arguments. It ends when nobody has it any more.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_none_or(is_secret) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether a variable may hold a secret of this program, or of a gateway.
fn is_secret(name: &str) -> bool {
    name.starts_with("CONCIERGE_") && ["SECRET", "TOKEN", "API_KEY"].iter().any(|kind| name.contains(kind))
}

/// What groups that are wanted for the same hang on: they can be ended together, by somebody who does not have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leash(Arc<AtomicBool>);

/// A group of processes. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Group(Pid);

impl Leash {
    /// Takes hold of a program that was started as a group of its own. One that comes too late ends at once.
    pub(crate) fn hold(&self, child: &Child) -> Option<Group> {
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?))?;
        let mut running = lock();
        running.push((self.clone(), group));
        if self.has_ended() {
            end(&mut running, |leash, _| leash.is(self));
        }
        Some(Group(group))
    }

    /// Asks all that hang on it to end, which they need not do.
    pub(crate) fn terminate(&self) {
        for (_, group) in lock().iter().filter(|(leash, _)| leash.is(self)) {
            // They may have ended by themselves.
            let _ = kill_process_group(*group, Signal::TERM);
        }
    }

    /// Ends all that hang on it, and all that are to come.
    pub(crate) fn end(&self) {
        let mut running = lock();
        self.0.store(true, Ordering::Release);
        end(&mut running, |leash, _| leash.is(self));
    }

    /// Whether what hangs on it is not wanted any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Group {
    /// Lets them go: the program has ended by itself, and what it left behind is meant to stay.
    pub(crate) fn release(self) {
        lock().retain(|(_, group)| *group != self.0);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(&mut lock(), |_, group| group == self.0);
    }
}

/// Ends everything that runs, at the end of the process: not all that has something is dropped before.
pub(crate) fn end_all() {
    end(&mut lock(), |_, _| true);
}

fn end(running: &mut Vec<(Leash, Pid)>, is_meant: impl Fn(&Leash, Pid) -> bool) {
    for (_, group) in running.extract_if(.., |(leash, group)| is_meant(leash, *group)) {
        // They may have ended by themselves.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn lock() -> MutexGuard<'static, Vec<(Leash, Pid)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn start(leash: &Leash) -> (Child, Option<Group>) {
        let child = command("sleep").arg("1000").process_group(0).spawn().unwrap();
        let group = leash.hold(&child);
        (child, group)
    }

    #[test]
    fn secrets_are_told_by_their_names() {
        for secret in [
            "CONCIERGE_SECRET",
            "CONCIERGE_SECRET_FILE",
            "CONCIERGE_SERVER_SECRET",
            "CONCIERGE_EVENT_TOKEN",
            "CONCIERGE_API_KEY",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        assert!(!is_secret("CONCIERGE_URL") && !is_secret("SECRET"));
    }

    #[tokio::test]
    async fn groups_end_with_their_leash_and_none_begins_later() {
        let (wanted, other) = (Leash::default(), Leash::default());
        let (mut first, _first) = start(&wanted);
        let (mut second, second_group) = start(&other);
        wanted.end();
        assert_eq!(first.wait().await.unwrap().signal(), Some(9));
        let (mut late, _late) = start(&wanted);
        assert_eq!(late.wait().await.unwrap().signal(), Some(9));
        assert_eq!(second.try_wait().unwrap(), None);
        drop(second_group);
        assert_eq!(second.wait().await.unwrap().signal(), Some(9));
    }

    #[tokio::test]
    async fn groups_are_asked_to_end_by_their_leash_alone() {
        let (wanted, other) = (Leash::default(), Leash::default());
        let (mut first, _first) = start(&wanted);
        let (mut second, _second) = start(&other);
        wanted.terminate();
        assert_eq!(first.wait().await.unwrap().signal(), Some(15));
        assert_eq!(second.try_wait().unwrap(), None);
        assert!(!wanted.has_ended());
    }

    #[tokio::test]
    async fn a_group_that_is_released_goes_on() {
        let leash = Leash::default();
        let (mut child, group) = start(&leash);
        group.unwrap().release();
        leash.end();
        assert_eq!(child.try_wait().unwrap(), None);
    }
}
