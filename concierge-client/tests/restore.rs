//! What a client has, and what it asks for on a new connection: the pure half.
#![expect(clippy::unwrap_used, reason = "what is not as expected is to end the test")]

use concierge_client::{
    Loss, Status,
    payload::{
        Event, Rejection, Reply, SelfSubscribeResult, SelfUnsubscribeResult, Service, ServiceCreateResult,
        ServiceDeleteResult, ServiceName,
    },
    session::{Change, Restore, Role, Step},
};
use uuid::Uuid;

const ME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn service(service: &str, owner_uuid: Uuid) -> Service {
    Service { name: name(service), nickname: None, owner_uuid, subscribers: vec![] }
}

fn created(of: &str, owner: Uuid) -> Reply {
    Reply::ServiceCreateResult(ServiceCreateResult { successful: owner == ME, service: service(of, owner) })
}

fn subscribed(to: &str) -> Reply {
    Reply::SelfSubscribeResult(SelfSubscribeResult { successful: true, service: service(to, OTHER) })
}

fn appears(of: &str) -> Event {
    Event::ServiceCreateResult(ServiceCreateResult { successful: true, service: service(of, OTHER) })
}

fn vanishes(of: &str) -> Event {
    Event::ServiceDeleteResult(ServiceDeleteResult { service: service(of, OTHER) })
}

fn create(service: &str) -> Step {
    Step::Create { service: name(service), nickname: None }
}

fn subscribe(service: &str) -> Step {
    Step::Subscribe { service: name(service) }
}

fn change(role: Role, service: &str, status: Status) -> Change {
    Change { role, service: name(service), status }
}

#[test]
fn a_service_of_somebody_else_is_not_restored() {
    let mut restore = Restore::new(true);
    assert_eq!(restore.handle_reply(&created("a", OTHER), ME), []);
    assert_eq!(restore.begin(), []);
    assert!(restore.poll_restored().is_some_and(|restored| restored.is_complete()));
}

#[test]
fn already_there_is_success_only_for_its_owner() {
    for (owner, status) in [(ME, Status::Live), (OTHER, Status::Lost(Loss::TakenBy(OTHER)))] {
        let mut restore = Restore::new(true);
        restore.register_service(&name("a"), None);
        let steps = restore.begin();
        assert_eq!(steps, [create("a")]);
        let reply = ServiceCreateResult { successful: false, service: service("a", owner) };
        let (changed, next) = restore.handle_step(&steps[0], Ok(Reply::ServiceCreateResult(reply)), ME);
        assert_eq!(next, None);
        assert_eq!(changed, Some(change(Role::Owner, "a", status)));
    }
}

#[test]
fn a_subscription_of_a_handle_waits_for_its_service_and_one_by_name_only_where_the_client_comes_back() {
    for (keeps, handles, status) in
        [(true, 0, Status::Pending), (false, 0, Status::Deleted), (false, 1, Status::Pending)]
    {
        let mut restore = Restore::new(keeps);
        if handles > 0 {
            restore.register_subscription(&name("a"));
        }
        restore.handle_reply(&subscribed("a"), ME);
        let (changes, step) = restore.handle_event(&vanishes("a"), ME);
        assert_eq!(changes, [change(Role::Subscriber, "a", status.clone())]);
        assert_eq!(step, None);
        let (_, step) = restore.handle_event(&appears("a"), ME);
        assert_eq!(step.is_some(), status == Status::Pending);
        // It is asked for once, however often it appears.
        assert_eq!(restore.handle_event(&appears("a"), ME), (vec![], None));
    }
}

#[test]
fn the_last_handle_ends_a_subscription_and_no_other_does() {
    let mut restore = Restore::new(true);
    assert_eq!(restore.register_subscription(&name("a")), Status::Pending);
    restore.handle_reply(&subscribed("a"), ME);
    assert_eq!(restore.register_subscription(&name("a")), Status::Live);
    assert_eq!(restore.release_subscription(&name("a")), None);
    let ended = restore.release_subscription(&name("a"));
    assert_eq!(ended, Some(Step::Unsubscribe { service: name("a") }));
    assert_eq!(restore.begin(), []);
}

