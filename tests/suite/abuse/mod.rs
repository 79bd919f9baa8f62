//! What clients do who mean harm, or are broken: it hurts nobody but themselves.
//!
//! Each threat has a test that tries it, over a raw socket. Those that are part of a greater subject stand there; the rest
//! is here, or beside the code where it needs what no program has that is released. A test of this module holds the table true.
//!
//! | threat | held by |
//! | --- | --- |
//! | a flood of handshakes | `abuse::door::a_flood_of_connections_is_turned_away_and_members_notice_nothing` |
//! | one address taking every place | `abuse::door::one_address_does_not_take_the_places_of_others`, `golden/http_full.txt` |
//! | a slow head | `abuse::door::a_head_that_comes_byte_by_byte_is_given_up` |
//! | a head that is too much | `abuse::door::a_head_that_is_too_large_is_refused` |
//! | a silent client | `abuse::door::who_connects_and_says_nothing_is_given_up`, `golden/identify_late.txt`, `golden/heartbeat.txt` |
//! | a slow first message | `abuse::door::a_first_message_that_comes_byte_by_byte_is_given_up` |
//! | a wrong first payload | `golden/identify_first.txt`, `golden/identify_decode.txt` |
//! | giant messages | `golden/frames_large.txt`, `conformance::limits::large_messages_arrive_in_one_frame_and_one_byte_too_many_does_not` |
//! | fragments without end | `golden/frames_fragments.txt`, `conformance::limits::large_messages_arrive_in_pieces_and_one_piece_too_many_does_not` |
//! | bad UTF-8 | `conformance::utf8::what_is_no_utf_8_fails_the_connection_whole_or_in_pieces`, `conformance::utf8::overlong_forms_fail_the_connection` |
//! | frames without a mask | `conformance::reserved::frames_that_are_not_masked_fail_the_connection` |
//! | reserved bits and opcodes | `conformance::reserved::reserved_bits_fail_the_connection`, `conformance::reserved::reserved_opcodes_fail_the_connection` |
//! | deep JSON | `abuse::payloads::nesting_breaks_nobody_wherever_it_stands`, `golden/data.txt` |
//! | numbers and strings that are too much | `abuse::payloads::numbers_and_strings_without_measure_are_passed_on_or_refused` |
//! | abuse of names | `golden/names.txt`, `golden/names_ascii.txt`, `golden/names_limits.txt` |
//! | abuse of services | `golden/services.txt`, `golden/subscriptions.txt`, `golden/messages_service.txt` |
//! | wrong secrets | `golden/identify_secret.txt` |
//! | an address that is not one's own | `proxied::who_is_not_trusted_is_not_believed`, `proxied::one_connection_carries_requests_of_several_clients` |
//! | strangers behind a proxy | `proxied::a_proxy_is_not_one_stranger_and_a_stranger_behind_it_is` |
//! | guessing of secrets | `guessing::who_guesses_secrets_is_refused_and_another_address_is_not`, `guessing::who_guesses_file_keys_is_refused_but_not_who_comes_with_its_old_one` |
//! | somebody else under the name of a bot | `golden/identify_reserved.txt` |
//! | strangers at the administration | `administration::without_the_token_nobody_learns_anything`, `administration::who_guesses_tokens_has_to_wait_even_with_the_right_one_but_clients_have_not` |
//! | strangers at the web applications' side | `applications::without_a_key_nobody_learns_anything`, `applications::who_guesses_keys_has_to_wait_even_with_the_right_one_but_clients_have_not` |
//! | bodies of web applications that are wrong, too large or never end | `applications::what_is_not_done_is_said_to_be_so_by_status_and_headers`, `applications::a_body_that_does_not_arrive_or_never_ends_is_given_up` |
//! | foreign file keys | `files::keys::the_table_of_keys_holds` |
//! | paths that lead out | `files::paths::no_hostile_path_leads_anywhere`, `files::paths::a_hostile_client_name_in_a_url_is_nobodys_folder` |
//! | links in the folder | `files::paths::nothing_outside_the_folder_is_ever_opened` |
//! | files that are too large or too many | `files::answers::limits_are_told_by_status_and_nothing_of_what_is_refused_stays` |
//! | uploads that come too slowly | `files::answers::limits_are_told_by_status_and_nothing_of_what_is_refused_stays` |
//! | uploads that break off | `files::uploads::an_upload_that_breaks_off_leaves_the_old_file_and_nothing_else` |
//! | uploads that are refused and go on | `files::refused::who_sends_everything_first_hears_why_it_is_refused` |
//! | a full disk | `files::disk::a_disk_full_of_bytes_is_a_refusal_and_passes` |
//! | foreign origins | `golden/http.txt`, `golden/http_origins.txt`, `files::browser::a_page_of_another_origin_can_do_nothing_even_with_a_key` |
//! | a foreign `Host` | `abuse::door::a_name_that_is_not_ours_is_answered_nothing` |
//! | many services and subscriptions | `golden/limits.txt`, `golden/limits_exceeded.txt` |
//! | slow readers | `slow::a_client_that_does_not_read_is_closed_with_4011` |
//! | slow readers by the hundred | `trials::stuck::a_hundred_stuck_readers_of_eleven_hundred_cost_one_outbox_and_nobody_else_notices`, `trials::stuck::answers_of_megabytes_that_nobody_reads_take_their_own_room_once` |
//! | strangers by the thousand | `trials::strangers::ten_thousand_strangers_get_no_more_than_their_places_and_members_are_served` |
//! | peers that are gone without a word | `trials::half_open::a_peer_behind_a_cut_is_found_by_both_sides_and_comes_back_when_it_is_mended` |
//! | a stop while everybody sends and nobody hurries | `trials::stopping::what_was_answered_before_a_stop_reaches_even_slow_readers_and_then_1001`, `trials::stopping::who_reads_nothing_holds_up_a_stop_for_ten_seconds_at_most`, `trials::stopping::a_second_signal_waits_for_nobody` |
//! | all of it at once | `trials::million::a_million_messages_arrive_complete_and_in_order_whatever_others_do` |
//! | large messages that leave their room behind | `memory::a_connection_keeps_no_room_for_the_largest_message_that_it_has_seen` |
//! | floods of pings | `abuse::pings::a_flood_of_pings_is_read_at_its_rate_and_ends_with_4010`, `abuse::pings::a_burst_is_answered_whole_and_what_follows_it_too`, `abuse::pings::pongs_that_nobody_asked_for_are_counted_as_well`, `abuse::pings::without_a_limit_any_number_is_read` |
//! | more than a rate allows | `abuse::rates::messages_over_their_rate_come_later_and_none_is_lost`, `abuse::rates::bytes_over_their_rate_come_later_and_none_is_lost`, `abuse::rates::who_stays_over_a_rate_for_ten_seconds_is_closed_with_4010` |
//! | asking without reading | `abuse::greed::who_asks_for_more_than_it_reads_waits_and_loses_nothing` |
//! | half-closed sockets | `abuse::half_closed::who_has_finished_sending_is_answered_and_then_let_go`, `abuse::half_closed::who_has_finished_before_asking_anything_is_let_go_at_once`, `files::half_closed::a_file_reaches_who_has_finished_sending`, `files::half_closed::a_body_that_ends_too_early_is_noticed_at_once_and_stored_nowhere`, `ending::the_end_of_the_stream_right_behind_requests_waits_for_their_answers` |
//! | no descriptors left | `abuse::descriptors::a_gateway_without_descriptors_serves_who_is_in_and_recovers`, `abuse::descriptors::a_gateway_with_few_descriptors_turns_away_whom_it_has_no_place_for` |
//! | more work than there is room for | `abuse::overload::while_outboxes_are_nearly_full_nobody_new_comes_in_and_members_are_served`, `abuse::descriptors::nobody_new_comes_in_while_few_descriptors_are_left` |
//! | failures of the gateway's own code | `concierge_server::net::panics::tests::a_failure_anywhere_ends_what_it_happened_to_and_nobody_else_notices`, `concierge_server::net::panics::tests::a_thousand_failures_leave_nothing_behind` |
//! | escapes in the log | `abuse::logs::what_strangers_send_is_harmless_in_the_log_and_one_line_each` |
//! | escapes on a terminal | `hostile::commands::messages_are_harmless_in_listen`, `hostile::repl::what_arrives_above_the_prompt_is_harmless` |
//! | secrets in the log | `abuse::logs::no_secret_is_in_the_log_right_or_wrong`, `secrecy::a_key_of_files_is_in_no_log_of_either_side` |
//! | metrics that tell who is there | `metrics::what_clients_do_is_counted_by_kind_and_names_nobody` |

