//! A bot that is a service: each of its commands is a variant, requests call them, and subscribers hear what was done.

use std::time::Duration;

use concierge_client::{Asked, ServeOptions, Service};
use concierge_examples::{client, say, told_to_stop};
use serde::{Deserialize, Serialize};

/// What the bot can be asked for, as JSON: `{"command":"reverse","text":"abc"}`.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
enum Command {
    Reverse { text: String },
    Repeat { text: String, times: usize },
    WhoAmI,
}

/// What the subscribers of the bot hear.
#[derive(Serialize)]
struct Done<'a> {
    by: &'a str,
    result: &'a str,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = client("command_bot")?.tags(["example"]).connect().await?;
    let service = client.create_service("commands").nickname("Commands").open().await?;
    let options = ServeOptions::default().concurrency(16).timeout(Duration::from_secs(5));
    let announcing = service.clone();
    let mut serving = service.serve(options, move |asked| run(announcing.clone(), asked));
    let stop = told_to_stop()?;
    say("ready")?;

    tokio::select! {
        () = stop => {}
        _ = serving.ended() => anyhow::bail!("the service is {:?}", service.status()),
    }
    // What was asked before is answered before the bot leaves.
    let served = serving.drain(Duration::from_secs(5)).await?;
    say(format!("answered {} requests", served.answered))?;
    service.delete().await?;
    client.close().await;
    Ok(())
}

/// An error here is what the caller reads; a panic harms nobody.
async fn run(service: Service, asked: Asked<Command>) -> Result<String, &'static str> {
    let by = asked.origin.name.as_str();
    let result = match asked.body {
        Command::Reverse { text } => text.chars().rev().collect(),
        Command::Repeat { times, .. } if times > 100 => return Err("a hundred times at most"),
        Command::Repeat { text, times } => text.repeat(times),
        Command::WhoAmI => by.to_owned(),
    };
    service.publish(&Done { by, result: &result }).await.map_err(|_| "nobody could be told")?;
    Ok(result)
}
