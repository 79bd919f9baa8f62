//! That there is a schema for all that is written: each [`Record`](crate::output::Record) of this crate with the types it writes.
//! A record that is added is listed here, too, or the first test fails; what it writes is compared with its schema where the
//! whole program is tested.

use std::{collections::BTreeSet, fs, path::Path};

use super::types;

/// Where a record is implemented, for what, and the types of its objects.
const RECORDS: &[(&str, &str, &[&str])] = &[
    ("command/bench/files.rs", "Report", &["bench_files_result"]),
    ("command/bench/report.rs", "Report", &["bench_result"]),
    ("command/config.rs", "Explanation", &["settings", "setting"]),
    ("command/config.rs", "Files", &["setting_files", "setting_file"]),
    ("command/config.rs", "InOrder", &["settings_checked"]),
    ("command/context.rs", "Changed", &["context_added", "context_used", "context_removed"]),
    ("command/context.rs", "List", &["contexts", "context"]),
    ("command/context.rs", "Shown", &["context"]),
    ("command/doctor/check.rs", "Report", &["doctor", "doctor_check"]),
    ("command/event/batch.rs", "EventsPublished", &["events_published"]),
    ("command/event/records.rs", "AuthToken", &["auth_token"]),
    ("command/event/records.rs", "EventDetails", &["event_details"]),
    ("command/event/listen/records.rs", "Away", &["event_disconnected"]),
    ("command/event/listen/records.rs", "Back", &["event_reconnected"]),
    ("command/event/listen/records.rs", "Changed", &["event_subscription"]),
    ("command/event/listen/records.rs", "LiveEvent", &["EVENT"]),
    ("command/event/listen/records.rs", "Missing", &["event_gap"]),
    ("command/event/records.rs", "EventPublished", &["event_published"]),
    ("command/event/records.rs", "EventSessions", &["event_sessions", "event_session"]),
    ("command/event/records.rs", "EventSessionsEnded", &["event_sessions_ended"]),
    ("command/event/records.rs", "EventUnregistered", &["event_unregistered"]),
    ("command/event/records.rs", "EventsRegistered", &["events_registered"]),
    ("command/event/records.rs", "RegisteredEvents", &["registered_events", "registered_event"]),
    (
        "command/files/records.rs",
        "Entries",
        &[
            "files_fetched",
            "file_fetched",
            "files_removed",
            "file_removed",
            "files_stored",
            "file_stored",
            "files",
            "file",
        ],
    ),
    ("command/hold.rs", "Session", &["session"]),
    ("command/hold.rs", "Sessions", &["sessions", "session"]),
    ("command/hold.rs", "Stopped", &["session_stopped"]),
    ("command/request.rs", "Reply", &["reply"]),
    ("command/schema.rs", "Types", &["record_types", "record_type"]),
    ("command/send/many.rs", "SentMany", &["sent"]),
    ("command/serve/served.rs", "Served", &["served"]),
    ("interpreter/jobs/listed.rs", "Listed", &["jobs", "job"]),
    ("interpreter/variables.rs", "Listed", &["variables", "variable"]),
    ("output/records/client.rs", "ClientFetchAllResult", &["CLIENT_FETCH_ALL_RESULT", "client"]),
    ("output/records/client.rs", "ClientFetchResult", &["CLIENT_FETCH_RESULT"]),
    ("output/records/client.rs", "Whoami", &["SELF_FETCH_RESULT"]),
    (
        "output/records/event.rs",
        "Event",
        &[
            "MESSAGE",
            "CLIENT_JOINED",
            "CLIENT_LEFT",
            "SERVICE_CREATE_RESULT",
            "SERVICE_DELETE_RESULT",
            "SERVICE_CLIENT_SUBSCRIBED",
            "SERVICE_CLIENT_UNSUBSCRIBED",
            "lagged",
            "disconnected",
            "reconnecting",
            "resumed",
            "resynchronized",
            "closed",
            "unknown",
        ],
    ),
    ("output/records/gateway.rs", "Gateway", &["gateway"]),
    ("output/records/gateway.rs", "Pong", &["pong"]),
    ("output/records/gateway.rs", "Sent", &["OK"]),
    ("output/records/gateway.rs", "Version", &["version"]),
    ("output/records/service.rs", "SelfSubscribeResult", &["SELF_SUBSCRIBE_RESULT"]),
    ("output/records/service.rs", "SelfUnsubscribeResult", &["SELF_UNSUBSCRIBE_RESULT"]),
    ("output/records/service.rs", "ServiceCreated", &["SERVICE_CREATE_RESULT"]),
    ("output/records/service.rs", "ServiceDeleteResult", &["SERVICE_DELETE_RESULT"]),
    ("output/records/service.rs", "ServiceShown", &["SERVICE_FETCH_RESULT"]),
    ("output/records/service.rs", "Services", &["SERVICE_FETCH_ALL_RESULT", "service"]),
];

/// What is written to the standard error without being a record of a command.
const ASIDE: [&str; 2] = ["note", "error"];

#[test]
fn every_record_is_listed_here() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut implemented = BTreeSet::new();
    gather(&source, &source, &mut implemented);
    let listed: BTreeSet<_> =
        RECORDS.iter().map(|(file, name, _)| ((*file).to_owned(), (*name).to_owned())).collect();
    assert_eq!(implemented, listed);
}

#[test]
fn every_type_of_record_has_a_schema_and_every_schema_a_record() {
    let written: BTreeSet<&str> =
        RECORDS.iter().flat_map(|(_, _, types)| *types).copied().chain(ASIDE).collect();
    let described: BTreeSet<&str> = types().iter().map(|kind| kind.name.as_str()).collect();
    assert_eq!(written, described);
}

/// The records that are implemented in a folder's files.
fn gather(folder: &Path, source: &Path, records: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, source, records);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(source).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| {
                let (_, name) = line.strip_prefix("impl")?.split_once(" Record for ")?;
                name.split([' ', '<']).next()
            });
            records.extend(names.map(|name| (file.clone(), name.to_owned())));
        }
    }
}
