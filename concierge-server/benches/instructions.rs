//! How many instructions the pure half takes, for callgrind to count: the same on every machine that runs the same program.
//!
//! `tests/bench/instructions` builds and runs this. Without arguments it tells what there is to count; with one of those, or `all`, it
//! does that [`TIMES`] times, within [`counted`].

#![expect(clippy::print_stdout, reason = "a script reads what it prints")]

mod world;

use std::hint::black_box;

use concierge_client::payload::InvalidName;

use world::{Operation, Talk, World};

/// How often it is done.
const TIMES: usize = 1000;

/// Clients, and as many services.
const POPULATION: usize = 1000;

/// Something that can be done again and again.
type Work = Box<dyn FnMut() -> usize>;

/// What has to be there first.
type Preparation = fn() -> Result<Work, InvalidName>;

/// What can be counted.
const ALL: [(&str, Preparation); 12] = [
    ("decode_128", || decode(128)),
    ("decode_1024", || decode(1024)),
    ("encode_128", || encode(128)),
    ("encode_1024", || encode(1024)),
    ("pass_128", || pass(128)),
    ("pass_1024", || pass(1024)),
    ("join_and_leave", || hub(Operation::JoinAndLeave)),
    ("create_and_delete", || hub(Operation::CreateAndDelete)),
    ("subscribe_and_unsubscribe", || hub(Operation::SubscribeAndUnsubscribe)),
    ("route_to_name", || hub(Operation::RouteToName)),
    ("route_to_service", || hub(Operation::RouteToService)),
    ("route_to_everyone", || hub(Operation::RouteToEveryone)),
];

fn main() -> Result<(), InvalidName> {
    // Cargo adds an argument of its own.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    for (name, prepare) in ALL {
        match &wanted {
            None => println!("{name} {TIMES}"),
            Some(wanted) if wanted == name || wanted == "all" => {
                let mut work = prepare()?;
                // What is done for the first time takes more.
                black_box(work());
                black_box(counted(&mut work));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// What is done in here is counted.
#[inline(never)]
fn counted(work: &mut Work) -> usize {
    (0..TIMES).map(|_| work()).sum()
}

fn decode(bytes: usize) -> Result<Work, InvalidName> {
    let mut talk = Talk::new(bytes)?;
    Ok(Box::new(move || {
        drop(black_box(talk.decode()));
        0
    }))
}

fn encode(bytes: usize) -> Result<Work, InvalidName> {
    let mut talk = Talk::new(bytes)?;
    Ok(Box::new(move || black_box(talk.encode()).len()))
}

fn pass(bytes: usize) -> Result<Work, InvalidName> {
    let mut talk = Talk::new(bytes)?;
    Ok(Box::new(move || talk.pass()))
}

fn hub(operation: Operation) -> Result<Work, InvalidName> {
    let mut world = World::new(POPULATION)?;
    Ok(Box::new(move || world.perform(operation)))
}
