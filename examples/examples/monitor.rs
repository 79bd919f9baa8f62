//! Prints who joins and who leaves.

use concierge_client::{
    Event,
    payload::{Intent, Intents},
};
use concierge_examples::{client, say, told_to_stop};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // It wants to be told of nothing else, so the gateway need not send it.
    let builder = client("monitor")?.intents(Intents::NONE.with(Intent::Presence));
    let (client, mut events) = builder.connect_with_events().await?;
    for present in client.clients().await? {
        say(format!("= {} {}", present.name, present.uuid))?;
    }
    let stop = told_to_stop()?;
    say("ready")?;

    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            event = events.next() => match event {
                Some(Event::ClientJoined { client }) => say(format!("+ {} {}", client.name, client.uuid))?,
                Some(Event::ClientLeft { client }) => say(format!("- {} {}", client.name, client.uuid))?,
                Some(Event::Lagged { missed }) => say(format!("… {missed} more"))?,
                Some(Event::Closed(cause)) => anyhow::bail!("{cause}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    client.close().await;
    Ok(())
}
