//! A bot that sends back what it is sent.

use concierge_client::{CallError, Client, Event, Message};
use concierge_examples::{client, say, told_to_stop};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // With its events from the first on: somebody may write as soon as the bot is there.
    let (client, mut events) = client("echo_bot")?.tags(["example"]).connect_with_events().await?;
    let stop = told_to_stop()?;
    say("ready")?;

    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            event = events.next() => match event {
                Some(Event::Message(message)) => echo(&client, &message).await?,
                Some(Event::Closed(cause)) => anyhow::bail!("{cause}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    client.close().await;
    Ok(())
}

async fn echo(client: &Client, message: &Message) -> anyhow::Result<()> {
    // Its own messages to everyone reach it too.
    if message.origin.uuid == client.uuid() {
        return Ok(());
    }
    say(format!("{} says {:?}", message.origin.name, message.data))?;
    match client.to(message.origin.uuid).raw(message.data.clone()).await {
        // Whoever wrote may have left in the meantime.
        Err(CallError::Rejected(rejection)) => say(rejection)?,
        answered => answered?,
    }
    Ok(())
}
