//! Plays the lines of a transcript of Telegraphy, one after the other, against a gateway of its own.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use support::application::{Application, KEY};
use support::gateway::GatewayProcess;
use support::raw::{Frame, Handshake, Opcode, RawSocket, Response};
use tempfile::TempDir;

use super::names::Names;
use super::played::lines;
use crate::files::until;

/// The highest number of a request: after it nothing can be asked.
const LAST: u64 = (1 << 53) - 1;

/// Plays a transcript; what went wrong, and where.
pub(super) fn play(text: &str) -> Result<(), String> {
    let lines = lines(text)?;
    let settings = lines.iter().filter_map(|(_, line)| line.strip_prefix("gateway ")?.split_once(' '));
    let settings = settings.map(|(key, value)| match key {
        "registry_grace" => format!("telegraphy.{key}={value}s"),
        _ => format!("telegraphy.{key}={value}"),
    });
    let mut player = Player::start(settings.collect())?;
    for (number, line) in lines {
        player.line(line).map_err(|why| format!("line {number}: {line}\n  {why}"))?;
    }
    player.finish()
}

/// A WebSocket of a transcript.
struct Client {
    socket: RawSocket,
    /// What the gateway calls it, once it is connected.
    connection: Option<Value>,
    is_closed: bool,
}

/// A gateway, and who is there.
struct Player {
    folder: TempDir,
    settings: Vec<String>,
    gateway: GatewayProcess,
    application: Application,
    clients: BTreeMap<String, Client>,
    /// Those whose names somebody else has now.
    others: Vec<Client>,
    names: Names,
    replies: VecDeque<String>,
    answers: VecDeque<Response>,
}

