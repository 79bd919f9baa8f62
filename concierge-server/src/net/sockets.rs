//! What is listened on: TCP, and Unix sockets with the files that they are. What is said over a connection is not known here.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket, UnixStream};

use super::peer::Peer;
use super::wire::Wire;
use crate::config::BindAddress;
use crate::files::Address;

/// How many connections the system keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Who may connect to a Unix socket: its owner, and its group.
const MODE: u32 = 0o660;

/// What connections come from.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of a Unix socket that is listened on. It is removed when dropped: before the listener is, or another gateway could have put
/// its own in that place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Its device and number, by which another in its place is told apart.
    identity: (u64, u64),
}

/// What came of listening on an address.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) file: Option<SocketFile>,
    pub(super) listener: Listener,
    /// With the port that was picked.
    pub(super) address: BindAddress,
}

/// Listens on an address.
pub(super) async fn listen(address: &BindAddress) -> io::Result<Listening> {
    match address {
        BindAddress::Tcp(address) => {
            let listener = listen_on_port(*address)?;
            let address = BindAddress::Tcp(listener.local_addr()?);
            Ok(Listening { file: None, listener: Listener::Tcp(listener), address })
        }
        BindAddress::Unix(path) => {
            remove_stale(path).await?;
            let (listener, file) = listen_at_path(path)?;
            Ok(Listening { file: Some(file), listener: Listener::Unix(listener), address: address.clone() })
        }
    }
}

fn listen_on_port(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A gateway that restarts can have its port at once, though connections of its last life still linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn listen_at_path(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let metadata = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()) };
    // Nobody can connect before it listens.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok((socket.listen(BACKLOG)?, file))
}

/// Removes the socket of a gateway that did not come to remove it; an error when something else is there.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something is there that is no socket"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        // Also when it is too busy to answer.
        Ok(_) | Err(_) => Err(Errno::ADDRINUSE.into()),
    }
}

impl Listener {
    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Wire, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Only latency is at stake.
                let _with_delay = stream.set_nodelay(true);
                Ok((Wire::Plain(stream), peer.into()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                Ok((Wire::Local(stream), Peer { address: Address::User(user), port: None }))
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if is_ours {
            // One that stays is replaced by the next gateway.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_cannot_be_listened_on() {
        let first = listen(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = listen(&first.address).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
