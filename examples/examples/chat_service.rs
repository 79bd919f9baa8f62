//! The owner of the service `chat`: what one subscriber says goes to all of them.

use concierge_client::{Client, Event, Message, Target, payload::ServiceName};
use concierge_examples::{client, say, told_to_stop};
use serde::{Deserialize, Serialize};

/// What a subscriber sends.
#[derive(Deserialize)]
struct Said {
    text: String,
}

/// What the subscribers receive.
#[derive(Serialize)]
struct Heard<'a> {
    from: &'a str,
    text: &'a str,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (client, mut events) = client("chat_service")?.connect_with_events().await?;
    let chat: ServiceName = "chat".parse()?;
    let created = client.create_service(chat.clone()).nickname("The chat").await?;
    anyhow::ensure!(created.successful, "somebody else owns the service {chat}");
    say("ready")?;

    let stop = told_to_stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            stopped = &mut stop => { stopped?; break }
            event = events.next() => match event {
                Some(Event::Message(message)) => relay(&client, &chat, &message).await?,
                Some(Event::Closed(cause)) => anyhow::bail!("{cause}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    client.delete_service(chat).await?;
    client.close().await;
    Ok(())
}

async fn relay(client: &Client, chat: &ServiceName, message: &Message) -> anyhow::Result<()> {
    // To a service its owner is sent what subscribers say, and no one else.
    let for_the_chat = matches!(&message.target, Target::Service { service } if service == chat);
    if !for_the_chat {
        return Ok(());
    }
    let from = message.origin.name.as_str();
    match message.data.parse::<Said>() {
        Ok(Said { text }) => {
            say(format!("{from}: {text:?}"))?;
            client.to(chat.clone()).json(&Heard { from, text: &text }).await?;
        }
        Err(error) => say(format!("{from} sent something else: {error}"))?,
    }
    Ok(())
}
