//! Plays the steps of a script, one after the other, against a real gateway.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::{Client, Phase};
use super::pattern::{Names, Pattern};
use super::script::{Action, Answer, Payload, Script, Step};
use crate::gateway::Gateway;
use crate::raw::{Frame, Handshake, Opcode};

/// Plays a whole script.
pub(super) fn play(script: &Script) -> Result<(), String> {
    let gateway = Gateway::configured(&script.configuration)?;
    let mut player = Player { gateway: &gateway, clients: BTreeMap::new(), names: Names::default() };
    for step in &script.steps {
        player.step(step)?;
    }
    for (name, client) in player.clients.iter_mut().filter(|(_, client)| client.phase != Phase::NoWebSocket) {
        client.fence().map_err(|why| format!("{name}: {}", player.names.readable(&why)))?;
    }
    Ok(())
}

struct Player<'gateway> {
    gateway: &'gateway Gateway,
    clients: BTreeMap<String, Client>,
    names: Names,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        for name in &step.clients {
            self.act(name, &step.action).map_err(|why| {
                let why = self.names.readable(&why);
                format!("line {}: {name} at\n    {}\n  {why}", step.line, step.text)
            })?;
        }
        Ok(())
    }

    fn act(&mut self, name: &str, action: &Action) -> Result<(), String> {
        match action {
            Action::Connects => self.connect(name),
            Action::Joins { fields } => self.join(name, fields),
            Action::Upgrades { target } => {
                let request = Handshake::upgrade(target, &self.host());
                self.open(name)?.request = Some(request);
                Ok(())
            }
            Action::Asks { method, target } => {
                let request = Handshake::request(method, target, &self.host());
                self.open(name)?.request = Some(request);
                Ok(())
            }
            Action::AddsHeader(line) => {
                let line = line.replace("<host>", &self.host());
                self.change_request(name, |request| request.with(&line))
            }
            Action::DropsHeader(header) => self.change_request(name, |request| request.without(header)),
            Action::Answered(answer) => self.check_answer(name, answer),
            Action::Says { times, payload } => {
                for round in 0..*times {
                    let text = payload.fill(&self.names, round)?;
                    self.client(name)?.say(&text)?;
                }
                Ok(())
            }
            Action::Hears { times, payload } => {
                for round in 0..*times {
                    let actual = self.client(name)?.hear()?;
                    self.check(payload, &actual, round)?;
                }
                Ok(())
            }
            Action::Sends(words, opcode, payload) => {
                let payload = match payload {
                    Payload::Text(pattern) => pattern.fill(&self.names, 0)?.into_bytes(),
                    Payload::Bytes(bytes) => bytes.clone(),
                };
                let frame = words.iter().fold(Frame::new(*opcode, payload), |frame, word| word.apply(frame));
                self.client(name)?.send(&frame)
            }
            Action::Gets(opcode, text) => self.check_control(name, *opcode, text),
            Action::Closed { code, reason } => {
                let close = self.client(name)?.closed()?;
                if close.code != Some(*code) {
                    return Err(format!("the gateway closed with {:?} {:?}", close.code, close.reason));
                }
                self.check(reason, &close.reason, 0)
            }
            Action::Ended => self.client(name)?.end(),
            Action::Leaves => self.client(name)?.leave(),
            Action::Vanishes => {
                self.clients.remove(name).map(drop).ok_or_else(|| format!("there is no {name}"))
            }
            Action::FallsSilent => {
                self.client(name)?.fall_silent();
                Ok(())
            }
        }
    }

    fn connect(&mut self, name: &str) -> Result<(), String> {
        let request = Handshake::upgrade("/ws", &self.host());
        let client = self.open(name)?;
        client.request = Some(request);
        let response = client.answer()?;
        if !response.accepts_the_upgrade() {
            return Err(format!("the upgrade was answered by {response:?}"));
        }
        Ok(())
    }

    fn join(&mut self, name: &str, fields: &str) -> Result<(), String> {
        self.connect(name)?;
        let identify = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0"{fields}}}"#);
        let sent: Value = serde_json::from_str(&identify).map_err(|error| format!("{identify}: {error}"))?;
        self.client(name)?.say(&identify)?;
        let extended = sent.get("features").is_some() || sent.get("intents").is_some();
        let more = if extended { r#","features":["# } else { "}" };
        let hello = self.client(name)?.hear()?;
        let expected = format!(r#"{{"type":"HELLO","uuid":"<{name}>","version":"0.2.0"{more}"#);
        let start = hello.get(..r#"{"type":"HELLO","uuid":"","version":"0.2.0""#.len() + 36 + more.len());
        let start = if extended { start } else { Some(hello.as_str()) };
        self.check(&Pattern::parse(&expected), start.unwrap_or(&hello), 0)?;

        let nickname = sent.get("nickname").unwrap_or(&Value::Null);
        let tags =
            sent.get("tags").filter(|tags| tags.is_array()).map_or_else(|| "[]".to_owned(), Value::to_string);
        let joined = Pattern::parse(&format!(
            r#"{{"type":"CLIENT_JOINED","client":{{"name":"{name}","nickname":{nickname},"uuid":"<{name}>","tags":{tags}}}}}"#
        ));
        let present = |(other, client): &(&String, &Client)| {
            *other != name && client.phase == Phase::Identified && client.hears_presence
        };
        let others: Vec<String> =
            self.clients.iter().filter(present).map(|(other, _)| other.clone()).collect();
        for other in others {
            let actual = self.client(&other)?.hear().map_err(|why| format!("{other} was not told: {why}"))?;
            self.check(&joined, &actual, 0).map_err(|why| format!("{other} was told wrongly: {why}"))?;
        }
        Ok(())
    }

    fn check(&mut self, expected: &Pattern, actual: &str, round: u64) -> Result<(), String> {
        expected
            .check(actual, &mut self.names, round)
            .map_err(|why| format!("this came instead:\n    {actual}\n  {why}"))
    }

    fn check_answer(&mut self, name: &str, expected: &Answer) -> Result<(), String> {
        let response = self.client(name)?.answer()?.clone();
        match expected {
            Answer::Status(101) if !response.accepts_the_upgrade() => {
                Err(format!("no upgrade was granted: {response:?}"))
            }
            Answer::Status(status) if response.status != *status => {
                Err(format!("this came instead: {response:?}"))
            }
            Answer::Status(_) => Ok(()),
            Answer::Header(header, value) => {
                let actual =
                    response.header(header).ok_or_else(|| format!("it has no {header}: {response:?}"))?;
                self.check(value, actual, 0)
            }
            Answer::Without(header) => match response.header(header) {
                Some(value) => Err(format!("it has {header}: {value}")),
                None => Ok(()),
            },
            Answer::Body(body) => self.check(body, &response.text(), 0),
        }
    }

    fn check_control(&mut self, name: &str, expected: Opcode, text: &str) -> Result<(), String> {
        let (opcode, payload) = self.client(name)?.control()?;
        // What a gateway writes into its own pings is its business.
        let right = opcode == expected && (expected == Opcode::PING || payload == text.as_bytes());
        if right {
            Ok(())
        } else {
            Err(format!("this came instead: {opcode:?} {:?}", String::from_utf8_lossy(&payload)))
        }
    }

    fn change_request(
        &mut self,
        name: &str,
        change: impl FnOnce(Handshake) -> Handshake,
    ) -> Result<(), String> {
        let client = self.client(name)?;
        let request = client.request.take().ok_or("its request has gone already")?;
        client.request = Some(change(request));
        Ok(())
    }

    fn open(&mut self, name: &str) -> Result<&mut Client, String> {
        if self.clients.get(name).is_some_and(|client| client.phase != Phase::NoWebSocket) {
            return Err(format!("{name} is connected already"));
        }
        self.names.forget(name);
        let client = Client::open(self.gateway.address())?;
        self.clients.insert(name.to_owned(), client);
        self.client(name)
    }

    fn client(&mut self, name: &str) -> Result<&mut Client, String> {
        self.clients.get_mut(name).ok_or_else(|| format!("there is no {name}"))
    }

    fn host(&self) -> String {
        self.gateway.address().to_string()
    }
}
