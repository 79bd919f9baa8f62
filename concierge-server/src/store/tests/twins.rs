//! The two media are the same: whatever is done to both, both tell the same of it.

use proptest::prelude::*;

use super::*;

/// Something that is done to both.
#[derive(Debug, Clone)]
enum Step {
    Keep(Vec<Simple>),
    /// Time goes on by so many seconds, and what has expired is swept.
    Sweep(u64),
}

/// A change in small numbers, so that the same things meet often.
#[derive(Debug, Clone)]
enum Simple {
    Define(u8, Option<u8>),
    Undefine(u8),
    KeepSession(u8, u64),
    ForgetSession(u8),
    KeepSubscription(u8, u32, bool),
    ForgetSubscription(u8, u32),
    /// To which log, how many offsets further, how large, how long it lives, whether its publisher chose the id.
    Append(u8, u64, usize, u64, bool),
}

fn simple() -> impl Strategy<Value = Simple> {
    prop_oneof![
        1 => (0..3u8, proptest::option::of(0..2u8)).prop_map(|(event, epoch)| Simple::Define(event, epoch)),
        1 => (0..3u8).prop_map(Simple::Undefine),
        1 => (0..4u8, 0..9u64).prop_map(|(session, expires)| Simple::KeepSession(session, expires)),
        1 => (0..4u8).prop_map(Simple::ForgetSession),
        1 => (0..4u8, 0..3u32, any::<bool>())
            .prop_map(|(session, id, lazy)| Simple::KeepSubscription(session, id, lazy)),
        1 => (0..4u8, 0..3u32).prop_map(|(session, id)| Simple::ForgetSubscription(session, id)),
        8 => (0..6u8, 1..3u64, 0..400usize, 0..200u64, any::<bool>()).prop_map(
            |(log, further, size, lives, is_publishers)| Simple::Append(log, further, size, lives, is_publishers)
        ),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => proptest::collection::vec(simple(), 0..8).prop_map(Step::Keep),
        1 => (0..100u64).prop_map(Step::Sweep),
    ]
}

/// The event and the epoch of a log.
fn log(number: u8) -> (EventName, Epoch) {
    (name(&format!("app.{}", number % 3)), Epoch::new(format!("e{}", number / 3)))
}

fn change(simple: &Simple, now: u64, last: &mut [u64; 6]) -> Change {
    match *simple {
        Simple::Define(event, epoch) => {
            let epoch = epoch.map(|epoch| format!("e{epoch}"));
            Change::Define(definition(&format!("app.{event}"), epoch.as_deref()))
        }
        Simple::Undefine(event) => Change::Undefine(name(&format!("app.{event}"))),
        Simple::KeepSession(number, expires) => {
            Change::KeepSession(SessionRecord { expires: at(expires), ..session(number) })
        }
        Simple::ForgetSession(number) => Change::ForgetSession(session(number).id),
        Simple::KeepSubscription(number, id, lazy) => {
            Change::KeepSubscription(SubscriptionRecord { lazy, ..subscription(number, id) })
        }
        Simple::ForgetSubscription(number, id) => {
            Change::ForgetSubscription(session(number).id, SubscriptionId(id))
        }
        Simple::Append(number, further, size, lives, is_publishers) => {
            let offset = &mut last[usize::from(number)];
            *offset += further;
            let (event_name, epoch) = log(number);
            let data = Arc::from("x".repeat(size));
            let (published, expires) = (at(now), at(now + lives));
            let fresh = EventRecord { event: event_name, epoch, data, published, expires, ..event(*offset) };
            Change::Append(EventRecord { is_publishers, ..fresh })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_both_media_they_tell_the_same(steps in proptest::collection::vec(step(), 1..16)) {
        let folder = tempfile::tempdir().unwrap();
        let room = 4000;
        let twins = [
            Store::in_memory(room).unwrap(),
            Store::open(&folder.path().join("store.db"), room).unwrap(),
        ];
        let (mut now, mut last) = (0, [0; 6]);
        for step in &steps {
            match step {
                Step::Keep(changes) => {
                    let changes: Vec<_> =
                        changes.iter().map(|simple| change(simple, now, &mut last)).collect();
                    for store in &twins {
                        keep(store, changes.clone()).unwrap();
                    }
                }
                Step::Sweep(seconds) => {
                    now += seconds;
                    for store in &twins {
                        store.sweep(at(now));
                        round(store);
                    }
                }
            }
            let [memory, file] = &twins;
            prop_assert_eq!(memory.records(at(now)), file.records(at(now)));
            let (ours, theirs) = (memory.counts(), file.counts());
            prop_assert_eq!(
                (ours.log_bytes, ours.expired, ours.trimmed),
                (theirs.log_bytes, theirs.expired, theirs.trimmed)
            );
            for number in 0..6 {
                let (event, epoch) = log(number);
                for (after, most, most_bytes) in [(0, 100, 100_000), (1, 3, 100_000), (0, 100, 500)] {
                    let query = Query { event: event.clone(), epoch: epoch.clone(), after, most, most_bytes, now: at(now) };
                    prop_assert_eq!(memory.page(&query), file.page(&query));
                }
            }
        }
    }
}
