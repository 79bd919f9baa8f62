//! Which test reaches each answer of the protocol from the wire: each status, each close code, and what web applications are told.
//!
//! | what | where |
//! | --- | --- |
//! | CONNECTED | `golden/telegraphy/connect.txt`, `golden/telegraphy/reconnect.txt` |
//! | SUBSCRIBED | `golden/telegraphy/subscribe.txt` |
//! | UNSUBSCRIBED | `golden/telegraphy/subscribe.txt` |
//! | EVENTS | `golden/telegraphy/events.txt` |
//! | SUBSCRIPTIONS | `golden/telegraphy/subscribe.txt` |
//! | ACKNOWLEDGED | `golden/telegraphy/guaranteed.txt` |
//! | HISTORY | `golden/telegraphy/guaranteed.txt` |
//! | PRESENCE | `golden/telegraphy/web.txt` |
//! | PONG | `telegraphy::a_life_from_connect_to_disconnect` |
//! | DISCONNECTED | `golden/telegraphy/connect_refused.txt` |
//! | INVALID_TOKEN | `golden/telegraphy/connect.txt`, `golden/telegraphy/reconnect.txt` |
//! | NOT_CONNECTED | `golden/telegraphy/messages.txt` |
//! | ALREADY_CONNECTED | `golden/telegraphy/connect.txt` |
//! | INVALID_MESSAGE | `golden/telegraphy/messages.txt` |
//! | UNKNOWN_MESSAGE | `golden/telegraphy/messages.txt` |
//! | INVALID_ID | `golden/telegraphy/messages.txt` |
//! | UNKNOWN_EVENT | `golden/telegraphy/subscribe.txt` |
//! | NOT_AUTHORIZED | `golden/telegraphy/subscribe.txt` |
//! | INVALID_FILTERS | `golden/telegraphy/subscribe.txt` |
//! | NOT_SUBSCRIBED | `golden/telegraphy/subscribe.txt` |
//! | LIMIT_EXCEEDED | `golden/telegraphy/subscribe_limits.txt`, `telegraphy::endings::a_user_has_as_many_connections_as_it_may` |
//! | TOO_MANY_REQUESTS | `telegraphy::what_was_asked_at_once_is_answered_in_order_and_what_is_too_much_is_refused` |
//! | UNAVAILABLE | `telegraphy::endings::who_comes_while_there_is_too_much_to_do_keeps_its_token_for_later` |
//! | CONNECT_TIMEOUT | `telegraphy::who_does_not_connect_in_time_is_told` |
//! | 1000 | `telegraphy::a_life_from_connect_to_disconnect` |
//! | 1001 | `telegraphy::endings::who_leaves_is_not_held_up_and_may_come_back` |
//! | 1006 | never sent: it is what a connection ends with that ends without a word |
//! | 4400 | `golden/telegraphy/messages.txt` |
//! | 4401 | `golden/telegraphy/connect.txt` |
//! | 4403 | never sent: a page that may not is answered 403 instead, see `telegraphy::endings::a_page_of_another_host_gets_no_socket_at_all` |
//! | 4408 | `telegraphy::who_does_not_connect_in_time_is_told` |
//! | 4409 | `telegraphy::a_session_goes_to_who_comes_last` |
//! | 4410 | `telegraphy::endings::a_session_that_the_application_ends_is_over_at_once_and_for_good` |
//! | 4413 | `telegraphy::a_frame_over_64_kib_ends_the_connection` |
//! | 4429 | `telegraphy::endings::a_user_has_as_many_connections_as_it_may` |
//! | 4500 | `concierge_server::net::panics::tests::provoke`, where the gateway is made to fail: nothing that a client says has it do so |
//! | 4503 | `telegraphy::a_stop_is_told_to_everybody_and_is_worth_another_try` |
//! | 4508 | `telegraphy::endings::who_reads_nothing_is_given_up_when_all_room_is_needed` |
//! | HTTP INVALID_MESSAGE | `golden/telegraphy/api_errors.txt` |
//! | HTTP INVALID_FILTERS | `golden/telegraphy/api_errors.txt` |
//! | HTTP INVALID_TOKEN | `applications::without_a_key_nobody_learns_anything` |
//! | HTTP NOT_AUTHORIZED | `applications::without_a_key_nobody_learns_anything` |
//! | HTTP NOT_FOUND | `golden/telegraphy/api_errors.txt` |
//! | HTTP UNKNOWN_EVENT | `golden/telegraphy/api_errors.txt` |
//! | HTTP UNKNOWN_SESSION | `golden/telegraphy/api.txt` |
//! | HTTP METHOD_NOT_ALLOWED | `golden/telegraphy/api_errors.txt` |
//! | HTTP TIMEOUT | `applications::a_body_that_does_not_arrive_or_never_ends_is_given_up` |
//! | HTTP CONFLICT | `golden/telegraphy/api_errors.txt` |
//! | HTTP TOO_LARGE | `golden/telegraphy/api_errors.txt` |
//! | HTTP UNSUPPORTED_MEDIA_TYPE | `golden/telegraphy/api_errors.txt` |
//! | HTTP LIMIT_EXCEEDED | `applications::what_is_not_done_is_said_to_be_so_by_status_and_headers` |
//! | HTTP TOO_MANY_REQUESTS | `applications::who_guesses_keys_has_to_wait_even_with_the_right_one_but_clients_have_not` |
//! | HTTP INTERNAL | never sent, unless the gateway fails |
//! | HTTP UNAVAILABLE | `outages::a_gateway_whose_sync_fails_publishes_nothing_any_more_and_says_so` |
//! | HTTP STORE_FULL | `outages::a_gateway_whose_disk_is_full_says_so_and_takes_on_when_there_is_room` |

