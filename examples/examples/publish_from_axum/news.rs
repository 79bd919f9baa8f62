//! What the gateway is told: which event there is, what has happened, and who may listen.

use std::{sync::Arc, time::Duration};

use concierge_client::{
    Data, Secret,
    payload::InvalidName,
    telegraphy::{
        Audience, Definition, EventName, Grant, Kind, PublishError, Publisher,
        web::{DefineEvents, IssueToken, ProblemStatus, Publish},
    },
};
use serde_json::json;

use super::{board::Task, people::Member};

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a token waits to be used, in seconds: a page uses it at once.
const TOKEN_TTL: u64 = 30;

/// The way to a gateway, and the event of this application.
pub(crate) struct News {
    publisher: Publisher,
    event: EventName,
    gateway: String,
}

impl News {
    /// Of the gateway that is asked here with this key, and listened to there.
    pub(crate) fn new(api: &str, key: String, gateway: String) -> anyhow::Result<Self> {
        let publisher = Publisher::new(api, key)?.timeout(PATIENCE);
        Ok(Self { publisher, event: event()?, gateway })
    }

    /// Where one listens.
    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Says which events this application has. May be said again at any time.
    pub(crate) async fn define(&self) -> Result<(), PublishError> {
        let task = Definition {
            verbose_name: "task".to_owned(),
            kind: Kind::Model,
            operations: vec!["create".to_owned(), "update".to_owned()],
            // The team is not among them: grants go by it, and nobody is shown it.
            fields: [("id", "integer"), ("title", "string"), ("done", "boolean")].into_iter().collect(),
            audience: Audience::Private,
            ..Definition::new(self.event.clone())
        };
        self.publisher.define(&DefineEvents { source: "todo".into(), events: vec![task] }).await.map(drop)
    }

    /// A task is new, or is not what it was.
    pub(crate) async fn tell(
        &self,
        event_type: &str,
        task: &Task,
        previous: Option<&Task>,
    ) -> Result<(), PublishError> {
        let mut event = Publish::new(self.event.clone(), Data::from_value(task)?);
        event.meta.insert("event_type".to_owned(), event_type.into());
        // Who listens with a filter is told by it that a task does not fulfil it any more.
        event.previous = previous.map(Data::from_value).transpose()?;
        match self.publisher.publish(event.clone()).await {
            // A gateway that keeps nothing was started again.
            Err(error) if error.problem().is_some_and(|said| said.status == ProblemStatus::UnknownEvent) => {
                self.define().await?;
                self.publisher.publish(event).await.map(drop)
            }
            published => published.map(drop),
        }
    }

    /// A token with which a member listens to the tasks of the team, once, from this page.
    pub(crate) async fn token(&self, member: &Member, origin: Option<&str>) -> Result<Secret, PublishError> {
        let tasks = Grant::Filtered(json!({"team": member.team}));
        let token = IssueToken {
            grants: [(self.event.clone(), tasks)].into_iter().collect(),
            origin: origin.map(Arc::from),
            ttl: Some(TOKEN_TTL),
            ..IssueToken::new(member.id.clone())
        };
        Ok(self.publisher.issue_token(token).await?.token)
    }

    /// Nobody listens as this member any more.
    pub(crate) async fn end(&self, member: &Member) -> Result<(), PublishError> {
        self.publisher.end_sessions_of(&member.id).await.map(drop)
    }
}

fn event() -> Result<EventName, InvalidName> {
    EventName::new("todo.Task")
}
