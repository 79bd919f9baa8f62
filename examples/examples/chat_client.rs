//! A subscriber of the service `chat`: lines from the terminal go out, what is said comes in. Its argument is its name.

use concierge_client::{Event, Status};
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
    let client = client(&name)?.connect().await?;
    let ended = |event: &Event| matches!(event, Event::ServiceDeleted { service } if service.name == "chat");
    let mut endings = client.events().filter(ended);
    let mut chat = client.subscription("chat").open::<Heard>().await?;
    if chat.status() == Status::Pending {
        say("nobody has opened the chat yet")?;
    }
    let stop = told_to_stop()?;
    say("ready")?;

    let mut lines = BufReader::new(stdin()).lines();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            line = lines.next_line() => match line? {
                Some(text) => chat.send(&json!({ "text": text })).await?,
                None => break,
            },
            heard = chat.next() => match heard {
                Some(Ok(message)) => say(format!("{:?}: {:?}", message.data.from, message.data.text))?,
                Some(Err(error)) => say(error)?,
                None => anyhow::bail!("the chat is {:?}", chat.status()),
            },
            Some(Event::ServiceDeleted { .. }) = endings.next() => {
                say("the chat is over")?;
                break;
            }
        }
    }
    client.close().await;
    // A read of the terminal that has begun cannot be called off: it would keep the program.
    std::process::exit(0)
}
