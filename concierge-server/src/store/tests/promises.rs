//! What a store promises, whatever it is written on.

use tempfile::TempDir;

use super::*;
use crate::events::record::{LogRecord, Records};
use crate::store::medium::CHUNK;

/// Each of these is tried on both media.
macro_rules! promises {
    ($($promise:ident)*) => {
        mod in_memory {
            $(#[test] fn $promise() { super::$promise(&super::in_memory); })*
        }
        mod in_a_file {
            $(#[test] fn $promise() { super::$promise(&super::in_a_file); })*
        }
    };
}

promises! {
    everything_comes_back_as_it_was_kept
    the_last_word_counts
    a_session_takes_its_subscriptions_along
    a_list_is_answered_in_its_turn
    pages_follow_each_other_without_a_hole
    a_page_is_as_large_as_was_asked_for
    what_nobody_wrote_has_an_empty_page
    what_expired_is_not_read_also_when_it_is_still_there
    what_expires_first_leaves_no_silent_hole
    a_great_deal_expires_a_bit_at_a_time
    the_oldest_events_go_when_there_is_no_room
    one_event_larger_than_all_room_goes_at_once
    logs_are_numbered_on_after_all_their_events_are_gone
    a_log_that_nobody_writes_any_more_goes_with_its_last_event
    ids_of_publishers_are_known_for_two_minutes
    whoever_stops_waiting_stops_nothing
}

type Begin<'a> = &'a dyn Fn(u64) -> (Store, Option<TempDir>);

fn in_memory(log_max_bytes: u64) -> (Store, Option<TempDir>) {
    (Store::in_memory(log_max_bytes).unwrap(), None)
}

fn in_a_file(log_max_bytes: u64) -> (Store, Option<TempDir>) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(&folder.path().join("store.db"), log_max_bytes).unwrap(), Some(folder))
}

