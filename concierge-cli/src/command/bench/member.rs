//! The clients of a run. Each is a WebSocket and the session's state machine, without the SDK's queues and tasks: what is measured
//! is the gateway, so the generator is to cost little.

use std::time::Duration;

use concierge_client::{
    CallError, CloseCause, ConnectError, GatewayUrl, RawConnection, RawReceiver, RawSender, Received, Stage,
    payload::{ClientName, Feature, Features, Hello, Identify, Intents, Reply, Request, Secret},
    session::{Connection, Encoded, Heard, NotHello, Waiting},
};
use tokio::time::{Instant, timeout_at};

use crate::{exit::Exit, failure::Failure};

/// How long a gateway has to say good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where a run's clients go in.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// The gateway.
    pub url: GatewayUrl,
    /// What it asks of those who may come in.
    pub secret: Option<Secret>,
    /// How long connecting, and each answer, may take.
    pub within: Duration,
    /// How the clients are called: this, and their number.
    pub name: String,
}

/// A client that was let in.
#[derive(Debug)]
pub(super) struct Member {
    /// The name it was let in with.
    pub name: ClientName,
    /// What the gateway answered.
    pub hello: Hello,
    connection: RawConnection,
    session: Connection<Setup>,
    within: Duration,
}

/// What a request of the preparation leaves behind.
#[derive(Debug)]
struct Setup;

impl Waiting for Setup {
    fn is_abandoned(&self) -> bool {
        false
    }
}

impl Door {
    /// Lets a client in, under the run's name and this after it.
    pub(super) async fn enter(&self, suffix: &str) -> Result<Member, Failure> {
        let name = format!("{}_{suffix}", self.name);
        let name: ClientName = name.parse().map_err(|error| Failure::usage(format!("{name}: {error}")))?;
        self.admit(&name).await.map_err(|error| Failure::from(error).about(&self.url))
    }

    async fn admit(&self, name: &ClientName) -> Result<Member, ConnectError> {
        let deadline = Instant::now() + self.within;
        let mut connection = RawConnection::connect(&self.url, self.within).await?;
        let mut identify = Identify::new(name);
        // An original gateway knows neither, and sends more.
        identify.features = Some(Features::NONE.with(Feature::Compact));
        identify.intents = Some(Intents::NONE);
        identify.secret.clone_from(&self.secret);
        let mut session = Connection::new(&identify);
        while let Some(text) = session.poll_transmit() {
            // What it fails with is told by what is received next.
            let _ = connection.send(text).await;
        }
        let Ok(received) = timeout_at(deadline, connection.receive()).await else {
            return Err(ConnectError::Timeout { stage: Stage::Identify, after: self.within });
        };
        let heard = match received {
            Received::Text(text) => session.handle_text(&text),
            Received::Closed(CloseCause::ByGateway { code, reason }) => {
                return Err(ConnectError::Refused { code, reason: reason.to_string() });
            }
            Received::Closed(_) => return Err(ConnectError::HungUp { stage: Stage::Identify, source: None }),
            _ => return Err(NotHello::Other.into()),
        };
        match heard {
            Heard::Hello(hello) => {
                Ok(Member { name: name.clone(), hello, connection, session, within: self.within })
            }
            Heard::NotHello(error) => Err(error.into()),
            _ => Err(NotHello::Other.into()),
        }
    }
}

impl Member {
    /// Asks the gateway for something that the run needs before it begins.
    pub(super) async fn ask(&mut self, request: &(impl Request + Sync)) -> Result<Reply, Failure> {
        let request = Encoded::new(request).map_err(CallError::Encode)?;
        let not_ready = |_| Failure::new(Exit::Lost, "the connection has ended");
        self.session.request(request, Setup).map_err(not_ready)?;
        let deadline = Instant::now() + self.within;
        while let Some(text) = self.session.poll_transmit() {
            // What it fails with is told by what is received next.
            let _ = self.connection.send(text).await;
        }
        loop {
            let received = timeout_at(deadline, self.connection.receive()).await;
            match received.map_err(|_| CallError::Timeout { after: self.within })? {
                Received::Text(text) => {
                    if let Heard::Answer { reply, .. } = self.session.handle_text(&text) {
                        let reply = reply.map_err(|error| CallError::Decode(error.into()))?;
                        return Ok(reply.accepted().map_err(CallError::from)?);
                    }
                }
                Received::Closed(cause) => return Err(cause.into()),
                _ => {}
            }
        }
    }

    /// The connection alone, for work.
    pub(super) fn into_connection(self) -> RawConnection {
        self.connection
    }

    /// Leaves.
    pub(super) async fn leave(self) {
        let (mut outgoing, mut incoming) = self.connection.split();
        part(&mut outgoing, &mut incoming).await;
    }
}

/// Closes a connection, and gives the gateway a moment to close its side.
pub(super) async fn part(outgoing: &mut RawSender, incoming: &mut RawReceiver) {
    let farewell = async {
        outgoing.close().await;
        while !matches!(incoming.receive().await, Received::Closed(_)) {}
    };
    // Whoever does not answer is left without a word.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}
