//! Requests that are served: many at a time, none harming another.

use std::{sync::Arc, time::Duration};

use concierge_client::{Asked, Client, RequestError, ServeOptions, Service, Subscription};
use futures_util::future::join_all;
use tokio::sync::{Barrier, Notify, Semaphore};

use crate::real::{client, gateway};

const SOON: Duration = Duration::from_secs(20);

/// A service of alice, and bob's subscription to it.
async fn service() -> (Service, Client, Subscription<()>) {
    let url = gateway().await;
    let alice = client(&url, "alice").await;
    let service = alice.create_service("work").open().await.unwrap();
    let bob = client(&url, "bob").await;
    let subscription = bob.subscription("work").open().await.unwrap();
    (service, bob, subscription)
}

fn refusal<R: std::fmt::Debug>(answer: Result<R, RequestError>) -> String {
    match answer {
        Err(RequestError::Refused { error }) => error,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[tokio::test]
async fn as_many_are_handled_at_once_as_may_and_the_others_wait() {
    let (service, _bob, work) = service().await;
    // Nobody passes unless three are there at the same time; more than three never are.
    let (barrier, places) = (Arc::new(Barrier::new(3)), Arc::new(Semaphore::new(3)));
    let options = ServeOptions::default().concurrency(3).timeout(SOON);
    let serving = service.serve(options, move |asked: Asked<u32>| {
        let (barrier, places) = (Arc::clone(&barrier), Arc::clone(&places));
        async move {
            let _place = places.try_acquire().map_err(|_| "too many at once")?;
            barrier.wait().await;
            Ok::<_, &str>(asked.body + 1)
        }
    });
    let answers =
        join_all((0..9).map(|number| work.request::<u32>(&number).timeout(SOON).into_future())).await;
    let answers: Vec<u32> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(serving.served().answered, 9);
}

#[tokio::test]
async fn a_panic_a_delay_and_a_failure_are_answered_and_harm_no_other() {
    let (service, _bob, work) = service().await;
    let options = ServeOptions::default().timeout(Duration::from_millis(200));
    let serving = service.serve(options, async |asked: Asked<String>| match asked.body.as_str() {
        "panic" => panic!("this handler panics, as the test wants"),
        "wait" => std::future::pending().await,
        "fail" => Err("it failed"),
        other => Ok(other.len()),
    });
    let (panicked, late, failed, unreadable, answered) = tokio::join!(
        work.request::<usize>("panic").into_future(),
        work.request::<usize>("wait").into_future(),
        work.request::<usize>("fail").into_future(),
        work.request::<usize>(&[1]).into_future(),
        work.request::<usize>("four").into_future(),
    );
    assert_eq!(refusal(panicked), "the request failed within the service");
    assert_eq!(refusal(late), "the service had no answer within 0.2 s");
    assert_eq!(refusal(failed), "it failed");
    assert!(refusal(unreadable).starts_with("the request cannot be read: invalid type: sequence"));
    assert_eq!(answered.unwrap(), 4);
    assert_eq!(work.request::<usize>("again").await.unwrap(), 5);
    let served = serving.drain(SOON).await.unwrap();
    assert_eq!((served.answered, served.refused, served.timed_out), (2, 1, 1));
    assert_eq!((served.panicked, served.unreadable, served.undelivered), (1, 1, 0));
}

#[tokio::test]
async fn a_request_beyond_the_backlog_is_told_at_once() {
    let (service, _bob, work) = service().await;
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let options = ServeOptions::default().concurrency(1).backlog(0).timeout(SOON);
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&gate));
    let serving = service.serve(options, move |_: Asked<()>| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok::<_, String>(())
        }
    });
    let first = tokio::spawn(work.request::<()>(&()).timeout(SOON).into_future());
    begun.notified().await;
    assert_eq!(refusal(work.request::<()>(&()).await), "the service is busy");
    gate.notify_one();
    first.await.unwrap().unwrap();
    assert_eq!(serving.served().turned_away, 1);
}