impl Player {
    fn start(mut settings: Vec<String>) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        settings.push(format!("telegraphy.store={}", folder.path().join("store.db").display()));
        // Clients come from where the transcript says.
        settings.push("trusted_proxies=127.0.0.1".to_owned());
        let (gateway, application) = gateway(&settings)?;
        Ok(Self {
            folder,
            settings,
            gateway,
            application,
            clients: BTreeMap::new(),
            others: Vec::new(),
            names: Names::default(),
            replies: VecDeque::new(),
            answers: VecDeque::new(),
        })
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.split_once(' ').ok_or("nothing happens")? {
            ("gateway", "restarts") => self.restart(),
            ("gateway", setting) if setting.contains(' ') => Ok(()),
            // What waits is answered all the same.
            ("store", "waits" | "works") | ("time", _) => Ok(()),
            ("web", what) => self.web(what),
            ("gateway" | "store", _) => Err("not over sockets".to_owned()),
            (name, what) => self.client(name, what),
        }
    }

    fn restart(&mut self) -> Result<(), String> {
        self.clients.clear();
        self.names.forget_connections();
        self.gateway.program.signal(rustix::process::Signal::KILL).map_err(chain)?;
        self.gateway.program.wait().map_err(chain)?;
        (self.gateway, self.application) = gateway(&self.settings)?;
        Ok(())
    }

    fn web(&mut self, what: &str) -> Result<(), String> {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        match verb {
            "=" => {
                let reply = self.replies.pop_front().ok_or("there is no reply")?;
                self.same_reply(rest, &reply)
            }
            "<" => {
                let answer = self.answers.pop_front().ok_or("there is no answer")?;
                self.same_answer(rest, &answer)
            }
            ">" => {
                let answer = self.request(rest)?;
                self.answers.push_back(answer);
                Ok(())
            }
            _ => {
                let reply = self.ask(verb, rest)?;
                self.replies.push_back(reply);
                Ok(())
            }
        }
    }

    /// A request as a transcript has it: `METHOD TARGET [as TYPE] [BODY]`.
    fn request(&self, line: &str) -> Result<Response, String> {
        let mut words = line.splitn(3, ' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (kind, body) = match words.next().unwrap_or_default() {
            typed if typed.starts_with("as ") => {
                let (kind, body) = typed.split_at("as ".len()).1.split_once(' ').ok_or("which type?")?;
                (Some(kind), body)
            }
            body => (None, body),
        };
        let body = match body.strip_suffix(" bytes").map(str::parse) {
            Some(Ok(bytes)) => " ".repeat(bytes),
            _ => self.names.said(&body.replace('¶', "\n")),
        };
        self.send(method, target, kind, &body)
    }

    fn send(&self, method: &str, target: &str, kind: Option<&str>, body: &str) -> Result<Response, String> {
        let host = self.application.address.to_string();
        let mut request = Handshake::request(method, &self.names.target(target), &host)
            .with(&format!("Authorization: Bearer {KEY}"))
            .with("Connection: close");
        if let Some(kind) = kind {
            request = request.with(&format!("Content-Type: {kind}"));
        }
        if !body.is_empty() {
            request = request.with(&format!("Content-Length: {}", body.len()));
        }
        let mut socket = RawSocket::open(self.application.address).map_err(chain)?;
        socket.send_bytes(request.text().as_bytes()).map_err(chain)?;
        // Who is refused need not have sent everything.
        let _refused = socket.send_bytes(body.as_bytes());
        if method == "HEAD" { socket.read_head() } else { socket.read_response() }.map_err(chain)
    }

    /// `CODE[ Allow: METHODS;][ Retry-After: SECONDS;][ BODY]`
    fn same_answer(&mut self, wanted: &str, answer: &Response) -> Result<(), String> {
        let header = |name| answer.header(name).map(|value| format!(" {name}: {value};")).unwrap_or_default();
        let head = format!("{}{}{}", answer.status, header("Allow"), header("Retry-After"));
        let body =
            wanted.strip_prefix(&head).ok_or_else(|| format!("it is {head} {}", answer.text()))?.trim();
        if answer.body.is_empty() {
            return Ok(());
        }
        self.names.same(&read(body)?, &read(&answer.text())?)
    }

    /// What the web application does in a word, as a request.
    fn ask(&mut self, verb: &str, rest: &str) -> Result<String, String> {
        let two = || rest.split_once(' ').ok_or("two words");
        let (method, target, body) = match verb {
            "issues" => ("POST", "/tokens".to_owned(), read(two()?.1)?),
            "defines" => {
                let (source, events) = two()?;
                ("PUT", "/events".to_owned(), json!({"source": source, "events": read(events)?}))
            }
            "undefines" => ("DELETE", format!("/events/{rest}"), Value::Null),
            "publishes" => ("POST", "/publish".to_owned(), read(rest)?),
            "ends" => ("DELETE", format!("/users/{rest}/sessions"), Value::Null),
            "grants" => {
                let (user, grants) = two()?;
                ("POST", format!("/users/{user}/grants"), json!({"grants": read(grants)?}))
            }
            "subscribes" => {
                let (user, subscription) = two()?;
                let mut body = read(subscription)?;
                body["user"] = user.into();
                ("POST", "/subscriptions".to_owned(), body)
            }
            "lists" => ("GET", format!("/{rest}"), Value::Null),
            "shows" => ("GET", format!("/events/{rest}/presence"), Value::Null),
            _ => return Err("the web application does not do that".to_owned()),
        };
        let body = if body.is_null() { String::new() } else { self.names.said(&body.to_string()) };
        let answer = self.send(method, &format!("/api/v1{target}"), None, &body)?;
        let told = if answer.body.is_empty() { Value::Null } else { read(&answer.text())? };
        if answer.status >= 400 {
            return Ok(format!("refused: {}", word(&told["message"])));
        }
        if verb == "issues" {
            self.names.bind(two()?.0, &word(&told["token"]))?;
        }
        Ok(reply(verb, rest, &told))
    }

    fn same_reply(&mut self, wanted: &str, reply: &str) -> Result<(), String> {
        let place = |text: &str| {
            let mut words = text.split(' ').map(str::to_owned);
            let [what, epoch, offset] = [(); 3].map(|()| words.next().unwrap_or_default());
            matches!(what.as_str(), "published" | "duplicate").then_some((what, epoch, offset))
        };
        let is_same = match (place(wanted), place(reply)) {
            (Some(wanted), Some(reply)) => {
                self.names.bind(&wanted.1, &reply.1)?;
                (wanted.0, wanted.2) == (reply.0, reply.2)
            }
            _ => wanted == reply,
        };
        if is_same { Ok(()) } else { Err(format!("it is {reply}")) }
    }

    fn client(&mut self, name: &str, what: &str) -> Result<(), String> {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        if verb == "connects" {
            let client = self.open(rest.strip_prefix("from ").unwrap_or("192.0.2.1"))?;
            self.others.extend(self.clients.insert(name.to_owned(), client));
            return Ok(());
        }
        if verb == "vanishes" {
            let gone = self.clients.remove(name).ok_or("nobody of this name is there")?.connection;
            return self.wait_without(gone.as_ref());
        }
        let client = self.clients.get_mut(name).ok_or("nobody of this name is there")?;
        match (verb, rest) {
            (">", text) => match text.split_once(" times ") {
                None => client.say(&self.names.said(text)),
                Some((times, text)) => {
                    let mut message = read(text)?;
                    for _ in 0..times.parse::<u32>().map_err(|_| "no count")? {
                        client.say(&message.to_string())?;
                        message["id"] = (message["id"].as_u64().ok_or("no id")? + 1).into();
                    }
                    Ok(())
                }
            },
            ("<", text) => {
                let heard = client.hear()?;
                self.names.same(&read(text)?, &heard)
            }
            ("x", wanted) => {
                let heard = client.closed()?;
                if heard == wanted { Ok(()) } else { Err(format!("it is {heard}")) }
            }
            // Whatever came all the same is what it hears next.
            ("hears", "nothing") => Ok(()),
            ("sends", "binary") => client.socket.send(&Frame::binary(b"{}")).map_err(chain),
            ("sends", size) => client.say(&"x".repeat(size.parse().map_err(|_| "no size")?)),
            _ => Err("not over sockets".to_owned()),
        }
    }

    fn open(&self, from: &str) -> Result<Client, String> {
        let mut socket = RawSocket::open(self.gateway.address()).map_err(chain)?;
        let handshake = Handshake::upgrade("/telegraphy/ws", &self.gateway.address().to_string());
        let answer = socket.ask(&handshake.with(&format!("X-Forwarded-For: {from}"))).map_err(chain)?;
        if answer.accepts_the_upgrade() {
            Ok(Client { socket, connection: None, is_closed: false })
        } else {
            Err(format!("the upgrade was answered by {answer:?}"))
        }
    }

    /// Waits until the gateway knows that a connection is gone.
    fn wait_without(&self, gone: Option<&Value>) -> Result<(), String> {
        let Some(gone) = gone else { return Ok(()) };
        let mut failure = None;
        until("a connection is gone", || match self.send("GET", "/api/v1/sessions", None, "") {
            Ok(answer) => !answer.text().contains(&gone.to_string()),
            Err(why) => {
                failure = Some(why);
                true
            }
        });
        failure.map_or(Ok(()), Err)
    }

    fn finish(mut self) -> Result<(), String> {
        for (name, client) in self.clients.iter_mut().filter(|(_, client)| !client.is_closed) {
            client.fence().map_err(|why| format!("at the end, {name}: {why}"))?;
        }
        if !(self.replies.is_empty() && self.answers.is_empty()) {
            return Err(format!("at the end: {:?} {:?}", self.replies, self.answers));
        }
        drop(self.gateway);
        self.folder.close().map_err(|error| error.to_string())
    }
}

