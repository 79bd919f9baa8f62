//! What holds of every payload: decoding what was encoded gives the same again, and no input makes the decoders panic.

use std::borrow::Cow;

use concierge_client::payload::{
    AnyRequest, Client, ClientFetch, ClientFetchAll, ClientFetchAllResult, ClientFetchResult, ClientName,
    Data, DecodeError, Envelope, Event, Feature, Features, Hello, Identify, Incoming, Intent, Intents,
    Limits, Message, MessageEncoder, Nickname, Origin, Reply, RequestKind, Secret, SelfFetch,
    SelfFetchResult, SelfSetSeq, SelfSubscribe, SelfSubscribeResult, SelfUnsubscribe, SelfUnsubscribeResult,
    SendMessage, Seq, Service, ServiceCreate, ServiceCreateResult, ServiceDelete, ServiceDeleteResult,
    ServiceFetch, ServiceFetchAll, ServiceFetchAllResult, ServiceFetchResult, ServiceName, Tag, Tags, Target,
    encode, encode_sequenced,
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select, subsequence},
};
use uuid::Uuid;

/// Any text at all: control characters, quotes, all planes of Unicode.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..40).prop_map(String::from_iter)
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn client_name() -> impl Strategy<Value = ClientName> {
    "[\\p{Alphabetic}\\p{Nd}_]{1,64}"
        .prop_filter_map("letters and digits only", |text| ClientName::new(text).ok())
}

fn service_name() -> impl Strategy<Value = ServiceName> {
    text().prop_filter_map("no control characters", |text| ServiceName::new(text).ok())
}

fn nickname() -> impl Strategy<Value = Option<Nickname>> {
    option::of(
        vec(any::<char>(), 0..=128)
            .prop_map(|text| Nickname::new(String::from_iter(text)).expect("it is short")),
    )
}

fn tags() -> impl Strategy<Value = Tags> {
    let tag =
        vec(any::<char>(), 0..=64).prop_map(|text| Tag::new(String::from_iter(text)).expect("it is short"));
    vec(tag, 0..=8).prop_map(|tags| Tags::try_from(tags).expect("they are few"))
}

fn features() -> impl Strategy<Value = Features> {
    subsequence(Feature::ALL, 0..=Feature::ALL.len()).prop_map(Features::from_iter)
}

fn intents() -> impl Strategy<Value = Intents> {
    subsequence(Intent::ALL, 0..=Intent::ALL.len()).prop_map(Intents::from_iter)
}

fn seq() -> impl Strategy<Value = Seq> {
    (0..=Seq::MAX.value()).prop_map(|number| Seq::new(number).expect("it is in range"))
}

/// Any JSON value, written in any way: numbers that fit no type, spaces anywhere, keys given twice.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        text().prop_map(|text| encode(&text)),
        text().prop_map(|text| format!(
            "\"{}\"",
            text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>().concat()
        )),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let members = vec((text(), inner.clone(), "[ \t\n\r]{0,3}"), 0..6);
        prop_oneof![
            vec((inner, "[ \t\n\r]{0,3}"), 0..6).prop_map(|items| {
                format!(
                    "[{}]",
                    items
                        .iter()
                        .map(|(item, space)| format!("{space}{item}{space}"))
                        .collect::<Vec<_>>()
                        .join(",")
                )
            }),
            members.prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value, space)| format!("{space}{}{space}:{space}{value}", encode(key)))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn data() -> impl Strategy<Value = Data> {
    json().prop_map(|json| Data::from_json(json).expect("it is JSON"))
}

fn client() -> impl Strategy<Value = Client> {
    (client_name(), nickname(), uuid(), tags()).prop_map(|(name, nickname, uuid, tags)| Client {
        name,
        nickname,
        uuid,
        tags,
    })
}

fn service() -> impl Strategy<Value = Service> {
    (service_name(), nickname(), uuid(), vec(uuid(), 0..4)).prop_map(
        |(name, nickname, owner_uuid, subscribers)| Service { name, nickname, owner_uuid, subscribers },
    )
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        text().prop_map(Target::name),
        uuid().prop_map(Target::from),
        service_name().prop_map(Target::service),
        (service_name(), uuid()).prop_map(|(service, uuid)| Target::service_client(service, uuid)),
        Just(Target::All),
    ]
}

fn identify() -> impl Strategy<Value = Identify> {
    (text(), nickname(), text(), option::of(text()), tags(), option::of(features()), option::of(intents()))
        .prop_map(|(name, nickname, version, secret, tags, features, intents)| Identify {
            name,
            nickname,
            version,
            secret: secret.map(Secret::from),
            tags,
            features,
            intents,
        })
}