#[tokio::test]
async fn a_drain_answers_what_was_asked_and_turns_away_what_comes() {
    let (service, _bob, work) = service().await;
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&gate));
    let serving = service.serve(ServeOptions::default().timeout(SOON), move |_: Asked<()>| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok::<_, String>("done")
        }
    });
    let first = tokio::spawn(work.request::<String>(&()).timeout(SOON).into_future());
    begun.notified().await;
    let draining = tokio::spawn(serving.drain(SOON));
    // Until the drain has begun, a request waits for a handler; from then on it is told.
    loop {
        let asking = work.request::<String>(&()).timeout(Duration::from_millis(100)).await;
        if matches!(&asking, Err(RequestError::Refused { error }) if error == "the service is about to end") {
            break;
        }
        gate.notify_one();
    }
    gate.notify_waiters();
    gate.notify_one();
    assert_eq!(first.await.unwrap().unwrap(), "done");
    assert!(draining.await.unwrap().unwrap().turned_away >= 1);
}

#[tokio::test]
async fn a_drain_that_takes_too_long_says_how_many_have_no_answer() {
    let (service, _bob, work) = service().await;
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let serving = service.serve(ServeOptions::default().timeout(SOON), move |_: Asked<()>| {
        tell.notify_one();
        std::future::pending::<Result<(), String>>()
    });
    let asking = tokio::spawn(work.request::<()>(&()).timeout(SOON).into_future());
    begun.notified().await;
    let unfinished = serving.drain(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(unfinished.requests, 1);
    assert_eq!(refusal(asking.await.unwrap()), "the service has stopped");
}

#[tokio::test]
async fn dropping_the_serving_tells_whoever_waits_for_a_handler_or_its_answer() {
    let (service, _bob, work) = service().await;
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let options = ServeOptions::default().concurrency(1).timeout(SOON);
    let serving = service.serve(options, move |_: Asked<()>| {
        tell.notify_one();
        std::future::pending::<Result<(), String>>()
    });
    let first = tokio::spawn(work.request::<()>(&()).timeout(SOON).into_future());
    begun.notified().await;
    let second = tokio::spawn(work.request::<()>(&()).timeout(SOON).into_future());
    while serving.open() < 2 {
        tokio::task::yield_now().await;
    }
    drop(serving);
    assert_eq!(refusal(first.await.unwrap()), "the service has stopped");
    assert_eq!(refusal(second.await.unwrap()), "the service has stopped");
}

#[tokio::test]
async fn an_answer_that_is_too_large_says_so() {
    let (service, _bob, work) = service().await;
    let _serving = service
        .serve(ServeOptions::default(), async |asked: Asked<usize>| Ok::<_, String>("x".repeat(asked.body)));
    let refused = refusal(work.request::<String>(&(2 << 20)).await);
    assert!(refused.starts_with("the answer cannot be sent: the request has 2097"), "{refused}");
    assert_eq!(work.request::<String>(&2).await.unwrap(), "xx");
}

#[tokio::test]
async fn an_answer_to_one_that_has_left_is_counted() {
    let (service, bob, work) = service().await;
    let (begun, gate) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&gate));
    let serving = service.serve(ServeOptions::default().timeout(SOON), move |_: Asked<()>| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            Ok::<_, String>(())
        }
    });
    let asking = tokio::spawn(work.request::<()>(&()).timeout(SOON).into_future());
    begun.notified().await;
    let gone = service
        .client()
        .wait_for(SOON, |event| matches!(event, concierge_client::Event::ClientLeft { .. }).then_some(()));
    bob.close().await;
    assert!(matches!(asking.await.unwrap(), Err(RequestError::Lost { .. })));
    gone.await.unwrap();
    gate.notify_one();
    assert_eq!(serving.drain(SOON).await.unwrap().undelivered, 1);
}

#[tokio::test]
async fn serving_ends_with_its_service() {
    let (service, _bob, work) = service().await;
    let mut serving = service.serve(ServeOptions::default(), async |_: Asked<()>| Ok::<_, String>(1));
    assert_eq!(work.request::<u32>(&()).await.unwrap(), 1);
    service.delete().await.unwrap();
    assert_eq!(serving.ended().await.answered, 1);
    assert_eq!(serving.ended().await.answered, 1);
}
