//! The file store beside nginx, in one run: the same files, the same client, in turn. Then what transfers cost everybody else.
//!
//! `cargo bench -p concierge-bench --bench files`, with the gateway built in release; `-- --once` does everything once and small,
//! checking counts and no figures. Needs nginx, which in Debian is the package `nginx-light`.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark is run by a person, who reads what it prints and whom a panic tells enough"
)]

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::gateway::GatewayProcess;
use support::nginx::Nginx;
use support::process::{peak_resident_bytes, resident_bytes};
use support::raw::RawSocket;
use support::transfer::Store;

/// How much is tried.
struct Plan {
    /// Bytes of a file.
    size: usize,
    /// Transfers of each kind and server.
    rounds: usize,
    /// Transfers at the same time while memory and latency are watched.
    crowd: usize,
    /// Files of a client that leaves.
    files: usize,
}

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let plan = if once {
        Plan { size: 1 << 20, rounds: 1, crowd: 4, files: 20 }
    } else {
        Plan { size: 64 << 20, rounds: 7, crowd: 50, files: 1000 }
    };
    let place = tempfile::tempdir().unwrap();
    let gateway = start_gateway(place.path());
    let (_nginx, theirs) = start_nginx(place.path());
    let (ours, _owner) = Store::of_gateway(gateway.address(), "owner").unwrap();
    let content: Vec<u8> = (0..=250).cycle().take(plan.size).collect();
    compare(&plan, &content, &ours, &theirs);
    crowd(&plan, &content, &gateway, &ours, &theirs);
    leaving(&plan, &gateway);
}

/// A gateway that lets everything in, and does not mind silent clients.
fn start_gateway(place: &Path) -> GatewayProcess {
    let config = place.join("gateway.toml");
    let text = "[heartbeat]\ninterval = \"1h\"\ntimeout = \"2h\"\n[files]\nclient_bytes = \"unlimited\"\ntotal_bytes = \"unlimited\"\n\
                client_uploads = \"unlimited\"\nuploads = \"unlimited\"\n";
    std::fs::write(&config, text).unwrap();
    let folder = place.join("files");
    GatewayProcess::start(&["--config", config.to_str().unwrap(), "--files-dir", folder.to_str().unwrap()])
        .unwrap()
}

/// nginx with its dav module.
fn start_nginx(place: &Path) -> (Nginx, Store) {
    let root = place.join("nginx");
    std::fs::create_dir_all(&root).unwrap();
    let server = format!("root {}; location / {{ dav_methods PUT DELETE; }}", root.display());
    let nginx = Nginx::start(&root, &server).unwrap();
    let store = Store { address: nginx.address(), folder: "/".to_owned(), headers: String::new() };
    (nginx, store)
}

/// The same files to the gateway and to nginx, and back, in turn.
fn compare(plan: &Plan, content: &[u8], ours: &Store, nginx: &Store) {
    let (mut up, mut down) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..plan.rounds {
        for (index, store) in [ours, nginx].into_iter().enumerate() {
            up[index].push(store.put("file", content).unwrap());
            down[index].push(store.get("file", content.len()).unwrap());
        }
    }
    println!("{} transfers of {} MiB each way, medians", plan.rounds, content.len() >> 20);
    for (what, times) in [("upload", up), ("download", down)] {
        let [gateway, nginx] = times.map(median).map(|time| content.len() as f64 / time.as_secs_f64() / 1e6);
        println!(
            "{what:<9} gateway {gateway:>6.0} MB/s   nginx {nginx:>6.0} MB/s   ratio {:.2}",
            gateway / nginx
        );
    }
}

/// Many transfers at once: what they cost in memory, and what the messages of others wait. As they leave no processor to anybody, the
/// measure of that is the same while nginx has the transfers.
fn crowd(plan: &Plan, content: &[u8], gateway: &GatewayProcess, ours: &Store, nginx: &Store) {
    let mut talker = RawSocket::identified(gateway.address(), "talker", "").unwrap();
    let alone = latency(&mut talker, "talker", |times| times < 300);
    let before = resident_bytes(gateway.program.id());
    let [with_nginx, with_us] = [nginx, ours].map(|store| {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let talking = scope.spawn(|| latency(&mut talker, "talker", |_| !done.load(Ordering::Relaxed)));
            store.crowd(plan.crowd, content).unwrap();
            done.store(true, Ordering::Relaxed);
            talking.join().unwrap()
        })
    });
    let more = peak_resident_bytes(gateway.program.id()).saturating_sub(before) as f64 / f64::from(1 << 20);
    println!("{} transfers of {} MiB at once: {more:.1} MiB more memory", plan.crowd, content.len() >> 20);
    println!(
        "a message to oneself and back: {alone} alone, {with_nginx} while nginx has them, {with_us} while the \
         gateway has them, ratio {:.2}",
        with_us.median.as_secs_f64() / with_nginx.median.as_secs_f64()
    );
}

/// What the messages of others wait while the folder of a client that left is removed.
fn leaving(plan: &Plan, gateway: &GatewayProcess) {
    let (store, owner) = Store::of_gateway(gateway.address(), "leaving").unwrap();
    for number in 0..plan.files {
        store.put(&number.to_string(), b"content").unwrap();
    }
    let mut talker = RawSocket::identified(gateway.address(), "other", "").unwrap();
    let alone = latency(&mut talker, "other", |times| times < 300);
    drop(owner);
    let meanwhile = latency(&mut talker, "other", |times| times < 300);
    println!(
        "a message to oneself and back while {} files of somebody else are removed: {meanwhile}, {alone} before",
        plan.files
    );
}

/// What a message to oneself and the answer to it take.
struct Latency {
    median: Duration,
    /// Of a hundred one takes longer.
    most: Duration,
}

impl fmt::Display for Latency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.0?} (99 of 100: {:.0?})", self.median, self.most)
    }
}

/// Measures at least once, and as long as it goes on.
fn latency(talker: &mut RawSocket, name: &str, goes_on: impl Fn(usize) -> bool) -> Latency {
    let message = format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"{name}"}},"data":1}}"#);
    let mut times = Vec::new();
    while times.is_empty() || goes_on(times.len()) {
        let start = Instant::now();
        talker.send_text(&message).unwrap();
        // The message, and the answer to it.
        talker.read_text().unwrap();
        talker.read_text().unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    Latency { median: times[times.len() / 2], most: times[times.len() * 99 / 100] }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
