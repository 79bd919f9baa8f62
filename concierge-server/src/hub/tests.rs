//! The rules as data: a sequence of inputs, and every effect in order.
//!
//! An effect is written as its receivers, an arrow, and what they get; `chat[bob,eve]` is a service with its subscribers.

use concierge_client::payload::{Client, Event, Intent, Intents, Reply, Service, ServiceName, Tags, Target};
use uuid::Uuid;

use super::{Change, ClientId, Effect, Fetch, Form, Hub, Limits, Profile, Recipients, Token};

/// A hub whose clients are called by name.
struct Scene {
    hub: Hub,
    names: Vec<&'static str>,
}

impl Scene {
    fn new(names: &[&'static str]) -> Self {
        Self::with_limits(Limits::default(), names)
    }

    fn with_limits(limits: Limits, names: &[&'static str]) -> Self {
        let mut scene = Self { hub: Hub::new(limits), names: Vec::new() };
        for name in names {
            scene.join(name, Profile::default());
        }
        scene
    }

    fn join(&mut self, name: &'static str, profile: Profile) -> Vec<String> {
        self.names.push(name);
        let client = ClientId(self.names.len() as u64 - 1);
        let uuid = Uuid::from_u64_pair(1, client.0);
        let info = Client { name: name.parse().unwrap(), nickname: None, uuid, tags: Tags::default() };
        self.apply(Change::Join { client, info, profile })
    }

    /// The latest client of that name.
    fn id(&self, name: &str) -> ClientId {
        ClientId(self.names.iter().rposition(|known| *known == name).unwrap() as u64)
    }

    fn apply(&mut self, change: Change) -> Vec<String> {
        let mut effects = Vec::new();
        self.hub.change(change, &mut effects);
        self.written(effects)
    }

    fn leave(&mut self, name: &str) -> Vec<String> {
        self.apply(Change::Leave { client: self.id(name) })
    }

    fn subscribe(&mut self, name: &str, service: &str) -> Vec<String> {
        let (client, service) = (self.id(name), service.parse().unwrap());
        self.apply(Change::Subscribe { client, token: Token(0), service })
    }

    fn unsubscribe(&mut self, name: &str, service: &str) -> Vec<String> {
        let (client, service) = (self.id(name), service.parse().unwrap());
        self.apply(Change::Unsubscribe { client, token: Token(0), service })
    }

    fn create(&mut self, name: &str, service: &str) -> Vec<String> {
        let (client, service) = (self.id(name), service.parse().unwrap());
        self.apply(Change::Create { client, token: Token(0), service, nickname: None })
    }

    fn delete(&mut self, name: &str, service: &str) -> Vec<String> {
        let (client, service) = (self.id(name), service.parse().unwrap());
        self.apply(Change::Delete { client, token: Token(0), service })
    }

    fn send(&mut self, name: &str, target: impl Into<Target>) -> Vec<String> {
        let mut effects = Vec::new();
        self.hub.route(self.id(name), Token(0), &target.into(), &mut effects);
        self.written(effects)
    }

    fn uuid(&self, name: &str) -> Uuid {
        Uuid::from_u64_pair(1, self.id(name).0)
    }

    fn name(&self, client: ClientId) -> &'static str {
        self.names[usize::try_from(client.0).unwrap()]
    }

    fn written(&self, effects: Vec<Effect>) -> Vec<String> {
        effects.into_iter().map(|effect| self.write(effect)).collect()
    }

    fn write(&self, effect: Effect) -> String {
        let all = |to: Recipients| {
            to.as_slice().iter().map(|client| self.name(*client)).collect::<Vec<_>>().join(",")
        };
        match effect {
            Effect::Joined { client } => format!("{} is in", self.name(client)),
            Effect::NameTaken { client } => format!("{} is refused", self.name(client)),
            Effect::Answer { to, reply, .. } => format!("{} = {}", self.name(to), self.reply(&reply)),
            Effect::Event { to, event } => format!("{} <- {}", all(to), self.event(&event)),
            Effect::Message { to, service } => {
                let by =
                    service.map_or_else(String::new, |service| format!(" by {}", self.service(&service)));
                format!("{} <- message{by}", all(to))
            }
        }
    }

    fn service(&self, service: &Service) -> String {
        let subscribers: Vec<_> =
            service.subscribers.iter().map(|uuid| self.name(ClientId(uuid.as_u64_pair().1))).collect();
        format!("{}[{}]", service.name, subscribers.join(","))
    }

    fn reply(&self, reply: &Reply) -> String {
        match reply {
            Reply::SelfSubscribeResult(result) => {
                format!("subscribed {} {}", result.successful, self.service(&result.service))
            }
            Reply::SelfUnsubscribeResult(result) => {
                format!("unsubscribed {} {}", result.successful, self.service(&result.service))
            }
            Reply::ServiceCreateResult(result) => {
                format!("created {} {}", result.successful, self.service(&result.service))
            }
            Reply::ServiceDeleteResult(result) => format!("deleted {}", self.service(&result.service)),
            Reply::SelfFetchResult(result) => {
                let services: Vec<_> =
                    result.subscriptions.iter().map(|service| self.service(service)).collect();
                format!("{} in {}", result.client.name, services.join(" "))
            }
            other => format!("{other:?}"),
        }
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::ClientJoined { client } => format!("{} joined", client.name),
            Event::ClientLeft { client } => format!("{} left", client.name),
            Event::ServiceCreateResult(result) => format!("new {}", self.service(&result.service)),
            Event::ServiceDeleteResult(result) => format!("gone {}", self.service(&result.service)),
            Event::ServiceClientSubscribed { client, service } => {
                format!("{} entered {}", client.name, self.service(service))
            }
            Event::ServiceClientUnsubscribed { client, service } => {
                format!("{} quit {}", client.name, self.service(service))
            }
            other => format!("{other:?}"),
        }
    }
}