fn everything_comes_back_as_it_was_kept(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    assert_eq!(store.records(START), Ok(Records::default()));
    let mut order = definition("app.Order", Some("e1"));
    order.definition = serde_json::from_str(
        r#"{"name":"app.Order","verbose_name":"Bestellung „ä“","kind":"model","operations":["create"],
            "fields":{"z":"integer","a":"string"},"audience":"private","delivery":"guaranteed","ttl":60,"retain":5,
            "presence":"users"}"#,
    )
    .unwrap();
    let mut full = event(7);
    full.is_publishers = true;
    full.previous = Some(Arc::from(r#"{"pk":6}"#));
    full.data = Arc::from("{\"text\":\"\\u0000 – \0\"}");
    let definitions = vec![definition("app.Model", None), order];
    let sessions = vec![session(1), session(2), session(3)];
    let subscriptions = vec![subscription(1, 1), subscription(1, 2), subscription(3, 1)];
    let mut changes: Vec<_> = definitions.iter().cloned().map(Change::Define).collect();
    changes.extend(sessions.iter().cloned().map(Change::KeepSession));
    changes.extend(subscriptions.iter().cloned().map(Change::KeepSubscription));
    changes.push(Change::Append(full.clone()));
    keep(&store, changes).unwrap();
    let records = store.records(START).unwrap();
    assert_eq!((records.definitions, records.sessions), (definitions, sessions));
    assert_eq!(records.subscriptions, subscriptions);
    let log = LogRecord { event: name("app.Order"), epoch: Epoch::new("e1"), last: 7, trimmed: 0 };
    assert_eq!(records.logs, [log]);
    let ids: Vec<_> = records.ids.iter().map(|id| (&*id.id, id.offset, id.published)).collect();
    assert_eq!(ids, [("id-7", 7, START)]);
    assert_eq!(store.page(&whole(0, START)).unwrap().events, [full]);
}

fn the_last_word_counts(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    let (mut renewed, mut moved, mut lazy) =
        (definition("app.Order", Some("e2")), session(1), subscription(1, 1));
    renewed.version = 2;
    moved.expires = at(5);
    lazy.lazy = true;
    let changes = vec![
        Change::Define(definition("app.Order", Some("e1"))),
        Change::Define(definition("app.Gone", None)),
        Change::KeepSession(session(1)),
        Change::KeepSubscription(subscription(1, 1)),
        Change::KeepSubscription(subscription(1, 2)),
    ];
    keep(&store, changes).unwrap();
    let changes = vec![
        Change::Define(renewed.clone()),
        Change::Undefine(name("app.Gone")),
        Change::Undefine(name("app.Unheard")),
        Change::KeepSession(moved.clone()),
        Change::KeepSubscription(lazy.clone()),
        Change::ForgetSubscription(session(1).id, SubscriptionId(2)),
        Change::ForgetSubscription(session(9).id, SubscriptionId(9)),
    ];
    keep(&store, changes).unwrap();
    let records = store.records(START).unwrap();
    assert_eq!(records.definitions, [renewed]);
    assert_eq!((records.sessions, records.subscriptions), (vec![moved], vec![lazy]));
}

fn a_session_takes_its_subscriptions_along(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    let mut changes: Vec<_> = (1..=3).map(|number| Change::KeepSession(session(number))).collect();
    for id in [1, 2, u32::MAX] {
        changes.extend((1..=3).map(|number| Change::KeepSubscription(subscription(number, id))));
    }
    changes.push(Change::ForgetSession(session(2).id));
    keep(&store, changes).unwrap();
    let records = store.records(START).unwrap();
    assert_eq!(records.sessions, [session(1), session(3)]);
    let whose: Vec<_> = records.subscriptions.iter().map(|subscription| subscription.session).collect();
    assert_eq!(whose, [[session(1).id; 3], [session(3).id; 3]].concat());
}

fn a_list_is_answered_in_its_turn(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    let (sender, receiver) = mpsc::channel();
    for offset in 1..=1000 {
        let sender = sender.clone();
        store.submit(vec![append(offset)], move |result| sender.send((offset, result)).unwrap());
    }
    let answers: Vec<_> = receiver.iter().take(1000).collect();
    assert!(answers.iter().zip(1..).all(|(answer, offset)| *answer == (offset, Ok(()))));
    let counts = store.counts();
    assert_eq!((counts.changes, counts.waiting), (1000, 0));
    assert!((4..=1000).contains(&counts.groups), "{counts:?}");
}

fn pages_follow_each_other_without_a_hole(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    // An offset that was never durable is nothing that somebody missed.
    let kept: Vec<u64> = (1..=25).filter(|offset| offset % 7 != 0).collect();
    keep(&store, kept.iter().copied().map(append).collect()).unwrap();
    let mut query = Query { most: 4, ..whole(0, START) };
    let mut read = Vec::new();
    while query.after < 25 {
        let page = store.page(&query).unwrap();
        assert!(page.until > query.after && page.trimmed == 0 && page.expired.is_empty());
        read.extend(offsets(&page));
        query.after = page.until;
    }
    assert_eq!((read, query.after), (kept, 25));
    assert_eq!(store.page(&query).unwrap(), Page { until: 25, ..Page::default() });
    query.after = u64::MAX;
    assert_eq!(store.page(&query).map(|page| page.until), Ok(25), "nothing is after what never was");
}

fn a_page_is_as_large_as_was_asked_for(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    keep(&store, (1..=9).map(append).collect()).unwrap();
    let one = event(1).len();
    for (most, most_bytes, expected) in
        [(3, usize::MAX, 3), (9, 3 * one, 3), (9, 4 * one - 1, 3), (9, 0, 1), (9, 9 * one, 9)]
    {
        let page = store.page(&Query { most, most_bytes, ..whole(0, START) }).unwrap();
        assert_eq!((page.events.len(), page.until), (expected, expected as u64), "{most} {most_bytes}");
    }
}

fn what_nobody_wrote_has_an_empty_page(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    keep(&store, vec![append(1)]).unwrap();
    let elsewhere = Query { epoch: Epoch::new("e2"), ..whole(5, START) };
    assert_eq!(store.page(&elsewhere), Ok(Page { until: 5, ..Page::default() }));
}

/// Events 1 to `count`; those that are listed expire after a minute, the others after an hour.
fn with_brief_ones(store: &Store, count: u64, brief: &[u64]) {
    keep(store, vec![Change::Define(definition("app.Order", Some("e1")))]).unwrap();
    let changes = (1..=count).map(|offset| {
        let expires = if brief.contains(&offset) { at(60) } else { at(3600) };
        Change::Append(EventRecord { expires, ..event(offset) })
    });
    keep(store, changes.collect()).unwrap();
}

fn what_expired_is_not_read_also_when_it_is_still_there(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    with_brief_ones(&store, 5, &[1, 3]);
    assert_eq!(offsets(&store.page(&whole(0, at(59))).unwrap()), [1, 2, 3, 4, 5]);
    let page = store.page(&whole(0, at(60))).unwrap();
    assert_eq!((offsets(&page), page.expired, page.until), (vec![2, 4, 5], vec![1, 3], 5));
    let page = store.page(&Query { most: 3, ..whole(0, at(60)) }).unwrap();
    assert_eq!((offsets(&page), page.expired, page.until), (vec![2], vec![1, 3], 3));
}

fn what_expires_first_leaves_no_silent_hole(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    with_brief_ones(&store, 6, &[1, 2, 4, 6]);
    let before = store.counts().log_bytes;
    store.sweep(at(60));
    round(&store);
    let page = store.page(&whole(0, at(60))).unwrap();
    assert_eq!((page.trimmed, offsets(&page), &*page.expired, page.until), (2, vec![3, 5], &[4, 6][..], 6));
    let counts = store.counts();
    assert_eq!((counts.expired, counts.trimmed), (4, 0));
    assert!(counts.log_bytes < before, "{counts:?}");
    // What held the others back goes, and they with it.
    store.sweep(at(3600));
    round(&store);
    let page = store.page(&whole(0, at(3600))).unwrap();
    assert_eq!((page.trimmed, page.events.len(), page.expired.len(), page.until), (6, 0, 0, 6));
    assert_eq!((store.counts().log_bytes, store.counts().expired), (0, 6));
}

fn a_great_deal_expires_a_bit_at_a_time(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    let many = 2 * CHUNK as u64 + 10;
    let brief: Vec<u64> = (2..=many).collect();
    with_brief_ones(&store, many, &brief);
    store.sweep(at(60));
    while store.counts().expired < many - 1 {
        round(&store);
    }
    let page = store.page(&whole(0, at(60))).unwrap();
    assert_eq!((offsets(&page), page.expired), (vec![1], brief));
    store.sweep(at(3600));
    while store.counts().log_bytes > 0 {
        round(&store);
    }
    assert_eq!(store.page(&whole(0, at(3600))).map(|page| page.trimmed), Ok(many));
}

fn the_oldest_events_go_when_there_is_no_room(begin: Begin<'_>) {
    let other = |offset| EventRecord { event: name("app.Other"), ..event(offset) };
    let room = 4 * (event(1).len() as u64 + 64);
    let (store, _folder) = begin(room);
    // The same size as the others, so that four have room.
    for offset in 1..=3 {
        keep(&store, vec![append(offset), Change::Append(other(offset))]).unwrap();
    }
    let (orders, others) = (whole(0, START), Query { event: name("app.Other"), ..whole(0, START) });
    let page = store.page(&orders).unwrap();
    assert_eq!((page.trimmed, offsets(&page)), (1, vec![2, 3]));
    let page = store.page(&others).unwrap();
    assert_eq!((page.trimmed, offsets(&page)), (1, vec![2, 3]));
    let logs: Vec<_> =
        store.records(START).unwrap().logs.into_iter().map(|log| (log.trimmed, log.last)).collect();
    assert_eq!(logs, [(1, 3), (1, 3)]);
    assert_eq!((store.counts().trimmed, store.counts().log_bytes), (2, room));
}

fn one_event_larger_than_all_room_goes_at_once(begin: Begin<'_>) {
    let (store, _folder) = begin(1000);
    let large = EventRecord { data: Arc::from("x".repeat(2000)), ..event(2) };
    keep(&store, vec![append(1), Change::Append(large)]).unwrap();
    let page = store.page(&whole(0, START)).unwrap();
    assert_eq!((page.trimmed, page.events.len(), page.until), (2, 0, 2));
    assert_eq!((store.counts().trimmed, store.counts().log_bytes), (2, 0));
}

fn logs_are_numbered_on_after_all_their_events_are_gone(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    keep(&store, vec![Change::Define(definition("app.Order", Some("e1"))), append(1), append(2)]).unwrap();
    store.sweep(at(3600));
    round(&store);
    let log = LogRecord { event: name("app.Order"), epoch: Epoch::new("e1"), last: 2, trimmed: 2 };
    assert_eq!(store.records(at(3600)).unwrap().logs, [log]);
}

fn a_log_that_nobody_writes_any_more_goes_with_its_last_event(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    keep(&store, vec![Change::Define(definition("app.Order", Some("e1"))), append(1)]).unwrap();
    keep(&store, vec![Change::Define(definition("app.Order", Some("e2")))]).unwrap();
    store.sweep(at(60));
    round(&store);
    assert_eq!(store.records(at(60)).unwrap().logs.len(), 1, "its event has not expired");
    store.sweep(at(3600));
    round(&store);
    assert_eq!(store.records(at(3600)).unwrap().logs, []);
}

fn ids_of_publishers_are_known_for_two_minutes(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    for (offset, seconds) in [(1, 0), (2, 30), (3, 60)] {
        // However short they live themselves.
        let (published, expires) = (at(seconds), at(seconds + 1));
        let event = EventRecord { published, expires, is_publishers: offset != 2, ..event(offset) };
        keep(&store, vec![Change::Append(event)]).unwrap();
    }
    let known = |now| -> Vec<u64> {
        let records = store.records(now).unwrap();
        records.ids.iter().map(|id| id.offset).collect()
    };
    assert_eq!((known(at(61)), known(at(120)), known(at(180))), (vec![1, 3], vec![3], vec![]));
    store.sweep(at(119));
    round(&store);
    assert_eq!(known(at(61)), [1, 3], "what nobody wants any more is still dedup'd by");
    store.sweep(at(180));
    round(&store);
    assert!(known(at(61)).is_empty());
}

fn whoever_stops_waiting_stops_nothing(begin: Begin<'_>) {
    let (store, _folder) = begin(AMPLE);
    drop(store.keep(vec![append(1)]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(store.keep(vec![append(2)])), Ok(()));
    assert_eq!(offsets(&store.page(&whole(0, START)).unwrap()), [1, 2]);
}
