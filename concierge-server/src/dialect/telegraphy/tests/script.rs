//! Transcripts, line by line.
//!
//! ```text
//! gateway anonymous false          a setting, before anything else
//! alice connects [from ADDRESS]    a WebSocket is there
//! alice > {…}                      a client sends a text; `alice > 17 times {…}` with the id growing from the one given
//! alice < {…}                      it receives this next, as JSON
//! alice x 4401                     it is closed
//! alice hears nothing              there is nothing that it has not received
//! alice sends binary | vanishes | is slow | is quick
//! web issues TOKEN {…}             and: defines SOURCE […], undefines NAME, publishes {…}, ends USER, grants USER {…},
//!                                  subscribes USER {…}, shows presence NAME
//! web = published e2 1             what it is answered
//! web > POST /api/v1/publish {…}   the same over HTTP; `as TYPE` before the body, `¶` between its lines, `N bytes` for one of that length
//! web < 200 {…}                    the answer to the oldest request that has not been answered
//! time passes SECONDS
//! store waits | works | is full | is read-only | trims NAME COUNT
//! gateway restarts
//! ```

use std::{collections::BTreeMap, time::Duration};

use concierge_client::{payload::Data, telegraphy::UserId};
use serde_json::Value;
use uuid::Uuid;

use super::{
    application::Application,
    stage::{Heard, Mood, Stage},
};
use crate::events::{ConnectionId, Doors, Input, Publish, Question, Reply, Settings, record::NotStored};

/// Plays a transcript; what went wrong, and where.
pub(super) fn play(text: &str) -> Result<(), String> {
    let mut player = Player {
        settings: Settings::default(),
        stage: None,
        clients: BTreeMap::new(),
        application: Application::default(),
    };
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            player.line(line).map_err(|why| format!("line {}: {line}\n  {why}", number + 1))?;
        }
    }
    player.finish()
}

struct Player {
    settings: Settings,
    stage: Option<Stage>,
    clients: BTreeMap<String, ConnectionId>,
    application: Application,
}

/// The JSON at the end of a line.
fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A field of it, if it is there, as what it must be.
macro_rules! field {
    ($json:expr, $name:literal) => {
        $json.get($name).map(|value| serde_json::from_value(value.clone()).unwrap())
    };
}

impl Player {
    fn stage(&mut self) -> &mut Stage {
        let settings = self.settings.clone();
        self.stage.get_or_insert_with(|| Stage::new(settings))
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (who, what) = line.split_once(' ').ok_or("nothing happens")?;
        match who {
            "gateway" => self.gateway(what),
            "web" => self.web(what),
            "store" => self.store(what),
            "time" => {
                let seconds = what.strip_prefix("passes ").ok_or("time passes SECONDS")?;
                let seconds = seconds.parse().map_err(|_| "no seconds")?;
                self.stage().pass(Duration::from_secs(seconds));
                Ok(())
            }
            name => self.client(name, what),
        }
    }

    fn gateway(&mut self, what: &str) -> Result<(), String> {
        match what {
            "restarts" => {
                self.stage().restart();
                return Ok(());
            }
            "shuts" => {
                let doors = Doors::Shut { message: "the gateway stops".to_owned(), retry_after: Some(2) };
                self.stage().handle(Input::Doors(doors));
                return Ok(());
            }
            _ => {}
        }
        if self.stage.is_some() {
            return Err("it has begun already".to_owned());
        }
        let (key, value) = what.split_once(' ').ok_or("a setting has a value")?;
        let number = || value.parse::<usize>().map_err(|error| error.to_string());
        let settings = &mut self.settings;
        match key {
            "anonymous" => settings.anonymous = value == "true",
            "anonymous_sessions" => settings.anonymous_sessions = value == "true",
            "conceal_private" => settings.conceal_private = value == "true",
            "unregistered" => settings.unregistered = value == "true",
            "connections_per_user" => settings.connections_per_user = number()?,
            "sessions_per_owner" => settings.sessions_per_owner = number()?,
            "subscriptions_per_session" => settings.subscriptions_per_session = number()?,
            "tokens" => settings.tokens = number()?,
            "history" => settings.history = u32::try_from(number()?).unwrap_or(u32::MAX),
            "registry_grace" => settings.registry_grace = Duration::from_secs(value.parse().unwrap()),
            "event_bytes" => settings.event_bytes = number()?,
            _ => return Err("no such setting".to_owned()),
        }
        Ok(())
    }

