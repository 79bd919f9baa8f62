//! Listens to the orders of a web shop, as it tells of them by Telegraphy: those from a total on, which is its argument; each acknowledged once
//! it is dealt with, over as many connections as it takes. An auth token that the shop issued is in `$CONCIERGE_EVENT_TOKEN`.

use concierge_client::telegraphy::{AuthToken, Received, State, StreamError, Telegraphy};
use concierge_examples::{gateway_url, say, told_to_stop};
use serde::Deserialize;
use serde_json::json;

/// What the event `shop.Order` carries, as far as it is of interest here.
#[derive(Deserialize)]
struct Order {
    customer: u64,
    total: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let least = std::env::args().nth(1).map_or(Ok(0), |argument| argument.parse::<u64>())?;
    // Without a token it is nobody, and sees what everybody may.
    let token =
        std::env::var("CONCIERGE_EVENT_TOKEN").map_or_else(|_| AuthToken::anonymous(), AuthToken::new);
    let builder = Telegraphy::builder(gateway_url(), token)?;
    let telegraphy = builder.program("event_listener", env!("CARGO_PKG_VERSION")).connect().await?;
    let large = telegraphy.subscribe("shop.Order").filter(json!({"total__gte": least}));
    // Also while the connection is away, also if the shop says only later that it has orders.
    let mut orders = large.permanent().lazy().acknowledge_by_hand().open::<Order>().await?;
    let mut states = telegraphy.states();
    let stop = told_to_stop()?;
    say("ready")?;

    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(state) = states.next() => tell(&state)?,
            Some(received) = orders.next() => {
                handle(received)?;
                // Had it died before this, the order would come again.
                orders.acknowledge();
            }
        }
    }
    // The session goes too: nobody else has its token.
    telegraphy.disconnect(true).await?;
    Ok(())
}

fn tell(state: &State) -> std::io::Result<()> {
    match state {
        State::Connected(said) => {
            let user = said.user.as_ref().map_or("nobody", |user| user.as_str());
            say(format!("connected as {user:?}, {}", if said.resumed { "again" } else { "anew" }))
        }
        State::Connecting(why) => say(format!("the connection is lost: {why}")),
        _ => Ok(()),
    }
}

fn handle(received: Result<Received<Order>, StreamError>) -> anyhow::Result<()> {
    match received {
        Ok(Received::Event(order)) => {
            let Order { customer, total } = order.data;
            let once_more = if order.meta.redelivered == Some(true) { ", maybe told before" } else { "" };
            say(format!("customer {customer} ordered for {total}{once_more}"))?;
        }
        // Who keeps a state by the orders loads it anew here.
        Ok(Received::Gap(gap)) => say(format!("orders may be missing: {}", gap.cause))?,
        Ok(Received::Active) => say("the shop tells of its orders")?,
        Ok(Received::Suspended { .. }) => say("the shop tells of no orders any more")?,
        Ok(_) => {}
        Err(StreamError::Over(why)) => anyhow::bail!("{why}"),
        // Somebody's mistake is no reason to stop.
        Err(error) => say(error)?,
    }
    Ok(())
}