fn compact() -> Profile {
    Profile { form: Form::Compact, intents: Intents::ALL }
}

fn service(name: &str) -> Target {
    Target::service(ServiceName::new(name).unwrap())
}

#[test]
fn a_joiner_is_told_to_the_others_and_not_to_itself() {
    let mut scene = Scene::new(&["alice", "bob"]);
    assert_eq!(scene.join("eve", Profile::default()), ["eve is in", "alice,bob <- eve joined"]);
}

#[test]
fn a_name_is_unique_while_its_client_is_here() {
    let mut scene = Scene::new(&["alice"]);
    assert_eq!(scene.join("alice", Profile::default()), ["alice is refused"]);
    scene.hub.change(Change::Leave { client: ClientId(0) }, &mut Vec::new());
    assert_eq!(scene.join("alice", Profile::default()), ["alice is in"]);
}

#[test]
fn a_subscription_is_answered_first_and_then_told_to_all_subscribers() {
    let mut scene = Scene::new(&["alice", "bob", "eve"]);
    scene.create("alice", "chat");
    scene.subscribe("bob", "chat");
    assert_eq!(
        scene.subscribe("eve", "chat"),
        ["eve = subscribed true chat[bob,eve]", "bob,eve <- eve entered chat[bob,eve]"]
    );
    assert_eq!(scene.subscribe("eve", "chat"), ["eve = subscribed false chat[bob,eve]"]);
    assert_eq!(
        scene.unsubscribe("bob", "chat"),
        ["bob = unsubscribed true chat[eve]", "eve <- bob quit chat[eve]"]
    );
    assert_eq!(scene.unsubscribe("bob", "chat"), ["bob = unsubscribed false chat[eve]"]);
}

#[test]
fn a_new_service_is_told_to_everyone_before_it_is_answered() {
    let mut scene = Scene::new(&["alice", "bob"]);
    assert_eq!(scene.create("alice", "chat"), ["alice,bob <- new chat[]", "alice = created true chat[]"]);
    assert_eq!(scene.create("bob", "chat"), ["bob = created false chat[]"]);
}

