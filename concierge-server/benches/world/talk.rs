//! A message on its way through the pure half of the gateway: a text, what it asks for, who is to have what.

use std::sync::Arc;
use std::time::Duration;

use concierge_client::payload::{Client, InvalidName, MessageEncoder, Tags, Target};
use concierge_server::dialect::concierge::{Connection, Deliveries, Ids, Rules, Step};
use concierge_server::hub::{ClientId, Hub, Limits};
use serde_json::value::RawValue;
use uuid::Uuid;

/// The moment at which everything happens.
const NOW: Duration = Duration::ZERO;

/// A client that sends messages of one size to another.
#[derive(Debug)]
pub(crate) struct Talk {
    hub: Hub,
    sender: Connection,
    text: String,
    deliveries: Deliveries,
    encoder: MessageEncoder,
    encoded: String,
    target: Target,
    data: Box<RawValue>,
}

impl Talk {
    /// With so many bytes of `data`.
    pub(crate) fn new(bytes: usize) -> Result<Self, InvalidName> {
        let (mut hub, mut deliveries) = (Hub::new(Limits::default()), Deliveries::default());
        let [sender, _receiver] = [(1, "sender"), (2, "receiver")].map(|(number, name)| {
            let mut connection = Connection::new(Arc::new(Rules::default()), NOW);
            let extensions = r#""features":["compact"],"intents":[]"#;
            let text = format!(r#"{{"type":"IDENTIFY","name":"{name}","version":"0.2.0",{extensions}}}"#);
            let Step::Hub(input) = connection.handle_text(&text, NOW) else { panic!("{text} is refused") };
            connection.perform(input, &mut hub, ids(number), NOW, &mut deliveries);
            connection
        });
        let data = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
        let text =
            format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"receiver"}},"data":{data}}}"#);
        let client = Client {
            name: "sender".parse()?,
            nickname: None,
            uuid: Uuid::from_u128(1),
            tags: Tags::default(),
        };
        let encoder = MessageEncoder::new(&client);
        let target = Target::Name { name: "receiver".into() };
        let data = RawValue::from_string(data).expect("a string of letters is JSON");
        Ok(Self { hub, sender, text, deliveries, encoder, encoded: String::new(), target, data })
    }

    /// What the text asks for.
    pub(crate) fn decode(&mut self) -> Step<'_> {
        self.sender.handle_text(&self.text, NOW)
    }

    /// The text that the receiver is sent.
    pub(crate) fn encode(&mut self) -> &str {
        self.encoded.clear();
        self.encoder.write(&mut self.encoded, None, &self.target, &self.data);
        &self.encoded
    }

    /// All of it: what it asks for, what the hub makes of it, and the texts of the message and of the answer.
    pub(crate) fn pass(&mut self) -> usize {
        self.deliveries.clear();
        let Step::Hub(input) = self.sender.handle_text(&self.text, NOW) else { panic!("it is no message") };
        self.sender.perform(input, &mut self.hub, ids(3), NOW, &mut self.deliveries);
        self.deliveries.len()
    }
}

fn ids(number: u64) -> Ids {
    let uuid = Uuid::from_u128(number.into());
    Ids { client: ClientId(number), uuid, fs_key: uuid }
}
