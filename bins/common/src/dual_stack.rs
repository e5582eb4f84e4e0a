//! Listeners for IPv6 and IPv4 on one address.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens on an address. `[::]` stands for every address of the machine, IPv4 addresses included, whatever the value of
/// `net.ipv6.bindv6only`; if the kernel has no IPv6, for every IPv4 address. Any other address is taken as given.
///
/// # Errors
/// If the address is in use, does not belong to this machine, or needs privileges that the process does not have.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    or_ipv4(address, listen)
}

fn or_ipv4<T>(address: SocketAddr, listen: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let first = listen(address);
    match &first {
        Err(error) if is_any(address) && !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
            listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())).or(first)
        }
        _ => first,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if is_any(address) {
        socket.set_only_v6(false)?;
    }
    // After a restart, a port can be bound again although its last connections have not timed out yet.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn is_any(address: SocketAddr) -> bool {
    address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    async fn answers(ip: &str, port: u16) -> bool {
        TcpStream::connect((ip, port)).await.is_ok()
    }

    #[tokio::test]
    async fn any_address_takes_ipv6_and_ipv4() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(answers("127.0.0.1", port).await);
        // If the kernel has no IPv6, the listener has an IPv4 address.
        assert_eq!(answers("::1", port).await, listener.local_addr().unwrap().is_ipv6());
    }

    #[tokio::test]
    async fn another_address_is_taken_as_given() {
        for (given, other) in [("127.0.0.1:0", "::1"), ("0.0.0.0:0", "::1"), ("[::1]:0", "127.0.0.1")] {
            let address: SocketAddr = given.parse().unwrap();
            let listener = bind(address).unwrap();
            let bound = listener.local_addr().unwrap();
            assert_eq!(bound.ip(), address.ip());
            assert!(!answers(other, bound.port()).await, "{given} answers on {other}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_not_bound_for_ipv4_alone() {
        let taken = bind("[::]:0".parse().unwrap()).unwrap().local_addr().unwrap();
        let holder = bind(taken).unwrap();
        assert_eq!(bind(taken).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(holder);
    }

    #[test]
    fn without_ipv6_any_address_is_every_ipv4_address() {
        let without_ipv6 = |address: SocketAddr| match address {
            SocketAddr::V4(_) => Ok(address.to_string()),
            SocketAddr::V6(_) => Err(io::Error::from(ErrorKind::Unsupported)),
        };
        assert_eq!(or_ipv4("[::]:8080".parse().unwrap(), without_ipv6).unwrap(), "0.0.0.0:8080");
        assert!(or_ipv4("[::1]:8080".parse().unwrap(), without_ipv6).is_err());
    }
}
