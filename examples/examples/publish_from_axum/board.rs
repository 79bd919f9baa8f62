//! The tasks of all teams. What changes is told first, and made when that was possible: nobody sees what nobody was told of.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{
    sync::{Mutex as Turns, MutexGuard as Turn},
    time::timeout,
};

use super::refusal::Refusal;

/// The most tasks there are.
const MAX_TASKS: usize = 1000;
/// The longest title, in characters.
const MAX_TITLE: usize = 200;
/// How long a change waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something to do.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Task {
    pub(crate) id: u64,
    /// Whose it is. The grants of listeners go by it; they do not see it.
    pub(crate) team: &'static str,
    pub(crate) title: Arc<str>,
    pub(crate) done: bool,
}

/// The tasks, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Board {
    tasks: Mutex<Vec<Task>>,
    /// One change after the other: they are told in the order in which they are made.
    turns: Turns<()>,
}

/// A change that is to be made.
pub(crate) struct Change<'b> {
    board: &'b Board,
    task: Task,
    _turn: Turn<'b, ()>,
}

impl Board {
    /// What a team has to do.
    pub(crate) fn open_tasks(&self, team: &str) -> Vec<Task> {
        let tasks = self.tasks.lock();
        tasks.iter().filter(|task| task.team == team && !task.done).cloned().collect()
    }

    pub(crate) async fn create(&self, team: &'static str, title: &str) -> Result<Change<'_>, Refusal> {
        let title = title.trim();
        if title.is_empty() || title.chars().count() > MAX_TITLE {
            let reason = format!("a title has 1 to {MAX_TITLE} characters");
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
        }
        let turn = self.turn().await?;
        let mut tasks = self.tasks.lock();
        if tasks.len() >= MAX_TASKS {
            let Some(oldest) = tasks.iter().position(|task| task.done) else {
                return Err(Refusal::new(StatusCode::CONFLICT, "there is enough to do"));
            };
            tasks.remove(oldest);
        }
        let id = tasks.last().map_or(1, |last| last.id + 1);
        drop(tasks);
        let task = Task { id, team, title: title.into(), done: false };
        Ok(Change { board: self, task, _turn: turn })
    }

    /// The change, and the task as it is before it.
    pub(crate) async fn change(
        &self,
        team: &str,
        id: u64,
        done: bool,
    ) -> Result<(Change<'_>, Task), Refusal> {
        let turn = self.turn().await?;
        let tasks = self.tasks.lock();
        let previous = tasks.iter().find(|task| task.id == id && task.team == team).cloned();
        drop(tasks);
        let previous =
            previous.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "the team has no such task"))?;
        let task = Task { done, ..previous.clone() };
        Ok((Change { board: self, task, _turn: turn }, previous))
    }

    async fn turn(&self) -> Result<Turn<'_, ()>, Refusal> {
        let busy = |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too much is being changed");
        timeout(PATIENCE, self.turns.lock()).await.map_err(busy)
    }
}

impl Change<'_> {
    /// The task as it will be.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Makes the change.
    pub(crate) fn make(self) -> Task {
        let mut tasks = self.board.tasks.lock();
        match tasks.iter_mut().find(|task| task.id == self.task.id) {
            Some(there) => there.clone_from(&self.task),
            None => tasks.push(self.task.clone()),
        }
        drop(tasks);
        self.task
    }
}
