//! What was there before the process was.

use std::sync::Arc;

use concierge_client::telegraphy::{Position, Timestamp};

use super::{
    Events,
    alarms::Alarm,
    few::Few,
    filter::Filter,
    interest::Interest,
    record::{Records, SubscriptionRecord},
    session::{Granted, Presence, Session, Subscription},
    topic::{Known, Registered, Standing, Topic},
};

impl Events {
    /// Takes what a store has kept. To be called once, before anything else happens. What breaks a rule of now, such as a filter
    /// that is none any more, is left out; how many such records there were is returned.
    pub fn restore(&mut self, records: Records, now: Timestamp) -> usize {
        let mut left_out = 0;
        for record in records.definitions {
            let epoch = record.epoch.unwrap_or_else(|| self.next_epoch());
            let name = record.definition.name.clone();
            let registered = Registered {
                source: record.source,
                definition: Arc::new(record.definition),
                version: record.version,
            };
            self.topics.insert(name, Topic::new(Standing::Registered(registered), epoch));
        }
        for log in records.logs {
            let topic = self.topics.get_mut(&log.event).filter(|topic| topic.epoch == log.epoch);
            if let Some(topic) = topic {
                topic.last = log.last;
                topic.head = log.last;
                topic.trimmed = log.trimmed;
            }
        }
        for record in records.ids {
            let topic = self.topics.get_mut(&record.event).filter(|topic| topic.epoch == record.epoch);
            if let Some(topic) = topic {
                let position = Position { epoch: record.epoch, offset: record.offset };
                topic.ids.insert(record.id, record.published, Known { position, waiting: None });
            }
        }
        for record in records.sessions {
            // What cannot be read grants nothing.
            let grants = Granted::new(record.grants).unwrap_or_else(|_| Granted::nothing());
            self.alarms.set(record.expires, Alarm::Expiry(record.id));
            self.sessions.insert(Session {
                id: record.id,
                token: Some(record.token),
                user: record.user,
                host: record.host,
                grants,
                expires: record.expires,
                presence: Presence::Away { since: now },
                subscriptions: Few::default(),
                interests: Few::default(),
                next_subscription: 1,
                pending: 0,
            });
        }
        for record in records.subscriptions {
            if self.restore_subscription(record).is_none() {
                left_out += 1;
            }
        }
        left_out
    }

    fn restore_subscription(&mut self, record: SubscriptionRecord) -> Option<()> {
        let SubscriptionRecord { session: id, id: number, event, filters, lazy, since } = record;
        let filter = Filter::from_json(&serde_json::from_str(&filters).ok()?).ok()?;
        let epoch = self.next_epoch();
        let session = self.sessions.get_mut(id)?;
        let topic =
            self.topics.entry(event.clone()).or_insert_with(|| Topic::new(Standing::Unregistered, epoch));
        let (filter_id, filter) = topic.enter(filter, id, number).ok()?;
        // Of a log that began later, everything was published since.
        let since = if since.epoch == topic.epoch {
            since
        } else {
            Position { epoch: topic.epoch.clone(), offset: 0 }
        };
        let interest = session.interests.remove(&event);
        let mut interest = interest.unwrap_or_else(|| Interest::new(since.clone()));
        interest.subscriptions.insert(number);
        interest.acknowledged.offset = interest.acknowledged.offset.min(since.offset);
        // They may have had everything before the start, and may say so.
        interest.sent = topic.head;
        session.interests.insert(event.clone(), interest);
        let subscription =
            Subscription { event, filter, filter_id, is_permanent: true, is_lazy: lazy, since };
        session.subscriptions.insert(number, subscription);
        session.next_subscription = session.next_subscription.max(number.0.saturating_add(1));
        Some(())
    }
}
