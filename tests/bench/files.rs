//! The file store beside nginx, in one run: the same files, the same client, in turn. Then what transfers cost everybody else.
//!
//! `cargo bench -p concierge-tests --bench files`, with the gateway built in release; `-- --once` does everything once and small,
//! checking counts and no figures. Needs nginx, which in Debian is the package `nginx-light`.

#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark is run by a person, who reads what it prints and whom a panic tells enough"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::gateway::GatewayProcess;
use support::process::resident_bytes;
use support::raw::RawSocket;

/// How much is tried.
struct Plan {
    /// Bytes of a file.
    size: usize,
    /// Transfers of each kind and server.
    rounds: usize,
    /// Transfers at the same time while memory and latency are watched.
    crowd: usize,
}

fn main() {
    let once = std::env::args().any(|argument| argument == "--once");
    let plan = if once {
        Plan { size: 1 << 20, rounds: 1, crowd: 4 }
    } else {
        Plan { size: 64 << 20, rounds: 7, crowd: 50 }
    };
    let place = tempfile::tempdir().unwrap();
    let gateway = start_gateway(place.path());
    let mut owner = RawSocket::upgraded(gateway.address()).unwrap();
    let identify =
        r#"{"type":"IDENTIFY","name":"owner","version":"0.2.0","features":["fs_key"],"intents":[]}"#;
    owner.send_text(identify).unwrap();
    let hello: serde_json::Value = serde_json::from_str(&owner.read_text().unwrap()).unwrap();
    let ours = Server {
        address: gateway.address(),
        path: "/fs/owner/file".to_owned(),
        headers: format!("x-fs-key: {}\r\n", hello["fs_key"].as_str().unwrap()),
    };
    compare(&plan, &ours, place.path());
    crowd(&plan, &ours, &gateway);
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

/// Somewhere to put a file and to get it back.
struct Server {
    address: SocketAddr,
    path: String,
    headers: String,
}

impl Server {
    /// Stores a file of this size. Returns how long that took.
    fn put(&self, content: &[u8]) -> Duration {
        let start = Instant::now();
        let mut stream = self.ask("PUT", &format!("Content-Length: {}\r\n", content.len()));
        stream.write_all(content).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer));
        start.elapsed()
    }

    /// Fetches the file. Returns how long that took.
    fn get(&self, size: usize) -> Duration {
        let start = Instant::now();
        let mut stream = self.ask("GET", "");
        let mut buffer = vec![0; 1 << 20];
        let (mut read, mut head) = (0, 0);
        loop {
            let more = stream.read(&mut buffer).unwrap();
            if more == 0 {
                break;
            }
            if read == 0 {
                assert!(
                    buffer.starts_with(b"HTTP/1.1 200"),
                    "{}",
                    String::from_utf8_lossy(&buffer[..more.min(200)])
                );
                head = buffer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            }
            read += more;
        }
        assert_eq!(read - head, size);
        start.elapsed()
    }

    fn ask(&self, method: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}{more}\r\n",
            self.path, self.address, self.headers
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }
}

/// nginx with its dav module, as a process of its own that ends with this.
struct Nginx {
    process: Child,
    server: Server,
}