#[test]
fn only_the_owner_deletes_and_the_service_is_shown_as_it_was() {
    let mut scene = Scene::new(&["alice", "bob"]);
    scene.create("alice", "chat");
    scene.subscribe("bob", "chat");
    assert_eq!(scene.delete("bob", "chat"), ["bob = Bad { desc: None }"]);
    assert_eq!(scene.delete("alice", "chat"), ["alice,bob <- gone chat[bob]", "alice = deleted chat[bob]"]);
    assert_eq!(scene.delete("alice", "chat"), ["alice = InvalidService { service: \"chat\" }"]);
}

#[test]
fn a_service_of_the_same_name_starts_without_subscribers() {
    let mut scene = Scene::new(&["alice", "bob"]);
    scene.create("alice", "chat");
    scene.subscribe("bob", "chat");
    scene.delete("alice", "chat");
    scene.create("alice", "chat");
    let mut effects = Vec::new();
    scene.hub.fetch(scene.id("bob"), Token(0), &Fetch::Own, &mut effects);
    assert_eq!(scene.written(effects), ["bob = bob in "]);
    assert_eq!(scene.send("alice", service("chat")), ["alice = Ok"]);
}

#[test]
fn owner_leaving_deletes_its_services_then_ends_its_subscriptions_then_is_gone() {
    let mut scene = Scene::new(&["alice", "bob", "eve"]);
    scene.create("alice", "first");
    scene.create("alice", "second");
    scene.create("bob", "chat");
    scene.create("bob", "quiet");
    scene.subscribe("alice", "first");
    scene.subscribe("eve", "second");
    scene.subscribe("eve", "chat");
    scene.subscribe("alice", "chat");
    assert_eq!(
        scene.leave("alice"),
        [
            "bob,eve <- gone first[]",
            "bob,eve <- gone second[eve]",
            "eve <- alice quit chat[eve]",
            "bob,eve <- alice left",
        ]
    );
    assert_eq!(scene.leave("alice"), [""; 0]);
}

#[test]
fn a_message_from_the_owner_reaches_every_subscriber_but_itself() {
    let mut scene = Scene::new(&["alice", "bob", "eve"]);
    scene.create("alice", "chat");
    for name in ["alice", "bob", "eve"] {
        scene.subscribe(name, "chat");
    }
    assert_eq!(
        scene.send("alice", service("chat")),
        ["bob,eve <- message by chat[alice,bob,eve]", "alice = Ok"]
    );
    assert_eq!(scene.send("bob", service("chat")), ["alice <- message by chat[alice,bob,eve]", "bob = Ok"]);
}

#[test]
fn a_message_to_a_service_needs_the_service_and_a_subscription() {
    let mut scene = Scene::new(&["alice", "bob"]);
    assert_eq!(scene.send("bob", service("chat")), ["bob = InvalidService { service: \"chat\" }"]);
    scene.create("alice", "chat");
    assert_eq!(scene.send("bob", service("chat")), ["bob = Bad { desc: None }"]);
}

#[test]
fn one_client_of_a_service_is_refused_in_the_order_of_the_protocol() {
    let mut scene = Scene::new(&["alice", "bob"]);
    let nobody = Uuid::from_u128(9);
    let target = |uuid| Target::service_client(ServiceName::new("chat").unwrap(), uuid);
    assert_eq!(scene.send("bob", target(nobody)), ["bob = InvalidService { service: \"chat\" }"]);
    scene.create("alice", "chat");
    assert_eq!(scene.send("bob", target(nobody)), ["bob = Bad { desc: None }"]);
    assert_eq!(
        scene.send("alice", target(nobody)),
        ["alice = InvalidUuid { uuid: 00000000-0000-0000-0000-000000000009 }"]
    );
    let bob = scene.uuid("bob");
    assert_eq!(scene.send("alice", target(bob)), ["bob <- message by chat[]", "alice = Ok"]);
}