#[test]
fn a_subscription_by_name_outlives_the_handles_beside_it() {
    let mut restore = Restore::new(true);
    restore.handle_reply(&subscribed("a"), ME);
    restore.register_subscription(&name("a"));
    assert_eq!(restore.release_subscription(&name("a")), None);
    let reply = SelfUnsubscribeResult { successful: true, service: service("a", OTHER) };
    let changes = restore.handle_reply(&Reply::SelfUnsubscribeResult(reply), ME);
    assert_eq!(changes, [change(Role::Subscriber, "a", Status::Deleted)]);
    assert_eq!(restore.begin(), []);
}

#[test]
fn a_restoration_is_complete_when_every_step_is_answered() {
    let mut restore = Restore::new(true);
    restore.handle_reply(&created("a", ME), ME);
    restore.handle_reply(&subscribed("x"), ME);
    restore.handle_reply(&subscribed("y"), ME);
    restore.handle_lost();
    let steps = restore.begin();
    assert_eq!(steps, [create("a"), subscribe("x"), subscribe("y")]);
    let unknown = Reply::InvalidService { service: "x".to_owned() };
    restore.handle_step(&steps[0], Ok(Reply::Bad { desc: Some("too many".to_owned()) }), ME);
    assert_eq!(restore.poll_restored(), None);
    restore.handle_step(&steps[1], Ok(unknown), ME);
    // The service appears while the rest is still under way: the restoration waits for this one too.
    let (_, again) = restore.handle_event(&appears("x"), ME);
    restore.handle_step(&steps[2], Ok(subscribed("y")), ME);
    assert_eq!(restore.poll_restored(), None);
    restore.handle_step(&again.unwrap(), Ok(subscribed("x")), ME);
    let restored = restore.poll_restored().unwrap();
    assert_eq!(restored.subscriptions, ["y", "x"]);
    assert!(restored.pending.is_empty() && restored.services.is_empty());
    let refused = Loss::Refused(Rejection::Refused { desc: Some("too many".to_owned()) });
    assert_eq!(restored.lost[0].loss, refused);
    assert_eq!(restore.poll_restored(), None);
}

#[test]
fn what_is_lost_is_not_tried_on_the_connection_after() {
    let mut restore = Restore::new(true);
    restore.handle_reply(&created("a", ME), ME);
    restore.handle_lost();
    restore.begin();
    restore.handle_step(&create("a"), Ok(created("a", OTHER)), ME);
    restore.handle_lost();
    assert_eq!(restore.begin(), []);
}

#[test]
fn a_service_deleted_by_its_owner_is_over() {
    let mut restore = Restore::new(true);
    restore.handle_reply(&created("a", ME), ME);
    let deleted = ServiceDeleteResult { service: service("a", ME) };
    let (changes, _) = restore.handle_event(&Event::ServiceDeleteResult(deleted.clone()), ME);
    assert_eq!(changes, [change(Role::Owner, "a", Status::Deleted)]);
    // The answer comes after the event, and finds it done.
    assert_eq!(restore.handle_reply(&Reply::ServiceDeleteResult(deleted), ME), []);
}

#[test]
fn a_subscription_that_its_user_ended_while_it_was_retried_is_ended_again() {
    let mut restore = Restore::new(true);
    restore.handle_reply(&subscribed("x"), ME);
    restore
        .handle_event(&Event::ServiceDeleteResult(ServiceDeleteResult { service: service("x", OTHER) }), ME);
    let (_, retry) = restore.handle_event(&appears("x"), ME);
    let unsubscribed = SelfUnsubscribeResult { successful: false, service: service("x", OTHER) };
    let unsubscribed = Reply::SelfUnsubscribeResult(unsubscribed);
    restore.handle_reply(&unsubscribed, ME);
    // The retry was on its way already.
    let (_, undo) = restore.handle_step(&retry.unwrap(), Ok(subscribed("x")), ME);
    let undo = undo.expect("the gateway has a subscription that nobody wants");
    assert_eq!(undo, Step::Unsubscribe { service: name("x") });
    let (changed, next) = restore.handle_step(&undo, Ok(unsubscribed), ME);
    assert_eq!((changed, next), (Some(change(Role::Subscriber, "x", Status::Deleted)), None));
    restore.handle_lost();
    assert_eq!(restore.begin(), []);
}
