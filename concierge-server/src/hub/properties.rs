//! Properties of the hub over random sequences of operations: it does what the model does, the same every time, and
//! answers every request once.

use concierge_client::payload::{Client, ClientName, Intent, Intents, Nickname, ServiceName, Tags, Target};
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use super::{
    Change, ClientId, Effect, Fetch, Form, Hub, Limits, Profile, Recipients,
    model::{Model, Operation, Sent, TOKEN},
};

/// The effects of an operation on the hub, taken apart by receiver.
fn sent_by_hub(hub: &mut Hub, operation: Operation) -> Vec<(ClientId, Sent)> {
    let mut effects = Vec::new();
    match operation {
        Operation::Change(change) => hub.change(change, &mut effects),
        Operation::Fetch(client, fetch) => hub.fetch(client, TOKEN, &fetch, &mut effects),
        Operation::Route(client, target) => hub.route(client, TOKEN, &target, &mut effects),
    }
    let to_all = |to: Recipients, sent: Sent| {
        assert!(!to.as_slice().is_empty(), "an effect without a receiver: {sent:?}");
        to.as_slice().iter().map(|client| (*client, sent.clone())).collect::<Vec<_>>()
    };
    effects
        .into_iter()
        .flat_map(|effect| match effect {
            Effect::Joined { client } => vec![(client, Sent::Joined)],
            Effect::NameTaken { client } => vec![(client, Sent::NameTaken)],
            Effect::Answer { to, token, reply } => vec![(to, Sent::Answer(token, reply))],
            Effect::Event { to, event } => to_all(to, Sent::Event(event)),
            Effect::Message { to, service } => to_all(to, Sent::Message(service)),
        })
        .collect()
}

/// What each client was sent, in order. The order between clients is free.
fn by_receiver(mut sent: Vec<(ClientId, Sent)>) -> Vec<(ClientId, Sent)> {
    sent.sort_by_key(|(client, _)| *client);
    sent
}

fn uuid_of(client: ClientId) -> Uuid {
    Uuid::from_u128(u128::from(client.0) + 1)
}

fn profile() -> impl Strategy<Value = Profile> {
    let intents = prop::sample::subsequence(Intent::ALL.to_vec(), 0..=Intent::ALL.len());
    (any::<bool>(), intents).prop_map(|(compact, intents)| Profile {
        form: if compact { Form::Compact } else { Form::Full },
        intents: intents.into_iter().collect::<Intents>(),
    })
}

fn service() -> impl Strategy<Value = ServiceName> {
    (0..4_u8).prop_map(|number| ServiceName::new(format!("service {number}")).unwrap())
}

/// A client that joined at one of the first steps, or one that never did.
fn client() -> impl Strategy<Value = ClientId> {
    (0..14_u64).prop_map(ClientId)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        (0..6_u8).prop_map(|number| Target::name(format!("client_{number}"))),
        client().prop_map(|client| Target::from(uuid_of(client))),
        service().prop_map(Target::service),
        (service(), client()).prop_map(|(service, client)| Target::service_client(service, uuid_of(client))),
        Just(Target::All),
    ]
}

/// An operation; joins are given their id, which grows, when it is their turn.
fn operation() -> impl Strategy<Value = Operation> {
    let join = (0..6_u8, profile()).prop_map(|(number, profile)| {
        let name = ClientName::new(format!("client_{number}")).unwrap();
        let info = Client { name, nickname: None, uuid: Uuid::nil(), tags: Tags::default() };
        Change::Join { client: ClientId(0), info, profile }
    });
    let token = TOKEN;
    let change = prop_oneof![
        4 => join,
        1 => client().prop_map(|client| Change::Leave { client }),
        4 => (client(), service()).prop_map(move |(client, service)| Change::Subscribe { client, token, service }),
        2 => (client(), service())
            .prop_map(move |(client, service)| Change::Unsubscribe { client, token, service }),
        3 => (client(), service(), any::<bool>()).prop_map(move |(client, service, named)| Change::Create {
            client,
            token,
            service,
            nickname: named.then(|| Nickname::new("nick").unwrap()),
        }),
        1 => (client(), service()).prop_map(move |(client, service)| Change::Delete { client, token, service }),
    ];
    let fetch = prop_oneof![
        Just(Fetch::Own),
        Just(Fetch::Clients),
        Just(Fetch::Services),
        service().prop_map(Fetch::Service),
        client().prop_map(|client| Fetch::Client(uuid_of(client))),
    ];
    prop_oneof![
        4 => change.prop_map(Operation::Change),
        1 => (client(), fetch).prop_map(|(client, fetch)| Operation::Fetch(client, fetch)),
        2 => (client(), target()).prop_map(|(client, target)| Operation::Route(client, target)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_hub_does_what_the_model_does(operations in vec(operation(), 1..80)) {
        let limits = Limits { subscriptions: Some(3), services: Some(2), services_total: Some(3) };
        let mut hub = Hub::new(limits);
        let mut model = Model::new(limits);
        let mut joins = 0;
        for mut operation in operations {
            if let Operation::Change(Change::Join { client, info, .. }) = &mut operation {
                *client = ClientId(joins);
                info.uuid = uuid_of(*client);
                joins += 1;
            }
            model.apply(operation.clone());
            let expected = by_receiver(std::mem::take(&mut model.sent));
            prop_assert_eq!(by_receiver(sent_by_hub(&mut hub, operation.clone())), expected, "{:?}", operation);
            prop_assert_eq!(hub.client_count(), model.people.len());
            prop_assert_eq!(hub.service_count(), model.places.len());
        }
    }

    #[test]
    fn the_same_inputs_have_the_same_effects(operations in vec(operation(), 1..60)) {
        let run = || {
            let mut hub = Hub::new(Limits::default());
            operations.iter().cloned().map(|operation| sent_by_hub(&mut hub, operation)).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn every_request_of_a_client_that_is_here_is_answered_once(operations in vec(operation(), 1..60)) {
        let mut hub = Hub::new(Limits::default());
        let mut joins = 0;
        for mut operation in operations {
            let asker = match &mut operation {
                Operation::Change(Change::Join { client, info, .. }) => {
                    *client = ClientId(joins);
                    info.uuid = uuid_of(*client);
                    joins += 1;
                    None
                }
                Operation::Change(Change::Leave { .. }) => None,
                Operation::Change(
                    Change::Subscribe { client, .. }
                    | Change::Unsubscribe { client, .. }
                    | Change::Create { client, .. }
                    | Change::Delete { client, .. },
                )
                | Operation::Fetch(client, _)
                | Operation::Route(client, _) => Some(*client),
            };
            let is_here = asker.is_some_and(|client| hub.clients.member(client).is_some());
            let sent = sent_by_hub(&mut hub, operation);
            let answers = sent.iter().filter(|(_, sent)| matches!(sent, Sent::Answer(..))).count();
            prop_assert_eq!(answers, usize::from(is_here));
        }
    }
}