    fn store(&mut self, what: &str) -> Result<(), String> {
        let stage = self.stage();
        match what {
            "works" => stage.go_on(Mood::Works),
            "waits" => stage.mood = Mood::Waits,
            "is full" => stage.go_on(Mood::Fails(NotStored::Full)),
            "is read-only" => stage.go_on(Mood::Fails(NotStored::ReadOnly)),
            _ => {
                let trimmed = what.strip_prefix("trims ").and_then(|what| what.split_once(' '));
                let (name, count) = trimmed.ok_or("a store does not do that")?;
                let name = name.try_into().map_err(|_| "no name")?;
                stage.ledger.trim(&name, count.parse().map_err(|_| "no count")?);
            }
        }
        Ok(())
    }

    fn web(&mut self, what: &str) -> Result<(), String> {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        if verb == ">" || verb == "<" {
            let event_bytes = self.settings.event_bytes;
            self.stage();
            let stage = self.stage.as_mut().ok_or("there is no gateway")?;
            return match verb {
                ">" => self.application.request(rest, event_bytes, stage),
                _ => equal(&self.application.answer(stage)?, rest),
            };
        }
        let user = |text: &str| UserId::new(text).map_err(|error| error.to_string());
        let two = || rest.split_once(' ').ok_or("two words");
        let question = match verb {
            "=" => {
                let (_, reply) = self.stage().replies.pop_front().ok_or("there is no reply")?;
                return equal(&shown(&reply), rest);
            }
            "issues" => {
                let (token, rest) = two()?;
                let said = json(rest)?;
                Question::Issue {
                    token: token.into(),
                    user: field!(said, "user"),
                    grants: field!(said, "grants").unwrap_or_default(),
                    host: field!(said, "ip").map(|ip: String| ip.parse().unwrap()),
                    origin: field!(said, "origin").map(|origin: String| origin.into()),
                    ttl: None,
                }
            }
            "defines" => {
                let (source, rest) = two()?;
                let definitions = serde_json::from_str(rest).map_err(|error| error.to_string())?;
                Question::Define { source: source.into(), definitions }
            }
            "undefines" => Question::Undefine(rest.try_into().map_err(|_| "no name")?),
            "publishes" => {
                let said = json(rest)?;
                let data = |name: &str| said.get(name).map(|data| Data::from_value(data).unwrap());
                Question::Publish(Publish {
                    event: field!(said, "event").ok_or("which event?")?,
                    data: data("data").ok_or("which data?")?,
                    meta: field!(said, "meta").unwrap_or_default(),
                    id: field!(said, "id").map(|id: String| id.into()),
                    ttl: field!(said, "ttl").map(Duration::from_secs),
                    previous: data("previous"),
                    fresh_id: Uuid::nil(),
                })
            }
            "ends" => Question::EndAll(user(rest)?),
            "grants" => {
                let (name, rest) = two()?;
                let grants = serde_json::from_str(rest).map_err(|error| error.to_string())?;
                Question::Grant { user: user(name)?, grants }
            }
            "subscribes" => {
                let (name, rest) = two()?;
                let subscribe = serde_json::from_str(rest).map_err(|error| error.to_string())?;
                Question::Subscribe { user: user(name)?, subscribe }
            }
            "lists" if rest == "events" => Question::Events,
            "lists" => Question::Sessions { user: None, after: None, limit: 100 },
            "shows" => Question::Presence(rest.try_into().map_err(|_| "no name")?),
            _ => return Err("the web application does not do that".to_owned()),
        };
        self.stage().call(question);
        Ok(())
    }

