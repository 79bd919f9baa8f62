//! Whatever happens to its connections, a stream gets nothing twice, and learns of everything that it does not get.

use std::time::{Duration, Instant};

use concierge_client::{
    ReconnectPolicy,
    telegraphy::{
        Epoch, EventName, Guarantee, Outcome, Position, Subscribe,
        session::{Ending, Gap, Item, Output, Session, StreamId},
    },
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::gateway::{Down, Gateway};

/// Kept in the log, kept in memory, and not kept at all.
const EVENTS: [(&str, Guarantee, Option<u32>); 3] = [
    ("app.Order", Guarantee::Guaranteed, None),
    ("app.Price", Guarantee::BestEffort, Some(6)),
    ("app.Mouse", Guarantee::BestEffort, None),
];

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish {
        event: usize,
        room: u8,
        times: usize,
    },
    /// Texts of the client arrive.
    Up(usize),
    /// What the gateway sent arrives.
    Down(usize),
    Cut,
    /// The client comes back, and the gateway may not know yet that it was gone.
    Open,
    Restart,
    /// Long enough for what is not permanent to be gone.
    Absence,
    Revoke,
    Slow(bool),
    Subscribe {
        event: usize,
        room: Option<u8>,
        permanent: bool,
        history: Option<u32>,
    },
    Unsubscribe(usize),
    Read {
        stream: usize,
        items: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let event = 0..EVENTS.len();
    prop_oneof![
        12 => (event.clone(), 0..2_u8, prop_oneof![9 => Just(1), 1 => Just(9_usize)])
            .prop_map(|(event, room, times)| Step::Publish { event, room, times }),
        8 => (1..4_usize).prop_map(Step::Up),
        8 => (1..6_usize).prop_map(Step::Down),
        2 => Just(Step::Cut),
        4 => Just(Step::Open),
        1 => Just(Step::Restart),
        1 => Just(Step::Absence),
        1 => Just(Step::Revoke),
        1 => any::<bool>().prop_map(Step::Slow),
        3 => (event, prop::option::of(0..2_u8), any::<bool>(), prop::option::weighted(0.3, 0..8_u32))
            .prop_map(|(event, room, permanent, history)| Step::Subscribe { event, room, permanent, history }),
        1 => (0..6_usize).prop_map(Step::Unsubscribe),
        4 => (0..6_usize, 1..5_usize).prop_map(|(stream, items)| Step::Read { stream, items }),
    ]
}

/// A stream as its reader sees it.
#[derive(Debug)]
struct Reader {
    id: StreamId,
    event: &'static str,
    room: Option<u8>,
    /// How many of the last events it wants.
    history: Option<u32>,
    /// How much was published when it was open.
    since: Option<usize>,
    /// What of the past it was promised: everything after this.
    promised: Option<Position>,
    got: Vec<Position>,
    gaps: Vec<Gap>,
}

struct World {
    gateway: Gateway,
    client: Session<usize>,
    is_open: bool,
    start: Instant,
    readers: Vec<Reader>,
    gone: Vec<usize>,
    published: Vec<(&'static str, u8, Position)>,
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        let policy = Some(ReconnectPolicy::default());
        let mut world = Self {
            gateway: Gateway::new(EVENTS),
            client: Session::new(None, None, policy, 16, start),
            is_open: false,
            start,
            readers: Vec::new(),
            gone: Vec::new(),
            published: Vec::new(),
        };
        world.open();
        world
    }

    fn open(&mut self) {
        if self.is_open {
            self.end(Ending::ByClient);
        }
        if self.client.needs_token() {
            let token = self.gateway.issue();
            self.client.handle_token(token.into());
        }
        self.gateway.open();
        self.client.handle_open(self.start);
        self.is_open = true;
        self.send();
    }

    fn end(&mut self, ending: Ending) {
        self.is_open = false;
        self.client.handle_end(ending, self.start, 0);
        self.hear();
    }

    fn send(&mut self) {
        while let Some(text) = self.client.poll_transmit(self.start) {
            if self.is_open {
                self.gateway.up.push_back(text);
            }
        }
    }

    /// What the client says to those who use it.
    fn hear(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Answered(reader, Ok(Outcome::Subscribed(told))) => {
                    let reader = &mut self.readers[reader];
                    reader.since.get_or_insert(self.published.len());
                    if told.recovered == Some(true) {
                        let (head, last) = (told.offset.unwrap(), u64::from(reader.history.unwrap()));
                        reader.promised = Some(Position::new(told.epoch.unwrap(), head.saturating_sub(last)));
                    }
                }
                Output::Answered(_, answer) => panic!("not subscribed: {answer:?}"),
                Output::Close(ending) => {
                    assert!(matches!(ending, Ending::Refused { .. }), "{ending}");
                    self.gateway.cut();
                    self.end(ending);
                }
                Output::Ready(_) | Output::Connected => {}
            }
        }
    }

    fn down(&mut self) -> bool {
        let Some(down) = self.gateway.down.pop_front() else { return false };
        match down {
            Down::Text(text) => self.client.handle_text(&text, self.start),
            Down::Close(code) => self.end(Ending::Closed { code }),
        }
        self.hear();
        self.send();
        true
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish { event, room, times } => (0..times).for_each(|_| self.publish(event, room)),
            Step::Up(texts) => {
                for _ in 0..texts {
                    self.gateway.hear();
                }
            }
            Step::Down(texts) => {
                for _ in 0..texts {
                    self.down();
                }
            }
            Step::Cut => {
                self.gateway.cut();
                if self.is_open {
                    self.end(Ending::ByClient);
                }
            }
            Step::Open => self.open(),
            Step::Restart => {
                self.gateway.restart();
                if self.is_open {
                    self.end(Ending::ByClient);
                }
            }
            Step::Absence => {
                self.step(Step::Cut);
                self.gateway.pass(Duration::from_mins(3));
            }
            Step::Revoke => self.gateway.revoke(),
            Step::Slow(is_slow) => self.gateway.slow(is_slow),
            Step::Subscribe { event, room, permanent, history } => {
                let event = EVENTS[event].0;
                let mut subscribe = Subscribe::new(EventName::new(event).unwrap());
                subscribe.filters = room.map(|room| json!({"room": room}));
                (subscribe.permanent, subscribe.history) = (permanent, history);
                let id = self.client.open(subscribe, 1000, self.readers.len());
                self.readers.push(Reader {
                    id,
                    event,
                    room,
                    history,
                    since: None,
                    promised: None,
                    got: vec![],
                    gaps: vec![],
                });
                self.send();
            }
            Step::Unsubscribe(reader) => {
                if let Some(known) = self.readers.get(reader)
                    && known.since.is_some()
                    && !self.gone.contains(&reader)
                {
                    self.read(reader, usize::MAX);
                    self.client.drop_stream(self.readers[reader].id, reader % 2 == 0);
                    self.gone.push(reader);
                    self.send();
                }
            }
            Step::Read { stream, items } => self.read(stream, items),
        }
    }

    fn publish(&mut self, event: usize, room: u8) {
        let event = EVENTS[event].0;
        let position = self.gateway.publish(event, &json!({"room": room}));
        self.published.push((event, room, position));
    }

    fn read(&mut self, reader: usize, items: usize) {
        let Some(reader) = self.readers.get_mut(reader) else { return };
        for _ in 0..items {
            self.client.deal(reader.id);
            match self.client.take(reader.id) {
                None => break,
                Some(Ok(Item::Event(event))) => {
                    let meta = event.meta.as_ref().unwrap();
                    let position =
                        Position { epoch: meta.epoch.clone().unwrap(), offset: meta.offset.unwrap() };
                    reader.got.push(position);
                }
                Some(Ok(Item::Gap(gap))) => reader.gaps.push(gap),
                Some(item) => panic!("{item:?}"),
            }
        }
        self.send();
    }

    /// Everything that is under way arrives.
    fn settle(&mut self) {
        for _ in 0..5 {
            while self.gateway.hear() || self.down() {}
            if self.is_open {
                return;
            }
            self.open();
        }
        panic!("it does not come back: {:?}", self.client.ending());
    }

    /// Comes to rest, and sees that nothing is wrong.
    fn check(mut self) {
        self.settle();
        self.gateway.slow(false);
        for event in 0..EVENTS.len() {
            self.publish(event, 0);
            self.publish(event, 1);
        }
        self.settle();
        for reader in 0..self.readers.len() {
            if !self.gone.contains(&reader) {
                self.read(reader, usize::MAX);
                self.readers[reader].check(&self.published);
            }
            self.readers[reader].check_order();
        }
    }
}

