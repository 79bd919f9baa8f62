//! A subscriber of the service `chat`: lines from the terminal go out, what is said comes in. Its argument is its name.

use concierge_client::{Event, payload::ServiceName};
use concierge_examples::{client, say, told_to_stop};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

/// What the service sends.
#[derive(Deserialize)]
struct Heard {
    from: String,
    text: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "chatter".to_owned());
    let (client, mut events) = client(&name)?.connect_with_events().await?;
    let chat: ServiceName = "chat".parse()?;
    client.subscribe(chat.clone()).await?;
    say("ready")?;

    let mut lines = BufReader::new(stdin()).lines();
    let stop = told_to_stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            stopped = &mut stop => { stopped?; break }
            line = lines.next_line() => match line? {
                Some(text) => client.to(chat.clone()).json(&json!({ "text": text })).await?,
                None => break,
            },
            event = events.next() => match event {
                Some(Event::Message(message)) => {
                    if let Ok(Heard { from, text }) = message.data.parse() {
                        say(format!("{from:?}: {text:?}"))?;
                    }
                }
                Some(Event::ServiceDeleted { service }) if service.name == chat => {
                    say("the chat is over")?;
                    break;
                }
                Some(Event::Closed(cause)) => anyhow::bail!("{cause}"),
                Some(_) => {}
                None => break,
            },
        }
    }
    client.close().await;
    // A read of the terminal that has begun cannot be called off: it would keep the program.
    std::process::exit(0)
}
