//! Opens a socket to a server: name lookup, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::staggered::first_success;
use crate::reason::Reason;
use crate::target::Address;
use crate::tls::Connector;

/// Time without an answer after which a session ends.
///
/// It counts from the last *answer*. The kernel, and other clients, count from the last write: a heartbeat each second would keep a dead
/// connection alive forever.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(3);
/// Maximum time for the name lookup, and again for TCP and TLS with one IP address. An unreachable server answers to neither.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Interval between keep-alive probes of an idle connection. The kernel sends them, even if the process is stopped.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);

/// Byte stream that the client library uses.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects to the first IP address of this server that answers.
pub(super) async fn dial(address: &Address, tls: Option<&Connector>) -> Result<Box<dyn Stream>, Reason> {
    let lookup = timeout(CONNECT_LIMIT, lookup_host((address.host.as_str(), address.port))).await;
    let found = lookup.unwrap_or_else(|_| Err(slow())).map_err(|source| Reason::lookup(address, source))?;
    let attempts = found.map(|found| async move {
        let connected = timeout(CONNECT_LIMIT, connect(found, address, tls)).await;
        connected.unwrap_or_else(|_| Err(Reason::connect(address, slow())))
    });
    let nothing_found = || Reason::lookup(address, io::Error::other("the host name has no address"));
    first_success(attempts).await.map_err(|failure| failure.unwrap_or_else(nothing_found))
}

async fn connect(found: SocketAddr, address: &Address, tls: Option<&Connector>) -> Result<Box<dyn Stream>, Reason> {
    let tcp = open(found).await.map_err(|source| Reason::connect(address, source))?;
    let Some(tls) = tls else { return Ok(Box::new(tcp)) };
    let failed = |source| Reason::tls(address, source);
    let name = ServerName::try_from(address.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(&tls.current())).connect(name, tcp).await.map_err(failed)?;
    Ok(Box::new(stream))
}

async fn open(found: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(found).await?;
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(&tcp);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE_LIMIT).with_interval(KEEPALIVE_EVERY).with_retries(3))?;
    // Unacknowledged data ends the connection; by default, the kernel retransmits it for 15 minutes.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE_LIMIT))?;
    Ok(tcp)
}

fn slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", CONNECT_LIMIT.as_secs()))
}
