//! nginx, as a process of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// nginx with one server. It ends when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts it on a free port of the loopback address, with its own files in that folder. What the server does is given as its
    /// configuration has it; `$connection_upgrade` is there for the way to a WebSocket.
    ///
    /// # Errors
    ///
    /// When it is not installed, or does not listen.
    pub fn start(folder: &Path, server: &str) -> Result<Self> {
        // Free a moment ago, and nobody else starts servers here.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let shown = folder.display();
        let config = folder.join("nginx.conf");
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let text = format!(
            "daemon off; pid {shown}/pid; error_log {shown}/error.log; worker_processes 2;\nuser {user};\n\
             events {{ worker_connections 1024; }}\nhttp {{ access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;\n\
             client_body_temp_path {shown}/body; proxy_temp_path {shown}/proxy; fastcgi_temp_path {shown}/fastcgi;\n\
             uwsgi_temp_path {shown}/uwsgi; scgi_temp_path {shown}/scgi;\n\
             map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}\n\
             server {{ listen {address}; {server} }} }}\n"
        );
        std::fs::write(&config, text)?;
        let process = Command::new("nginx")
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(folder.join("start.log"))
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .stderr(Stdio::inherit())
            .spawn()
            .context("nginx is not there: in Debian it is in the package nginx-light")?;
        let nginx = Self { process, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(start.elapsed() < PATIENCE, "nginx does not listen");
            std::thread::yield_now();
        }
        Ok(nginx)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Gently, so that its workers go with it.
        let _gone = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _status = self.process.wait();
    }
}
