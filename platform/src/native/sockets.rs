//! Sockets, through socket2.

use std::io::{self, IoSlice};

use socket2::{SockAddr, SockRef};

use super::system::{Owned, errors};
use super::{Address, Connect, Descriptor, Domain, Protocol, Type, socket_file, syscalls};
use crate::error::{explained_as, not_a_socket};

/// Sending to a peer that is gone is an error, not a signal. Windows has no signal for it; on Apple's systems socket2
/// sets SO_NOSIGPIPE on each socket that it makes.
#[cfg(not(any(windows, target_vendor = "apple")))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
#[cfg(any(windows, target_vendor = "apple"))]
const SEND_FLAGS: i32 = 0;

/// How many buffers every kernel takes in one call (IOV_MAX).
const BUFFERS_MAX: usize = 1024;

/// The socket behind a descriptor, for as long as the descriptor is borrowed.
#[inline]
pub fn borrow(socket: &Descriptor) -> io::Result<SockRef<'_>> {
    socket.owned_fd().map(SockRef::from)
}

pub fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Descriptor> {
    let domain = match domain {
        Domain::Ipv4 => socket2::Domain::IPV4,
        Domain::Ipv6 => socket2::Domain::IPV6,
        Domain::Unix => socket_file::domain()?,
    };
    let kind = match kind {
        Type::Stream => socket2::Type::STREAM,
        Type::Datagram => socket2::Type::DGRAM,
        Type::SeqPacket => socket2::Type::SEQPACKET,
        Type::Raw => socket2::Type::RAW,
    };
    let protocol = protocol.map(|protocol| match protocol {
        Protocol::Tcp => socket2::Protocol::TCP,
        Protocol::Udp => socket2::Protocol::UDP,
        Protocol::Icmp => socket2::Protocol::ICMPV4,
        Protocol::Other(number) => socket2::Protocol::from(number),
    });
    let is_internet_stream = kind == socket2::Type::STREAM && domain != socket2::Domain::UNIX;
    let socket = Owned::from(new_nonblocking(domain, kind, protocol)?).into();
    if is_internet_stream {
        set_no_delay(&socket);
    }
    Ok(socket)
}

/// Sends small pieces at once: what is gathered here is gathered by the program, and a kernel that waits for more
/// makes every answer late. Where it can't be set, as on a Unix socket, nothing waits anyway.
pub fn set_no_delay(socket: &Descriptor) {
    if let Ok(socket) = borrow(socket) {
        let _ = socket.set_tcp_nodelay(true);
    }
}

/// `new` keeps a socket from being inherited by other programs; that it doesn't block can be asked for in the same
/// system call.
#[cfg(not(any(windows, target_vendor = "apple")))]
fn new_nonblocking(
    domain: socket2::Domain,
    kind: socket2::Type,
    protocol: Option<socket2::Protocol>,
) -> io::Result<socket2::Socket> {
    socket2::Socket::new(domain, kind.nonblocking(), protocol)
}

/// These systems take one more call.
#[cfg(any(windows, target_vendor = "apple"))]
fn new_nonblocking(
    domain: socket2::Domain,
    kind: socket2::Type,
    protocol: Option<socket2::Protocol>,
) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub fn connect(socket: &Descriptor, address: &Address) -> io::Result<Connect> {
    match borrow(socket)?.connect(&to_sock_addr(address)?) {
        Ok(()) => Ok(Connect::Done),
        Err(error) if errors::is_under_way(&error) => Ok(Connect::Pending),
        Err(error) => Err(error),
    }
}

pub fn connect_result(socket: &Descriptor) -> io::Result<()> {
    let socket = borrow(socket)?;
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        // No error and no peer: the readiness was spurious, the connect goes on.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

#[inline]
pub fn recv(socket: &Descriptor, buffer: &mut [u8]) -> io::Result<usize> {
    syscalls::recv(socket.fd()?, buffer)
}

#[inline]
pub fn send(socket: &Descriptor, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let socket = borrow(socket)?;
    let sent = match buffers {
        [bytes] => socket.send_with_flags(bytes, SEND_FLAGS),
        _ if buffers.len() <= BUFFERS_MAX => socket.send_vectored_with_flags(buffers, SEND_FLAGS),
        // Not cut off: it may be a message.
        _ => socket.send_with_flags(&buffers.iter().map(|bytes| &**bytes).collect::<Vec<_>>().concat(), SEND_FLAGS),
    };
    sent.map_err(syscalls::sending)
}

pub fn send_to(socket: &Descriptor, bytes: &[u8], address: &Address) -> io::Result<usize> {
    borrow(socket)?.send_to_with_flags(bytes, &to_sock_addr(address)?, SEND_FLAGS)
}

pub fn type_of(descriptor: &Descriptor) -> io::Result<Type> {
    match borrow(descriptor)?.r#type() {
        Ok(socket2::Type::STREAM) => Ok(Type::Stream),
        Ok(socket2::Type::DGRAM) => Ok(Type::Datagram),
        Ok(socket2::Type::SEQPACKET) => Ok(Type::SeqPacket),
        Ok(_) => Ok(Type::Raw),
        Err(error) if error.raw_os_error() == Some(errors::NOT_A_SOCKET) => {
            let refusal = not_a_socket("a file or a pipe");
            Err(explained_as(refusal.kind(), refusal.to_string(), error))
        }
        Err(error) => Err(error),
    }
}

pub fn to_sock_addr(address: &Address) -> io::Result<SockAddr> {
    match address {
        Address::Inet(address) => Ok((*address).into()),
        Address::Unix(path) => socket_file::address(path),
    }
}

pub fn from_sock_addr(address: &SockAddr) -> Address {
    match address.as_socket() {
        Some(address) => Address::Inet(address),
        None => Address::Unix(socket_file::path_of(address)),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;
    use crate::Platform;
    use crate::native::Native;

    #[test]
    fn buffers_leave_in_their_order() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let ours = Descriptor::from(ours);
        let buffers = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(send(&ours, &buffers).expect("there is room"), 7);
        assert_eq!(send(&ours, &[]).expect("nothing is sent"), 0);
        drop(ours);
        let mut received = String::new();
        theirs.read_to_string(&mut received).expect("text");
        assert_eq!(received, "one two");
    }

    #[test]
    fn a_message_is_one_of_however_many_buffers() {
        let (ours, theirs) = UnixDatagram::pair().expect("a pair");
        let ours = Descriptor::from(ours);
        for count in [1, 3, BUFFERS_MAX, BUFFERS_MAX + 1] {
            let buffers = vec![IoSlice::new(b"ab"); count];
            assert_eq!(send(&ours, &buffers).expect("there is room"), 2 * count);
            assert_eq!(theirs.recv(&mut [0; 4096]).expect("a message"), 2 * count);
        }
    }

    #[test]
    fn sending_to_who_is_gone_is_an_error_and_no_signal() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let ours = Descriptor::from(ours);
        drop(theirs);
        for buffers in [&[IoSlice::new(b"a")][..], &[IoSlice::new(b"a"), IoSlice::new(b"b")]] {
            assert_eq!(send(&ours, buffers).expect_err("nobody is there").kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn what_is_no_socket_is_left_as_it_was() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let number = std::os::fd::AsRawFd::as_raw_fd(&reader);
        assert!(syscalls::adopt_socket(number).is_none());
        let reader = Descriptor::from(reader);
        let error = Native.adopt(&reader).expect_err("it is a pipe");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(crate::raw_os_error(&error), Some(libc::ENOTSOCK));
        assert!(!borrow(&reader).expect("it is open").nonblocking().expect("a flag"), "it still blocks");
    }
}