    fn client(&mut self, name: &str, what: &str) -> Result<(), String> {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        if verb == "connects" {
            let address = rest.strip_prefix("from ").unwrap_or("192.0.2.1").to_owned();
            if let Some(id) = self.clients.get(name).copied() {
                self.expect_nothing(id)?;
            }
            let id = self.stage().open(&address);
            self.clients.insert(name.to_owned(), id);
            return Ok(());
        }
        let id = *self.clients.get(name).ok_or("nobody of this name has connected")?;
        match (verb, rest) {
            (">", text) => match text.split_once(" times ") {
                None => self.stage().text(id, text),
                Some((times, text)) => {
                    let mut message = json(text)?;
                    for _ in 0..times.parse::<u32>().map_err(|_| "no count")? {
                        self.stage().text(id, &message.to_string());
                        let next = message["id"].as_u64().ok_or("no id")? + 1;
                        message["id"] = next.into();
                    }
                }
            },
            ("<", text) => match self.next(id).ok_or("there is nothing to hear")? {
                Heard::Text(heard) => {
                    let (heard, wanted) = (json(&heard)?, json(text)?);
                    return equal(&heard.to_string(), &wanted.to_string());
                }
                Heard::Close(code) => return Err(format!("it was closed: {code}")),
            },
            ("x", code) => match self.next(id).ok_or("it was not closed")? {
                Heard::Close(heard) => return equal(&heard.to_string(), code),
                Heard::Text(text) => return Err(format!("it received {text}")),
            },
            ("hears", "nothing") => return self.expect_nothing(id),
            ("sends", "binary") => self.stage().binary(id),
            ("sends", size) => {
                let size = size.parse().map_err(|_| "no size")?;
                self.stage().text(id, &"x".repeat(size));
            }
            ("vanishes", "") => {
                self.expect_nothing(id)?;
                self.stage().vanish(id);
            }
            ("is", how) => {
                self.stage().handle(Input::Slow { connection: id, is_slow: how == "slow" });
            }
            _ => return Err("a client does not do that".to_owned()),
        }
        Ok(())
    }

    fn next(&mut self, id: ConnectionId) -> Option<Heard> {
        self.stage().heard.get_mut(&id)?.pop_front()
    }

    fn expect_nothing(&mut self, id: ConnectionId) -> Result<(), String> {
        self.next(id).map_or(Ok(()), |heard| Err(format!("there was more to hear: {heard:?}")))
    }

    fn finish(mut self) -> Result<(), String> {
        for (name, id) in self.clients.clone() {
            self.expect_nothing(id).map_err(|why| format!("at the end, {name}: {why}"))?;
        }
        self.application.finish()?;
        match self.stage().replies.pop_front() {
            Some((_, reply)) => {
                Err(format!("at the end: the web application was answered {}", shown(&reply)))
            }
            None => Ok(()),
        }
    }
}

fn equal(heard: &str, wanted: &str) -> Result<(), String> {
    if heard == wanted { Ok(()) } else { Err(format!("it is   {heard}\n  and not {wanted}")) }
}

/// A reply in a line.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Published { position, is_duplicate } => {
            let word = if *is_duplicate { "duplicate" } else { "published" };
            format!("{word} {} {}", position.epoch, position.offset)
        }
        Reply::Defined(defined) => {
            let names = |sign: &str, names: &[_]| {
                names.iter().map(|name| format!(" {sign}{name}")).collect::<Vec<_>>().concat()
            };
            let (added, changed) = (names("+", &defined.added), names("~", &defined.changed));
            format!("defined{added}{changed}{}", names("-", &defined.removed))
        }
        Reply::Events(events) => {
            let events = events.iter();
            let events = events.map(|event| format!("{} v{}", event.definition.name, event.version));
            format!("events {}", events.collect::<Vec<_>>().join(", "))
        }
        Reply::Issued { .. } => "issued".to_owned(),
        Reply::Sessions { sessions, .. } => {
            let sessions = sessions.iter().map(|session| {
                let user = session.user.as_ref().map_or("nobody", |user| user.as_str());
                let there = if session.connection.is_some() { "there" } else { "away" };
                format!("{user} {there} {}", session.subscriptions)
            });
            format!("sessions {}", sessions.collect::<Vec<_>>().join(", "))
        }
        Reply::Concerned(sessions) => format!("concerned {sessions}"),
        Reply::Presence(presence) => {
            let users = presence.users.iter().flatten().map(UserId::as_str);
            format!("presence {} {}", presence.sessions, users.collect::<Vec<_>>().join(","))
        }
        Reply::Refused(refusal) => format!("refused: {refusal}"),
    }
}
