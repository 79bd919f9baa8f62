//! The program: arguments to configuration to gateway to exit code. `concierge-server` and `concierge server` are both
//! this.

mod arguments;
mod complaint;
mod logging;
mod service_manager;
mod signals;

use std::io::{self, Write as _};
use std::pin::pin;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::{error, info};

pub use self::arguments::Args;

use self::arguments::Task;
use self::complaint::{complaint, told};
use self::signals::{Asked, Signals};
use crate::config::BindAddress;
use crate::{ServeError, Server, ServerHandle};

/// Runs a gateway with these arguments until a signal ends it, on a runtime of its own.
///
/// The first line on stdout for each listener is `listening on ws://ADDRESS/ws`, with TLS `wss://`, or `unix:PATH`; everything else goes to stderr. Exit
/// codes: 0 stopped, by a signal too; 10 an address cannot be listened on; 78 the configuration is refused.
///
/// # Panics
///
/// Within a tokio runtime: there, await [`serve`].
pub fn run(args: &Args) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(serve(args));
            // Whatever the second signal left running.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            complain(&format!("error: cannot start: {}\n", told(&error)));
            ExitCode::FAILURE
        }
    }
}

/// The same as [`run`], on the runtime it is awaited in.
///
/// # Cancel safety
///
/// Dropping it stops the gateway without waiting for its connections to close.
pub async fn serve(args: &Args) -> ExitCode {
    match try_serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&complaint(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

async fn try_serve(args: &Args) -> Result<(), ServeError> {
    let config = args.configuration(std::env::vars_os())?;
    let answer = match args.task() {
        Task::Serve => None,
        Task::Check => {
            config.certificate()?;
            Some("the configuration is good\n".to_owned())
        }
        Task::Print => Some(config.to_toml()),
    };
    if let Some(answer) = answer {
        // Whoever closed stdout knows enough.
        let _closed = io::stdout().write_all(answer.as_bytes());
        return Ok(());
    }
    logging::start(config.log);
    raise_descriptor_limit();
    let server = Server::bind(config).await?;
    let handle = server.handle();
    // Before anybody is told that it listens: whoever is may send a signal at once.
    let mut signals = Signals::listen(handle.is_secure() || service_manager::is_there());
    announce(&server);
    service_manager::tell_ready();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    let mut running = pin!(server.run(async { drop(stopped.await) }));
    loop {
        let asked = tokio::select! {
            () = &mut running => break,
            asked = signals.next() => asked,
        };
        match (asked, stop.take()) {
            (Asked::Reload, running) => {
                stop = running;
                let handle = handle.clone();
                // Not waited for: a disk that does not answer keeps nobody from stopping.
                drop(spawn_blocking(move || reload(&handle)));
            }
            (Asked::Stop, Some(stop)) => {
                service_manager::tell_stopping();
                drop(stop);
            }
            (Asked::Stop, None) => {
                info!("stopping at once");
                break;
            }
        }
    }
    Ok(())
}

fn reload(handle: &ServerHandle) {
    service_manager::tell_reloading();
    match handle.reload() {
        Ok(()) if handle.is_secure() => info!("the certificate is the one that its file has now"),
        Ok(()) => info!("there is no certificate to read again, and nothing else is"),
        Err(error) => error!(error = told(&error), "the certificate stays as it was"),
    }
    // Also after a failure: it goes on with what it had.
    service_manager::tell_ready();
}

/// Each connection takes a descriptor: as many as the system allows.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised stays as it was, and the number of connections goes by it.
    let _unraised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn announce(server: &Server) {
    let mut out = io::stdout().lock();
    let scheme = if server.handle().is_secure() { "wss" } else { "ws" };
    for address in server.addresses() {
        // A closed stdout does not keep a gateway from serving.
        let _closed = match address {
            BindAddress::Tcp(address) => writeln!(out, "listening on {scheme}://{address}/ws"),
            BindAddress::Unix(_) => writeln!(out, "listening on {address}"),
        };
    }
    for address in server.metrics_addresses() {
        let _closed = match address {
            BindAddress::Tcp(address) => writeln!(out, "metrics on http://{address}"),
            BindAddress::Unix(_) => writeln!(out, "metrics on {address}"),
        };
    }
    for address in server.api_addresses() {
        let _closed = match address {
            BindAddress::Tcp(address) => writeln!(out, "web applications on http://{address}/api/v1"),
            BindAddress::Unix(_) => writeln!(out, "web applications on {address}"),
        };
    }
    let _closed = out.flush();
}

/// Says what went wrong, to whoever started it.
fn complain(text: &str) {
    let _closed = write!(io::stderr(), "{text}");
}