impl Nginx {
    fn start(place: &Path) -> Self {
        let root = place.join("nginx");
        std::fs::create_dir_all(&root).unwrap();
        // Free a moment ago, and nobody else starts servers here.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let shown = root.display();
        let config = root.join("nginx.conf");
        let text = format!(
            "daemon off; pid {shown}/pid; error_log {shown}/error.log; worker_processes 2;\nuser {};\n\
             events {{ worker_connections 1024; }}\nhttp {{ access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;\n\
             client_body_temp_path {shown}/body; proxy_temp_path {shown}/proxy; fastcgi_temp_path {shown}/fastcgi;\n\
             uwsgi_temp_path {shown}/uwsgi; scgi_temp_path {shown}/scgi;\n\
             server {{ listen {address}; root {shown}; location / {{ dav_methods PUT DELETE; }} }} }}\n",
            std::env::var("USER").unwrap_or_else(|_| "root".to_owned())
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new("nginx")
            .args(["-c", config.to_str().unwrap(), "-e", root.join("start.log").to_str().unwrap()])
            .stderr(Stdio::inherit())
            .spawn()
            .expect("nginx is installed: in Debian the package nginx-light");
        while TcpStream::connect(address).is_err() {
            std::thread::yield_now();
        }
        Self { process, server: Server { address, path: "/file".to_owned(), headers: String::new() } }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        // Gently, so that its workers go with it.
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _status = self.process.wait();
    }
}

fn compare(plan: &Plan, ours: &Server, place: &Path) {
    let nginx = Nginx::start(place);
    let content: Vec<u8> = (0..=250).cycle().take(plan.size).collect();
    let (mut up, mut down) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..plan.rounds {
        for (index, server) in [ours, &nginx.server].into_iter().enumerate() {
            up[index].push(server.put(&content));
            down[index].push(server.get(plan.size));
        }
    }
    println!("{} transfers of {} MiB each way, medians", plan.rounds, plan.size >> 20);
    for (what, times) in [("upload", up), ("download", down)] {
        let [gateway, nginx] = times.map(median).map(|time| plan.size as f64 / time.as_secs_f64() / 1e6);
        println!(
            "{what:<9} gateway {gateway:>6.0} MB/s   nginx {nginx:>6.0} MB/s   ratio {:.2}",
            gateway / nginx
        );
    }
}

/// Many transfers at once: what they cost in memory, and what the messages of others wait.
fn crowd(plan: &Plan, ours: &Server, gateway: &GatewayProcess) {
    let content = vec![b'x'; plan.size];
    ours.put(&content);
    let mut talker = RawSocket::identified(gateway.address(), "talker", "").unwrap();
    let alone = latency(&mut talker, &AtomicBool::new(true), 300);
    let process = gateway.program.id();
    let before = resident_bytes(process);
    let done = AtomicBool::new(false);
    let (most, together) = std::thread::scope(|scope| {
        let done = &done;
        let watching = scope.spawn(move || {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(resident_bytes(process));
                std::thread::yield_now();
            }
            most
        });
        let talking = scope.spawn(|| latency(&mut talker, done, usize::MAX));
        std::thread::scope(|scope| {
            for number in 0..plan.crowd {
                let content = &content;
                scope.spawn(move || {
                    if number % 2 == 0 {
                        ours.get(plan.size);
                    } else {
                        let path = format!("{}-{number}", ours.path);
                        Server { path, headers: ours.headers.clone(), ..*ours }.put(content);
                    }
                });
            }
        });
        done.store(true, Ordering::Relaxed);
        (watching.join().unwrap(), talking.join().unwrap())
    });
    let more = most.saturating_sub(before) as f64 / f64::from(1 << 20);
    println!("{} transfers of {} MiB at once: {more:.1} MiB more memory", plan.crowd, plan.size >> 20);
    println!(
        "a message to oneself and back, median: {alone:.0?} alone, {together:.0?} meanwhile, ratio {:.2}",
        together.as_secs_f64() / alone.as_secs_f64()
    );
}

/// The median of what a message to oneself takes, until it is enough.
fn latency(talker: &mut RawSocket, done: &AtomicBool, at_most: usize) -> Duration {
    let mut times = Vec::new();
    let message = r#"{"type":"MESSAGE","target":{"type":"NAME","name":"talker"},"data":1}"#;
    while times.len() < at_most && (times.is_empty() || at_most < usize::MAX || !done.load(Ordering::Relaxed))
    {
        let start = Instant::now();
        talker.send_text(message).unwrap();
        // The message, and the answer to it.
        talker.read_text().unwrap();
        talker.read_text().unwrap();
        times.push(start.elapsed());
    }
    median(times)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
