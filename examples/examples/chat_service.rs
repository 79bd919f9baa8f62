//! The owner of the service `chat`: what one subscriber says goes to all of them.

use concierge_client::{MessageError, Service, TypedMessage};
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
    let client = client("chat_service")?.connect().await?;
    let chat = client.create_service("chat").nickname("The chat").open().await?;
    let mut messages = chat.messages::<Said>();
    let stop = told_to_stop()?;
    say("ready")?;

    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            message = messages.next() => match message {
                Some(message) => relay(&chat, message).await?,
                None => anyhow::bail!("the chat is {:?}", chat.status()),
            },
        }
    }
    chat.delete().await?;
    client.close().await;
    Ok(())
}

async fn relay(chat: &Service, message: Result<TypedMessage<Said>, MessageError>) -> anyhow::Result<()> {
    match message {
        Ok(message) => {
            let (from, text) = (message.origin.name.as_str(), message.data.text.as_str());
            say(format!("{from}: {text:?}"))?;
            chat.publish(&Heard { from, text }).await?;
        }
        // Somebody's mistake is no reason to stop.
        Err(error) => say(error)?,
    }
    Ok(())
}
