//! What holds whatever happens: a token is spent once, nobody receives what is forbidden, and nothing is missing that nobody told of.

use std::collections::{BTreeMap, VecDeque};

use concierge_client::telegraphy::{Grants, Incoming, Outcome, Status};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::{
    stage::{Heard, Mood, Stage},
    world::{CLIENTS, Step, World, issue, settings, step, step_of_logs},
};
use crate::events::{ConnectionId, Doors, Effect, Input, Settings, record::NotStored};

/// The statuses of the answers to this connection so far.
fn statuses(stage: &mut Stage, connection: ConnectionId) -> Vec<Status> {
    let heard = stage.heard.get_mut(&connection).map(std::mem::take).unwrap_or_default();
    let texts = heard.into_iter().filter_map(|heard| match heard {
        Heard::Text(text) => Some(text),
        Heard::Close(_) => None,
    });
    let messages = texts.map(|text| Incoming::decode(&text).unwrap());
    messages
        .filter_map(|message| match message {
            Incoming::Response(response) => Some(response.status()),
            Incoming::Event(_) | Incoming::System(_) => None,
        })
        .collect()
}

/// What may happen to tokens.
#[derive(Debug, Clone)]
enum Presented {
    Issue(u8),
    Present { token: u8, mistaken: bool },
    Doors { open: bool },
    Pass(u64),
    Store(bool),
}

fn presented() -> impl Strategy<Value = Presented> {
    prop_oneof![
        3 => (0..3_u8).prop_map(Presented::Issue),
        6 => (0..3_u8, any::<bool>()).prop_map(|(token, mistaken)| Presented::Present { token, mistaken }),
        1 => any::<bool>().prop_map(|open| Presented::Doors { open }),
        1 => (0..70_u64).prop_map(Presented::Pass),
        1 => any::<bool>().prop_map(Presented::Store),
    ]
}

fn present(steps: Vec<Presented>) -> Result<(), TestCaseError> {
    let mut stage = Stage::new(settings());
    // Whether each token may still let somebody in: not before it is issued, and not after it was looked at.
    let mut usable: BTreeMap<u8, bool> = BTreeMap::new();
    let mut open = true;
    for step in steps {
        match step {
            Presented::Issue(token) if !usable.contains_key(&token) => {
                stage.call(issue(&format!("token {token}"), "user", Grants::default()));
                usable.insert(token, true);
            }
            Presented::Issue(_) => {}
            Presented::Present { token, mistaken } => {
                let connection = stage.open("192.0.2.1");
                let text = format!("token {token}{}", if mistaken { "?" } else { "" });
                let text = json!({"message": "CONNECT", "id": 0, "args": {"auth_token": text}});
                stage.text(connection, &text.to_string());
                let status = statuses(&mut stage, connection);
                let is_looked_at = open && !mistaken;
                let was_usable = usable.get(&token).copied().unwrap_or(false);
                match status.as_slice() {
                    [Status::Connected | Status::LimitExceeded] => prop_assert!(is_looked_at && was_usable),
                    [Status::Unavailable] => prop_assert!(!open),
                    // It may have expired.
                    [Status::InvalidToken] => prop_assert!(open),
                    other => prop_assert!(false, "answered {:?}", other),
                }
                if is_looked_at && was_usable {
                    usable.insert(token, false);
                }
                // A first look that was refused spends it as well: who comes later is refused.
                stage.vanish(connection);
            }
            Presented::Doors { open: now } => {
                open = now;
                let shut = Doors::Shut { message: "no".to_owned(), retry_after: None };
                stage.handle(Input::Doors(if open { Doors::Open } else { shut }));
            }
            Presented::Pass(seconds) => stage.pass(std::time::Duration::from_secs(seconds)),
            Presented::Store(works) => {
                stage.go_on(if works { Mood::Works } else { Mood::Fails(NotStored::Full) });
            }
        }
    }
    Ok(())
}

/// A session that comes back now and then, after so many minutes, with a restart of the gateway or without.
fn live(steps: Vec<(u64, bool)>) -> Result<(), TestCaseError> {
    let minutes = std::time::Duration::from_mins;
    let ttl = minutes(14);
    let mut stage = Stage::new(Settings { session_ttl: ttl, ..settings() });
    let connection = stage.open("192.0.2.1");
    stage.text(connection, &json!({"message": "CONNECT", "id": 0, "args": {"auth_token": ""}}).to_string());
    let args = json!({"event_name": "any", "permanent": true, "lazy": true});
    stage.text(connection, &json!({"message": "SUBSCRIBE", "id": 1, "args": args}).to_string());
    prop_assert_eq!(statuses(&mut stage, connection), [Status::Connected, Status::Subscribed]);
    stage.vanish(connection);
    let mut ends = stage.now().after(ttl);
    for (number, restarts) in steps {
        stage.pass(minutes(number));
        if restarts {
            stage.restart();
        }
        let connection = stage.open("192.0.2.1");
        let text = json!({"message": "RECONNECT", "id": 0, "session_token": "session-1"});
        stage.text(connection, &text.to_string());
        let Some(Heard::Text(text)) = stage.heard.get_mut(&connection).and_then(VecDeque::pop_front) else {
            return Err(TestCaseError::fail("no answer"));
        };
        let answer: Value = text.parse().unwrap();
        let is_there = stage.now() < ends;
        prop_assert_eq!(answer["success"].as_bool(), Some(is_there), "{}", answer);
        if !is_there {
            break;
        }
        let lives = std::time::Duration::from_secs(answer["data"]["session_ttl"].as_u64().unwrap());
        prop_assert!(lives >= minutes(13) && lives <= ttl, "{:?}", lives);
        ends = stage.now().after(lives);
        stage.vanish(connection);
    }
    Ok(())
}

