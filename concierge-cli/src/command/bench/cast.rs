//! Who plays in a run: connected before it begins, each with the part it has.

use std::sync::Arc;

use concierge_client::payload::{SelfSubscribe, ServiceCreate, ServiceName, Target, encode};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{sync::oneshot, task::JoinSet};

use super::{
    member::{Door, Member},
    plan::{Plan, Scenario},
    run::Run,
    stamp::Template,
    work::{Part, work},
};
use crate::{
    failure::Failure,
    output::{Progress, grouped},
};

/// How many connect at a time.
const TOGETHER: usize = 64;

/// Everybody, in the order they came: first those who send.
pub(super) struct Cast {
    players: Vec<Player>,
    server: Option<String>,
}

struct Player {
    member: Member,
    lane: u64,
    part: Part,
}

/// Everybody at work.
pub(super) struct Stage {
    senders: Vec<oneshot::Sender<()>>,
    others: Vec<oneshot::Sender<()>>,
    sending: JoinSet<()>,
    hearing: JoinSet<()>,
}

impl Cast {
    /// Lets everybody in, and opens the service where there is one.
    pub(super) async fn gather(plan: &Plan, door: &Door, progress: &mut Progress) -> Result<Self, Failure> {
        let total = plan.clients();
        let mut members = stream::iter(1..=total)
            .map(|number| async move { door.enter(&number.to_string()).await })
            .buffered(TOGETHER);
        let mut arrived = Vec::new();
        while let Some(member) = members.next().await {
            arrived.push(member?);
            let count = arrived.len() as u64;
            progress.advance(count, || format!("{} of {} connected", grouped(count), grouped(total)));
        }
        drop(members);
        let server = arrived.first().and_then(|member| member.hello.server.clone());
        let limit = arrived.first().and_then(|member| member.hello.limits).map(|limits| limits.message);
        let players = match plan.scenario {
            Scenario::Fanout => fan_out(plan, door, arrived).await?,
            _ => pairs(plan, arrived),
        };
        for player in &players {
            player.fits(limit)?;
        }
        Ok(Self { players, server })
    }

    /// The gateway's program, when it told.
    pub(super) fn server(&self) -> Option<String> {
        self.server.clone()
    }

    /// Everybody begins.
    pub(super) fn begin(self, run: &Arc<Run>) -> Stage {
        let mut stage = Stage {
            senders: Vec::new(),
            others: Vec::new(),
            sending: JoinSet::new(),
            hearing: JoinSet::new(),
        };
        // Those who hear first: what is sent finds them ready.
        for Player { member, lane, part } in self.players.into_iter().rev() {
            let (stop, stopped) = oneshot::channel();
            let sends = matches!(part, Part::Sender(_) | Part::Requester(_));
            let (stops, tasks) = if sends {
                (&mut stage.senders, &mut stage.sending)
            } else {
                (&mut stage.others, &mut stage.hearing)
            };
            stops.push(stop);
            tasks.spawn(work(Arc::clone(run), lane, part, member.into_connection(), stopped));
        }
        stage
    }
}

impl Stage {
    /// Everybody leaves: first those who send, with whom their services go.
    pub(super) async fn clear(mut self) {
        self.senders.clear();
        while self.sending.join_next().await.is_some() {}
        self.others.clear();
        while self.hearing.join_next().await.is_some() {}
    }
}

impl Player {
    /// Whether the gateway takes what it would send.
    fn fits(&self, limit: Option<usize>) -> Result<(), Failure> {
        let (Part::Sender(template) | Part::Requester(template)) = &self.part else { return Ok(()) };
        match limit {
            Some(limit) if template.len() > limit => {
                let message = format!(
                    "each message has {} bytes, the gateway takes {}",
                    grouped(template.len() as u64),
                    grouped(limit as u64)
                );
                Err(Failure::usage(message).hint("a smaller --size, or a higher limit of the gateway"))
            }
            _ => Ok(()),
        }
    }
}

/// Each sender with a receiver of its own.
fn pairs(plan: &Plan, members: Vec<Member>) -> Vec<Player> {
    let lanes = usize::try_from(plan.lanes).unwrap_or(usize::MAX);
    let mut senders = members;
    let receivers = senders.split_off(lanes.min(senders.len()));
    let answers = plan.scenario == Scenario::Request;
    let parts = senders.iter().zip(&receivers).map(|(_, receiver)| {
        let template = Template::new(&encode(&Target::name(receiver.name.as_str())), plan.size);
        if answers { Part::Requester(template) } else { Part::Sender(template) }
    });
    let parts: Vec<_> = parts.collect();
    let sending = (0..).zip(senders.into_iter().zip(parts));
    let mut players: Vec<_> = sending.map(|(lane, (member, part))| Player { member, lane, part }).collect();
    players.extend((0..).zip(receivers).map(|(lane, member)| {
        let part = if answers { Part::Responder } else { Part::Receiver(0) };
        Player { member, lane, part }
    }));
    players
}

/// The owner of a service, and its subscribers.
async fn fan_out(plan: &Plan, door: &Door, members: Vec<Member>) -> Result<Vec<Player>, Failure> {
    let service: ServiceName = door.name.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    let mut members = members.into_iter();
    let Some(mut owner) = members.next() else { return Ok(Vec::new()) };
    owner.ask(&ServiceCreate { service: service.clone(), nickname: None }).await?;
    let template = Template::new(&encode(&Target::service(service.clone())), plan.size);
    let subscribed: Vec<Member> = stream::iter(members)
        .map(|mut member| {
            let request = SelfSubscribe { service: service.clone() };
            async move { member.ask(&request).await.map(|_| member) }
        })
        .buffered(TOGETHER)
        .try_collect()
        .await?;
    let mut players = vec![Player { member: owner, lane: 0, part: Part::Sender(template) }];
    players.extend((0..).zip(subscribed).map(|(number, member)| Player {
        member,
        lane: 0,
        part: Part::Receiver(number),
    }));
    Ok(players)
}