fn request() -> impl Strategy<Value = AnyRequest<'static>> {
    prop_oneof![
        identify().prop_map(AnyRequest::Identify),
        service_name().prop_map(|service| AnyRequest::SelfSubscribe(SelfSubscribe { service })),
        service_name().prop_map(|service| AnyRequest::SelfUnsubscribe(SelfUnsubscribe { service })),
        Just(AnyRequest::SelfFetch(SelfFetch {})),
        seq().prop_map(|seq| AnyRequest::SelfSetSeq(SelfSetSeq { seq })),
        (service_name(), nickname())
            .prop_map(|(service, nickname)| AnyRequest::ServiceCreate(ServiceCreate { service, nickname })),
        service_name().prop_map(|service| AnyRequest::ServiceDelete(ServiceDelete { service })),
        service_name().prop_map(|service| AnyRequest::ServiceFetch(ServiceFetch { service })),
        Just(AnyRequest::ServiceFetchAll(ServiceFetchAll {})),
        uuid().prop_map(|uuid| AnyRequest::ClientFetch(ClientFetch { uuid })),
        Just(AnyRequest::ClientFetchAll(ClientFetchAll {})),
        (target(), data()).prop_map(|(target, data)| AnyRequest::Message(SendMessage::new(target, data))),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let subscriptions = || vec(service(), 0..3);
    prop_oneof![
        Just(Reply::Ok),
        option::of(text()).prop_map(|desc| Reply::Bad { desc }),
        (any::<bool>(), service()).prop_map(|(successful, service)| SelfSubscribeResult {
            successful,
            service
        }
        .into()),
        (any::<bool>(), service()).prop_map(|(successful, service)| SelfUnsubscribeResult {
            successful,
            service
        }
        .into()),
        (client(), subscriptions()).prop_map(|(client, subscriptions)| SelfFetchResult {
            client,
            subscriptions
        }
        .into()),
        (any::<bool>(), service()).prop_map(|(successful, service)| ServiceCreateResult {
            successful,
            service
        }
        .into()),
        service().prop_map(|service| ServiceDeleteResult { service }.into()),
        service().prop_map(|service| ServiceFetchResult { service }.into()),
        subscriptions().prop_map(|services| ServiceFetchAllResult { services }.into()),
        (client(), subscriptions()).prop_map(|(client, subscriptions)| ClientFetchResult {
            client,
            subscriptions
        }
        .into()),
        vec(client(), 0..3).prop_map(|clients| ClientFetchAllResult { clients }.into()),
        text().prop_map(|desc| Reply::ErrorInternal { desc }),
        Just(Reply::ErrorUnsupported),
        text().prop_map(|desc| Reply::ErrorProtocol { desc }),
        text().prop_map(|name| Reply::InvalidName { name }),
        uuid().prop_map(|uuid| Reply::InvalidUuid { uuid }),
        text().prop_map(|service| Reply::InvalidService { service }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let message =
        (client(), option::of(service()), target(), data()).prop_map(|(client, service, target, data)| {
            Event::Message(Message { origin: Origin::new(client, service), target, data })
        });
    prop_oneof![
        message,
        client().prop_map(|client| Event::ClientJoined { client }),
        client().prop_map(|client| Event::ClientLeft { client }),
        (any::<bool>(), service()).prop_map(|(successful, service)| {
            Event::ServiceCreateResult(ServiceCreateResult { successful, service })
        }),
        service().prop_map(|service| Event::ServiceDeleteResult(ServiceDeleteResult { service })),
        (client(), service())
            .prop_map(|(client, service)| Event::ServiceClientSubscribed { client, service }),
        (client(), service())
            .prop_map(|(client, service)| Event::ServiceClientUnsubscribed { client, service }),
    ]
}

fn hello() -> impl Strategy<Value = Hello> {
    let limits = (any::<[u16; 5]>(), option::of(any::<u16>()), option::of(any::<u16>())).prop_map(
        |([name, service, nickname, message, depth], subscriptions, services)| Limits {
            name: name.into(),
            service: service.into(),
            nickname: nickname.into(),
            message: message.into(),
            depth: depth.into(),
            subscriptions: subscriptions.map(usize::from),
            services: services.map(usize::from),
        },
    );
    (
        uuid(),
        text(),
        option::of(features()),
        option::of(intents()),
        option::of(text()),
        option::of(limits),
        option::of(uuid()),
    )
        .prop_map(|(uuid, version, features, intents, server, limits, fs_key)| Hello {
            uuid,
            version,
            features,
            intents,
            server,
            limits,
            fs_key,
        })
}

/// A payload that was right and is not quite any more: cut off, a byte changed, or a piece of another in it.
fn damaged() -> impl Strategy<Value = String> {
    let payload = || {
        prop_oneof![
            request().prop_map(|request| encode(&request)),
            (seq(), reply()).prop_map(|(seq, reply)| encode_sequenced(seq, &reply)),
            event().prop_map(|event| encode(&event)),
        ]
    };
    let token = select(vec![
        "", "null", "{", "}", "[", "]", "\"", ",", ":", "\\u", "\\ud800", "1e999", "-", "\u{0}", "type",
        "seq",
    ]);
    (payload(), payload(), any::<Index>(), any::<Index>(), token).prop_map(
        |(text, other, from, to, token)| {
            let characters: Vec<char> = text.chars().collect();
            let head: String = characters.iter().take(from.index(characters.len())).collect();
            let tail: String = other.chars().skip(to.index(other.chars().count())).collect();
            format!("{head}{token}{tail}")
        },
    )
}

/// Everything that reads text from elsewhere. Whatever it finds, it has to come back.
fn read_in_every_way(text: &str) {
    let incoming = Incoming::decode(text);
    if let Err(error) = &incoming {
        assert!(!error.to_string().is_empty());
    }
    match Envelope::parse(text) {
        Ok(envelope) => {
            for kind in RequestKind::ALL {
                if let Err(error) = envelope.decode(*kind) {
                    tells(&error);
                }
            }
        }
        Err(error) => tells(&error),
    }
    if let Err(error) = AnyRequest::decode(text) {
        tells(&error);
    }
}

/// An error shows nothing of the text that could harm a terminal.
fn tells(error: &DecodeError) {
    let shown = error.to_string();
    assert!(!shown.is_empty() && !shown.chars().any(char::is_control), "{shown:?}");
}

proptest! {
    #[test]
    fn a_request_survives_the_wire(request in request()) {
        let json = encode(&request);
        prop_assert_eq!(AnyRequest::decode(&json), Ok(request));
    }

    #[test]
    fn a_reply_survives_the_wire(seq in seq(), reply in reply()) {
        let json = encode_sequenced(seq, &reply);
        prop_assert_eq!(Incoming::decode(&json), Ok(Incoming::Reply { seq, reply }));
    }

    #[test]
    fn an_event_survives_the_wire(event in event()) {
        let json = encode(&event);
        prop_assert_eq!(Incoming::decode(&json), Ok(Incoming::Event(event)));
    }

    #[test]
    fn hello_survives_the_wire(hello in hello()) {
        let json = encode(&hello);
        prop_assert_eq!(Incoming::decode(&json), Ok(Incoming::Hello(hello)));
    }

    #[test]
    fn data_goes_through_byte_for_byte(json in json(), target in target(), sender in client(), services in [option::of(service()), option::of(service())]) {
        let data = Data::from_json(json.clone()).unwrap();
        let sent = encode(&SendMessage::new(target.clone(), data));
        let Ok(AnyRequest::Message(message)) = AnyRequest::decode(&sent) else {
            return Err(TestCaseError::fail(sent));
        };
        // Space around the value is not part of it.
        prop_assert_eq!(message.data.get(), json.trim());
        let (mut encoder, mut delivered) = (MessageEncoder::new(&sender), String::new());
        let data = Data::from(message.data.clone().into_owned());
        let [first, second] = services;
        // The second time it is known, and then it is not.
        for service in [first.clone(), first, second] {
            delivered.clear();
            encoder.write(&mut delivered, service.as_ref(), &target, &message.data);
            let origin = Origin::new(sender.clone(), service);
            let event = Event::Message(Message { origin, target: target.clone(), data: data.clone() });
            prop_assert_eq!(&delivered, &encode(&event));
            prop_assert_eq!(Incoming::decode(&delivered), Ok(Incoming::Event(event)));
        }
    }

    #[test]
    fn unknown_fields_and_any_order_of_fields_make_no_difference(request in request(), extra in json(), rotate in any::<Index>()) {
        let json = encode(&request);
        let fields: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(&json).unwrap();
        let mut members: Vec<_> = fields.iter().map(|(key, value)| format!("{}:{value}", encode(key))).collect();
        members.push(format!("\"no such field\":{extra}"));
        let length = members.len();
        members.rotate_left(rotate.index(length));
        let shuffled = format!("{{ {} }}", members.join(" , "));
        prop_assert_eq!(AnyRequest::decode(&shuffled), Ok(request));
    }

    #[test]
    fn no_text_makes_a_decoder_panic(text in text()) {
        read_in_every_way(&text);
    }

    #[test]
    fn no_json_makes_a_decoder_panic(json in json(), kind in select(RequestKind::ALL)) {
        read_in_every_way(&json);
        read_in_every_way(&format!("{{\"type\":\"{kind}\",\"target\":{json},\"data\":{json},\"service\":{json},\"seq\":{json}}}"));
    }

    #[test]
    fn no_damaged_payload_makes_a_decoder_panic(text in damaged()) {
        read_in_every_way(&text);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..200)) {
        let text: Cow<'_, str> = String::from_utf8_lossy(&bytes);
        read_in_every_way(&text);
    }
}