#[test]
fn a_client_may_send_to_itself() {
    let mut scene = Scene::new(&["alice"]);
    assert_eq!(scene.send("alice", "alice"), ["alice <- message", "alice = Ok"]);
    let uuid = scene.uuid("alice");
    assert_eq!(scene.send("alice", uuid), ["alice <- message", "alice = Ok"]);
    assert_eq!(scene.send("alice", Target::All), ["alice <- message", "alice = Ok"]);
    assert_eq!(scene.send("alice", "bob"), ["alice = InvalidName { name: \"bob\" }"]);
}

#[test]
fn each_form_is_one_effect_whatever_the_number_of_receivers() {
    let mut scene = Scene::new(&["alice", "bob", "eve"]);
    scene.join("small", compact());
    scene.join("tiny", compact());
    scene.create("alice", "chat");
    for name in ["bob", "small", "eve", "tiny"] {
        scene.subscribe(name, "chat");
    }
    assert_eq!(
        scene.send("alice", service("chat")),
        ["bob,eve <- message by chat[bob,small,eve,tiny]", "small,tiny <- message by chat[]", "alice = Ok",]
    );
    assert_eq!(
        scene.unsubscribe("small", "chat"),
        [
            "small = unsubscribed true chat[bob,eve,tiny]",
            "bob,eve <- small quit chat[bob,eve,tiny]",
            "tiny <- small quit chat[]",
        ]
    );
}

#[test]
fn intents_filter_the_senders_own_copies_too() {
    let mut scene = Scene::new(&["alice"]);
    scene.join("mute", Profile { form: Form::Full, intents: Intents::NONE });
    assert_eq!(scene.create("mute", "chat"), ["alice <- new chat[]", "mute = created true chat[]"]);
    assert_eq!(scene.subscribe("mute", "chat"), ["mute = subscribed true chat[mute]"]);
    assert_eq!(scene.send("mute", Target::All), ["alice <- message", "mute = Ok"]);
    assert_eq!(scene.delete("mute", "chat"), ["alice,mute <- gone chat[mute]", "mute = deleted chat[mute]"]);
}

#[test]
fn the_deletion_of_a_service_reaches_its_subscribers_whatever_their_intents() {
    let mut scene = Scene::new(&["alice"]);
    let only = |intent| Profile { form: Form::Full, intents: Intents::NONE.with(intent) };
    scene.join("subscriber", only(Intent::Presence));
    scene.join("watcher", only(Intent::Services));
    scene.join("stranger", only(Intent::Presence));
    scene.create("alice", "chat");
    scene.subscribe("subscriber", "chat");
    assert_eq!(
        scene.leave("alice"),
        ["watcher,subscriber <- gone chat[subscriber]", "subscriber,stranger <- alice left"]
    );
}

#[test]
fn limits_on_counts_are_refused_with_a_description() {
    let limits = Limits { subscriptions: Some(1), services: Some(2), services_total: Some(3) };
    let mut scene = Scene::with_limits(limits, &["alice", "bob"]);
    scene.create("alice", "one");
    scene.create("alice", "two");
    assert_eq!(
        scene.create("alice", "three"),
        ["alice = Bad { desc: Some(\"a client owns at most 2 services\") }"]
    );
    scene.create("bob", "three");
    assert_eq!(scene.create("bob", "four"), ["bob = Bad { desc: Some(\"there are at most 3 services\") }"]);
    scene.subscribe("bob", "one");
    assert_eq!(
        scene.subscribe("bob", "two"),
        ["bob = Bad { desc: Some(\"a client is subscribed to at most 1 services\") }"]
    );
    assert_eq!(scene.subscribe("bob", "one"), ["bob = subscribed false one[bob]"]);
    scene.delete("alice", "one");
    assert_eq!(
        scene.subscribe("bob", "two"),
        ["bob = subscribed true two[bob]", "bob <- bob entered two[bob]"]
    );
}

#[test]
fn who_is_not_here_has_no_effect() {
    let mut scene = Scene::new(&["alice"]);
    scene.create("alice", "chat");
    scene.leave("alice");
    assert_eq!(scene.create("alice", "chat"), [""; 0]);
    assert_eq!(scene.send("alice", Target::All), [""; 0]);
    assert_eq!(scene.hub.service_count(), 0);
}
