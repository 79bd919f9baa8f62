//! What happens between two connections.

use std::time::Duration;

use concierge_client::{
    CallError, CloseCause, CloseCode, Event, Events, Hold, Interruption, ReconnectPolicy, State, Wire,
    payload::Seq,
};
use tokio::time::Instant;

use crate::{
    address::{address, connected_at, uuid},
    gateway::{Gateway, joined},
};

/// The next event that says that the client is back.
async fn resumed(events: &mut Events) -> std::sync::Arc<concierge_client::Resumed> {
    events
        .wait_for(Duration::from_hours(1), |event| match event {
            Event::Resumed(resumed) => Some(std::sync::Arc::clone(resumed)),
            _ => None,
        })
        .await
        .expect("the client comes back")
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_comes_back_under_a_new_id() {
    let (builder, mut address) = address();
    let (client, mut events, gateway) = connected_at(builder, &mut address).await;
    assert_eq!((client.uuid(), client.session().epoch), (uuid(1), 0));
    drop(gateway);
    assert!(matches!(events.next().await, Some(Event::Disconnected { cause: CloseCause::Lost { .. }, .. })));
    let mut gateway = address.welcome().await;
    let Some(Event::Resumed(resumed)) = events.next().await else { panic!("it is back") };
    assert_eq!((resumed.previous, resumed.uuid, resumed.epoch, resumed.attempts), (uuid(1), uuid(2), 1, 1));
    assert!(resumed.gap <= Duration::from_millis(251), "{:?}", resumed.gap);
    assert!(resumed.restored.is_complete());
    assert_eq!((client.uuid(), client.session().epoch), (uuid(2), 1));
    // Numbers begin anew, and the same streams go on.
    let sent = tokio::spawn(client.to("bob").json(&1).into_future());
    gateway.receive().await;
    gateway.answer(0, "OK").await;
    sent.await.unwrap().unwrap();
    gateway.send(&joined("carol")).await;
    assert!(matches!(events.next().await, Some(Event::ClientJoined { .. })));
    assert_eq!(client.stats().reconnects, 1);
    assert!(client.close_cause().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_told_so_ends_with_its_connection() {
    let (builder, mut address) = address();
    let (client, mut events, gateway) = connected_at(builder.no_reconnect(), &mut address).await;
    drop(gateway);
    assert!(matches!(client.closed().await, CloseCause::Lost { .. }));
    assert!(matches!(events.next().await, Some(Event::Closed(CloseCause::Lost { .. }))));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_up_to_their_longest_and_attempts_can_be_bounded() {
    let (builder, mut address) = address();
    let policy = ReconnectPolicy::default().attempts(9);
    let (client, mut events, gateway) = connected_at(builder.reconnect(policy), &mut address).await;
    address.refuse(true);
    drop(gateway);
    let mut longest = Duration::from_millis(250);
    for number in 1..=9 {
        let (attempt, retry_in) = match events.next().await {
            Some(Event::Disconnected { retry_in, .. }) => (1, retry_in),
            Some(Event::Reconnecting { attempt, retry_in, why }) => {
                assert_eq!(&*why, "no stream to the gateway could be opened");
                (attempt, retry_in)
            }
            other => panic!("unexpected: {other:?}"),
        };
        assert_eq!(attempt, number);
        assert!(retry_in <= longest, "{retry_in:?}");
        longest = (2 * longest).min(Duration::from_secs(20));
    }
    let Some(Event::Closed(cause)) = events.next().await else { panic!("it gives up") };
    assert_eq!(
        cause.to_string(),
        "could not connect again: no stream to the gateway could be opened: connection refused"
    );
    assert_eq!(client.closed().await, cause);
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_says_is_final_ends_the_client() {
    for code in [1000, 4002, 4006, 4013] {
        let (builder, mut address) = address();
        let (client, _events, mut gateway) = connected_at(builder, &mut address).await;
        gateway.close(code, "").await;
        assert_eq!(client.closed().await.code(), Some(CloseCode::from(code)), "{code}");
    }
    // The same when it says so at the door.
    let (builder, mut address) = address();
    let (client, _events, gateway) = connected_at(builder, &mut address).await;
    drop(gateway);
    address.turn_away(4006, "Secret mismatch").await;
    assert_eq!(client.closed().await.code(), Some(CloseCode::BadSecret));
    let error = client.whoami().await.unwrap_err();
    assert!(matches!(error, CallError::Closed { cause: CloseCause::ByGateway { .. } }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_ghost_of_its_own_name_is_waited_for() {
    let (builder, mut address) = address();
    let (client, mut events, gateway) = connected_at(builder, &mut address).await;
    drop(gateway);
    for _ in 0..3 {
        address.turn_away(4005, "Duplicate name in namespace").await;
    }
    let _gateway = address.welcome().await;
    assert_eq!(resumed(&mut events).await.attempts, 4);
    assert!(client.state().is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_stays_taken_is_given_up_after_30_s() {
    let (builder, mut address) = address();
    let (client, _events, gateway) = connected_at(builder, &mut address).await;
    drop(gateway);
    let start = Instant::now();
    let taken = tokio::spawn(async move {
        loop {
            address.turn_away(4005, "Duplicate name in namespace").await;
        }
    });
    assert_eq!(client.closed().await.code(), Some(CloseCode::DuplicateAuth));
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(30) && waited < Duration::from_secs(35), "{waited:?}");
    taken.abort();
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_fail_at_once_and_those_between_connections_too() {
    let (builder, mut address) = address();
    let (client, mut events, mut gateway) = connected_at(builder, &mut address).await;
    let sent = tokio::spawn(client.to("bob").json(&1).into_future());
    gateway.receive().await;
    let start = Instant::now();
    address.refuse(true);
    drop(gateway);
    let lost = sent.await.unwrap().unwrap_err();
    assert!(matches!(lost, CallError::Lost { wire: Wire::MaybeSent, .. }), "{lost:?}");
    assert!(lost.is_temporary() && !lost.safe_to_repeat());
    let refused = client.to("bob").json(&2).await.unwrap_err();
    assert!(matches!(&refused, CallError::NotConnected { cause: Interruption::Ended(_) }), "{refused:?}");
    assert!(refused.is_temporary() && refused.safe_to_repeat());
    assert!(matches!(client.to("bob").try_json(&3), Err(CallError::NotConnected { .. })));
    assert!(matches!(client.ping().await, Err(CallError::NotConnected { .. })));
    assert_eq!(start.elapsed(), Duration::ZERO);
    address.refuse(false);
    let _gateway = address.welcome().await;
    resumed(&mut events).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_be_sent_later_is_sent_once() {
    let (builder, mut address) = address();
    let (client, _events, gateway) = connected_at(builder, &mut address).await;
    drop(gateway);
    tokio::task::yield_now().await;
    let patient = tokio::spawn(client.to("bob").json(&1).retry_if_unsent().into_future());
    let mut gateway = address.welcome().await;
    assert_eq!(gateway.receive().await["data"], 1);
    gateway.answer(0, "OK").await;
    patient.await.unwrap().unwrap();
    // One that may have arrived is not sent again.
    let sent = tokio::spawn(client.to("bob").json(&2).retry_if_unsent().into_future());
    gateway.receive().await;
    drop(gateway);
    assert!(matches!(sent.await.unwrap(), Err(CallError::Lost { wire: Wire::MaybeSent, .. })));
    // One that never finds a connection ends with its time.
    address.refuse(true);
    let late = client.to("bob").json(&3).retry_if_unsent().timeout(Duration::from_secs(3)).await;
    assert!(matches!(late, Err(CallError::Timeout { .. })));
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_connection_when_they_may_and_go_out_in_order() {
    let (builder, mut address) = address();
    let builder = builder.offline_queue(Hold::new(2, Duration::from_mins(1)));
    let (client, _events, gateway) = connected_at(builder, &mut address).await;
    drop(gateway);
    client.states().next().await;
    tokio::task::yield_now().await;
    let first = client.to("bob").try_json(&1).unwrap();
    let second = client.to("bob").try_json(&2).unwrap();
    let full = client.to("bob").json(&3).await;
    assert!(matches!(full, Err(CallError::NotConnected { .. })), "{full:?}");
    let mut gateway = address.welcome().await;
    for number in [1, 2] {
        assert_eq!(gateway.receive().await["data"], number);
        gateway.answer_last("OK").await;
    }
    first.await.unwrap();
    second.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_no_longer_for_a_connection_than_it_may() {
    let (builder, mut address) = address();
    let builder = builder.offline_queue(Hold::new(2, Duration::from_secs(4)));
    let (client, _events, gateway) = connected_at(builder, &mut address).await;
    address.refuse(true);
    drop(gateway);
    while client.state().is_connected() {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    let error = client.to("bob").json(&1).await.unwrap_err();
    assert!(matches!(error, CallError::NotConnected { .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn states_are_told_as_they_change_and_the_latest_is_never_lost() {
    let (builder, mut address) = address();
    let (client, _events, gateway) = connected_at(builder, &mut address).await;
    let mut states = client.states();
    assert!(matches!(states.next().await, Some(State::Connected(session)) if session.epoch == 0));
    address.refuse(true);
    drop(gateway);
    let Some(State::Connecting { attempt: 1, cause, .. }) = states.next().await else { panic!("on its way") };
    assert!(matches!(cause, Interruption::Ended(CloseCause::Lost { .. })));
    let Some(State::Connecting { attempt: 2, cause, .. }) = states.next().await else { panic!("again") };
    assert!(matches!(cause, Interruption::Failed(_)));
    address.refuse(false);
    let gateway = address.welcome().await;
    loop {
        match states.next().await {
            Some(State::Connected(session)) => break assert_eq!(session.epoch, 1),
            Some(State::Connecting { .. }) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    let mut late = client.states();
    client.close().await;
    drop(gateway);
    assert!(matches!(late.next().await, Some(State::Closed(CloseCause::ByClient))));
    assert!(late.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn closing_between_connections_ends_at_once() {
    let (builder, mut address) = address();
    let (client, mut events, gateway) = connected_at(builder, &mut address).await;
    address.refuse(true);
    drop(gateway);
    events.next().await;
    let start = Instant::now();
    tokio::join!(client.close(), client.close());
    assert_eq!(client.drain(Duration::from_secs(5)).await, Ok(()));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(client.closed().await, CloseCause::ByClient);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_between_connections_ends() {
    let (builder, mut address) = address();
    let (client, mut events, gateway) = connected_at(builder, &mut address).await;
    address.refuse(true);
    drop(gateway);
    assert!(matches!(events.next().await, Some(Event::Disconnected { .. })));
    drop(client);
    assert!(matches!(events.next().await, Some(Event::Closed(CloseCause::ByClient))));
}

/// Answers as many texts as come, with a number that is off by this much until it is set anew.
async fn miscount(mut gateway: Gateway, off_by: u64) -> Gateway {
    let mut seq = off_by;
    for _ in 0..6 {
        let payload = gateway.receive().await;
        if payload["type"] == "SELF_SET_SEQ" {
            seq = payload["seq"].as_u64().unwrap();
        }
        gateway.answer(seq, "OK").await;
        seq += 1;
    }
    gateway
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_miscounts_is_brought_back_into_step() {
    let (builder, mut address) = address();
    let (client, mut events, gateway) = connected_at(builder, &mut address).await;
    let counting = tokio::spawn(miscount(gateway, 7));
    let start = Instant::now();
    let error = client.to("bob").json(&1).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway answered with a number that belongs to no request");
    assert!(!error.safe_to_repeat());
    assert_eq!(start.elapsed(), Duration::ZERO);
    let told = events.next().await;
    assert_eq!(told, Some(Event::Resynchronized { stray: Seq::new(7).unwrap(), failed: 1 }));
    for number in 2..=5 {
        client.to("bob").json(&number).await.unwrap();
    }
    counting.await.unwrap();
    let stats = client.stats();
    assert_eq!((stats.stray, stats.resynchronized, stats.calls, stats.sent), (1, 1, 5, 7));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_answers_twice_harms_nobody() {
    let (builder, mut address) = address();
    let (client, _events, mut gateway) = connected_at(builder, &mut address).await;
    let answering = tokio::spawn(async move {
        for _ in 0..3 {
            let payload = gateway.receive().await;
            let set = payload["seq"].as_u64();
            match set {
                Some(seq) => gateway.answer(seq, "OK").await,
                None => gateway.answer_last("OK").await,
            }
            if set.is_none() {
                gateway.answer_last("OK").await;
                let set = gateway.receive().await["seq"].as_u64().unwrap();
                gateway.answer(set, "OK").await;
                break;
            }
        }
        gateway
    });
    client.to("bob").json(&1).await.unwrap();
    answering.await.unwrap();
    assert!(client.close_cause().is_none());
}