use std::collections::BTreeSet;
use std::path::Path;

use concierge_client::telegraphy::web::ProblemStatus;
use concierge_client::telegraphy::{CloseCode, Status};
use serde_json::json;

use super::played::played;

/// What is reached, and what stands beside it.
fn rows() -> Vec<(&'static str, &'static str)> {
    let rows = include_str!("coverage.rs").lines().filter_map(|line| line.strip_prefix("//! | ")).skip(2);
    rows.map(|row| row.trim_end_matches(" |").split_once(" | ").unwrap()).collect()
}

#[test]
fn everything_that_may_be_answered_is_in_the_table_once() {
    let rows: Vec<_> = rows().into_iter().map(|(what, _)| what.to_owned()).collect();
    let known: BTreeSet<_> = Status::all()
        .map(|status| status.as_str().to_owned())
        .chain(CloseCode::all().map(|code| u16::from(code).to_string()))
        .chain(ProblemStatus::ALL.iter().map(|status| format!("HTTP {}", json!(status).as_str().unwrap())))
        .collect();
    assert_eq!(rows.len(), known.len(), "{rows:?}");
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), known);
}

/// The text of a test, or of a transcript as far as it is played over sockets.
fn source(name: &str) -> String {
    if let Some(transcript) = name.strip_prefix("golden/telegraphy/") {
        return played(transcript).unwrap_or_else(|| panic!("{name} is not played over sockets"));
    }
    let (module, test) = name.rsplit_once("::").unwrap();
    let (folder, module) = match module.strip_prefix("concierge_server::") {
        Some(module) => ("../concierge-server/src", module),
        None => ("suite", module),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(module.replace("::", "/"));
    let whole =
        std::fs::read_to_string(path.with_extension("rs")).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (_, body) = whole.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("there is no {name}"));
    body.split("\n}\n").next().unwrap().to_owned()
}

#[test]
fn what_the_table_names_is_there_and_reaches_it() {
    for (what, place) in rows() {
        let names: Vec<_> = place.split('`').skip(1).step_by(2).collect();
        let is_sent = !place.starts_with("never sent");
        assert!(!is_sent || !names.is_empty(), "{what} is reached nowhere");
        let word = what.trim_start_matches("HTTP ");
        for name in names {
            assert!(!is_sent || source(name).contains(word), "{name} does not reach {what}");
        }
    }
}