fn look_for_what_is_forbidden(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for step in steps {
        // What was not durable before a restart was refused, and may be as it was before.
        if matches!(step, Step::Restart) {
            continue;
        }
        world.apply(step.clone());
        for effect in world.effects() {
            match effect {
                Effect::Event { to, event, variant } => {
                    let shown = event.event(&variant);
                    let data: Value = shown.data.unwrap().parse().unwrap();
                    for connection in to {
                        let client = world.allowed[&connection];
                        prop_assert!(
                            world.may_see(client, event.name(), &data["room"]),
                            "{:?}: {:?}",
                            step,
                            event
                        );
                    }
                }
                Effect::Answer { to, outcome: Outcome::History(history), .. } => {
                    for event in history.events {
                        let data: Value = event.data.unwrap().parse().unwrap();
                        let client = world.allowed[&to];
                        prop_assert!(world.may_see(client, &event.event, &data["room"]), "{:?}", step);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn look_for_what_is_missing(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for step in steps {
        // Grants would make it a question of what was allowed when, which is another property.
        let is_about_rights =
            matches!(step, Step::Grant { .. } | Step::Define { .. } | Step::Undefine { .. });
        if is_about_rights {
            continue;
        }
        world.apply(step);
        world.count();
    }
    world.apply(Step::Store(Mood::Works));
    world.apply(Step::Reads { late: false });
    world.count();
    for client in 0..CLIENTS {
        world.apply(Step::Slow { client, is_slow: false });
        // A connection may be lost that the client has not noticed yet: then it comes back.
        world.come_back(client, true);
        world.hear(client, usize::MAX);
        world.count();
        let client = &world.clients[client];
        prop_assert_eq!(client.holes(&world.published), Vec::<String>::new(), "{:?}", client);
        prop_assert_eq!(&client.disorder, &Vec::<String>::new(), "{:?}", client);
    }
    Ok(())
}

fn happen_twice(steps: &[Step]) -> Result<(), TestCaseError> {
    let run = || {
        let mut world = World::new();
        steps.iter().cloned().for_each(|step| world.apply(step));
        world.stage.effects
    };
    prop_assert_eq!(run(), run());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_token_is_spent_by_its_first_presentation(steps in vec(presented(), 1..40)) {
        present(steps)?;
    }

    #[test]
    fn a_session_lives_as_long_as_it_was_told_and_that_is_nearly_all(
        steps in vec((0..16_u64, any::<bool>()), 1..20)
    ) {
        live(steps)?;
    }

    #[test]
    fn nothing_is_delivered_that_the_grant_of_now_forbids(steps in vec(step(), 1..80)) {
        look_for_what_is_forbidden(steps)?;
    }

    #[test]
    fn nothing_is_missing_that_nobody_told_of(steps in vec(step(), 1..100)) {
        look_for_what_is_missing(steps)?;
    }

    #[test]
    fn no_catch_up_with_a_log_disturbs_another(steps in vec(step_of_logs(), 1..100)) {
        look_for_what_is_missing(steps)?;
    }

    #[test]
    fn the_same_inputs_have_the_same_effects(steps in vec(step(), 1..60)) {
        happen_twice(&steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "takes ten seconds: tests/run runs it"]
    fn nothing_is_delivered_that_the_grant_of_now_forbids_in_a_thousand_worlds(steps in vec(step(), 1..80)) {
        look_for_what_is_forbidden(steps)?;
    }

    #[test]
    #[ignore = "takes ten seconds: tests/run runs it"]
    fn nothing_is_missing_that_nobody_told_of_in_a_thousand_worlds(steps in vec(step(), 1..100)) {
        look_for_what_is_missing(steps)?;
    }

    #[test]
    #[ignore = "takes ten seconds: tests/run runs it"]
    fn no_catch_up_with_a_log_disturbs_another_in_a_thousand_worlds(steps in vec(step_of_logs(), 1..100)) {
        look_for_what_is_missing(steps)?;
    }
}