impl Client {
    fn say(&mut self, text: &str) -> Result<(), String> {
        self.socket.send_text(text).map_err(chain)
    }

    fn hear(&mut self) -> Result<Value, String> {
        let heard = read(&self.socket.read_text().map_err(chain)?)?;
        let connection = &heard["data"]["connection"];
        if connection.is_string() {
            self.connection = Some(connection.clone());
        }
        Ok(heard)
    }

    /// The close, which must be the next thing that comes.
    fn closed(&mut self) -> Result<String, String> {
        self.is_closed = true;
        loop {
            let frame = self.socket.read_frame().map_err(chain)?.ok_or("it ended without a close")?;
            match frame.opcode {
                Opcode::PING => {}
                Opcode::CLOSE => {
                    let close = frame.to_close().map_err(chain)?;
                    return Ok(format!("{} {}", close.code.unwrap_or_default(), close.reason));
                }
                _ => return Err(format!("this came: {}", String::from_utf8_lossy(&frame.payload))),
            }
        }
    }

    /// Asks for one answer more, which must be the next thing that comes.
    fn fence(&mut self) -> Result<(), String> {
        self.say(&json!({"message": "PING", "id": LAST}).to_string())?;
        let heard = self.hear()?;
        if heard["id"] == LAST { Ok(()) } else { Err(format!("there was more to hear: {heard}")) }
    }
}

fn gateway(settings: &[String]) -> Result<(GatewayProcess, Application), String> {
    let arguments: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting.as_str()]).collect();
    Application::start(&arguments).map_err(chain)
}

/// What an answer says, in the words of a transcript.
fn reply(verb: &str, rest: &str, told: &Value) -> String {
    let each = |list: &Value, show: &dyn Fn(&Value) -> String| -> Vec<String> {
        list.as_array().into_iter().flatten().map(show).collect()
    };
    let signed = |sign: &str, key: &str| each(&told[key], &|name| format!(" {sign}{}", word(name))).concat();
    match (verb, rest) {
        ("issues", _) => "issued".to_owned(),
        ("defines", _) => {
            format!("defined{}{}{}", signed("+", "added"), signed("~", "changed"), signed("-", "removed"))
        }
        ("undefines", name) => format!("defined -{name}"),
        ("publishes", _) => {
            let what = if told["duplicate"] == true { "duplicate" } else { "published" };
            format!("{what} {} {}", word(&told["epoch"]), told["offset"])
        }
        ("lists", "events") => {
            let event = |event: &Value| format!("{} v{}", word(&event["name"]), event["version"]);
            format!("events {}", each(&told["events"], &event).join(", "))
        }
        ("lists", _) => {
            let mut sessions = each(&told["sessions"], &|session| {
                let there = if session["connection"].is_null() { "away" } else { "there" };
                format!(
                    "{} {there} {}",
                    session["user"].as_str().unwrap_or("nobody"),
                    session["subscriptions"]
                )
            });
            // Their ids are drawn, and so is their order.
            sessions.sort();
            format!("sessions {}", sessions.join(", "))
        }
        ("shows", _) => format!("presence {} {}", told["sessions"], each(&told["users"], &word).join(",")),
        _ => format!("concerned {}", told["sessions"]),
    }
}

/// A string as it is.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn chain(error: anyhow::Error) -> String {
    format!("{error:#}")
}