impl Reader {
    fn check_order(&self) {
        let mut epochs: Vec<&Epoch> = Vec::new();
        let mut last: Option<&Position> = None;
        for position in &self.got {
            if last.is_some_and(|last| last.epoch == position.epoch) {
                assert!(last.unwrap().offset < position.offset, "twice or in disorder: {self:?}");
            } else {
                assert!(!epochs.contains(&&position.epoch), "an epoch comes back: {self:?}");
                epochs.push(&position.epoch);
            }
            last = Some(position);
        }
    }

    fn check(&self, published: &[(&'static str, u8, Position)]) {
        let since = self.since.expect("it was opened");
        for (number, (event, room, position)) in published.iter().enumerate() {
            let promised = self.promised.as_ref().filter(|promised| promised.epoch == position.epoch);
            // What is kept in memory is not more than the last six.
            let is_kept =
                |promised: &Position| self.event == "app.Order" && position.offset > promised.offset;
            if number < since && !promised.is_some_and(is_kept) {
                continue;
            }
            if *event != self.event || self.room.is_some_and(|wanted| wanted != *room) {
                continue;
            }
            let is_told = || self.gaps.iter().any(|gap| covers(gap, position));
            assert!(self.got.contains(position) || is_told(), "{position:?} is missing: {self:?}");
        }
    }
}

fn covers(gap: &Gap, position: &Position) -> bool {
    let is_after = |after: &Position| after.epoch != position.epoch || after.offset < position.offset;
    let is_before = |until: &Position| until.epoch != position.epoch || until.offset >= position.offset;
    gap.after.as_ref().is_none_or(is_after) && gap.until.as_ref().is_none_or(is_before)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nothing_comes_twice_and_nothing_is_missing_untold(steps in vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.check();
    }
}