mod descriptors;
mod door;
mod greed;
mod half_closed;
mod logs;
mod overload;
mod payloads;
mod pings;
mod rates;

use std::path::Path;

use support::raw::RawSocket;

/// A member is served as if nothing happened.
fn is_served(member: &mut RawSocket) {
    member.send_text(r#"{"type":"SELF_SET_SEQ","seq":7}"#).unwrap();
    assert_eq!(member.read_text().unwrap(), r#"{"seq":7,"type":"OK"}"#);
}

/// The tests that the table names.
fn named() -> Vec<&'static str> {
    let rows = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! |")).skip(2);
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_table_names_tests_that_are_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = named();
    assert!(named.len() > 40, "the table is read: {named:?}");
    for name in named {
        let Some((module, test)) = name.rsplit_once("::") else {
            assert!(tests.join(name).is_file(), "there is no transcript {name}");
            continue;
        };
        let source = match module.strip_prefix("concierge_server::") {
            Some(module) => tests.join("../concierge-server/src").join(module.replace("::", "/")),
            None => tests.join("suite").join(module.replace("::", "/")),
        };
        let source = source.with_extension("rs");
        let source = std::fs::read_to_string(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(source.contains(&format!("fn {test}()")), "there is no test {name}");
    }
}

#[test]
fn every_test_here_is_in_the_table() {
    let named = named();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/abuse");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        let tests = source.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next());
        for test in tests.filter(|_| module != "mod") {
            let name = format!("abuse::{module}::{test}");
            assert!(named.contains(&name.as_str()), "{name} is for which threat?");
        }
    }
}
