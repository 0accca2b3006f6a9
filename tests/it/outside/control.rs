//! The connection over which a test tells the peer what to do.

use std::io::{self, IoSlice};
use std::rc::Rc;

use selectio_platform::{Descriptor, Interest, Platform, this_target};
#[cfg(all(target_os = "wasi", target_env = "p2"))]
use selectio_platform::{Domain, Type};

use crate::support::PATIENCE;

pub struct Control {
    platform: Rc<dyn Platform>,
    socket: Descriptor,
}

/// Natively the peer is a thread of the test.
#[cfg(not(target_family = "wasm"))]
pub fn open() -> Control {
    use std::net::{TcpListener, TcpStream};

    // Both ends of each connection are in this process, and its tests run at once.
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(4096);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback listener");
    let socket = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (peer, _) = listener.accept().expect("it was connected to");
    std::thread::spawn(|| selectio_driver::peer::serve(peer, None));
    socket.set_nodelay(true).expect("a stream");
    socket.set_nonblocking(true).expect("a stream");
    Control::new(socket.into())
}

/// The peer of a guest is whoever runs the tests. A component is told where it listens.
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub fn open() -> Control {
    let address = std::env::var("SELECTIO_TEST_PEER").expect("whoever runs the tests says where the peer is");
    let address: std::net::SocketAddr = address.parse().expect("an address");
    let platform = this_target();
    let socket = platform.socket(Domain::Ipv4, Type::Stream, None).expect("a socket");
    platform.connect(&socket, &address.into()).expect("connecting starts");
    let connected = || match platform.connect_result(&socket) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        result => {
            result.expect("the peer listens");
            Some(())
        }
    };
    crate::support::wait_until("the peer accepts", connected);
    Control::new(socket)
}

/// The peer of a preview1 guest connects to its second listener.
#[cfg(all(target_os = "wasi", target_env = "p1"))]
pub fn open() -> Control {
    let platform = this_target();
    let mut listeners = 0;
    let control = platform.take_preopened(&mut |preopen| {
        listeners += usize::from(preopen.is_listener);
        listeners == 2
    });
    let control = control.expect("the host's sockets can be looked at").expect("a second listener");
    let accept = || match platform.accept(&control.descriptor) {
        Ok((socket, _)) => Some(socket),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("accepting works: {error}"),
    };
    Control::new(crate::support::wait_until("the peer connects", accept))
}

impl Control {
    fn new(socket: Descriptor) -> Control {
        let platform = this_target();
        Control { platform, socket }
    }

    /// Sends one request and waits for its reply.
    pub fn request(&mut self, request: &str) -> String {
        let line = format!("{request}\n");
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.platform.send(&self.socket, &[IoSlice::new(rest)]) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let has_room = self.platform.wait(&self.socket, Interest::WRITE, Some(PATIENCE));
                    assert!(has_room.expect("waiting works"), "the peer takes requests");
                }
                Err(error) => panic!("the peer takes {request:?}: {error}"),
            }
        }
        let mut reply = Vec::new();
        while reply.last() != Some(&b'\n') {
            self.receive(&mut reply);
        }
        String::from_utf8_lossy(&reply).trim_end_matches('\n').to_owned()
    }

    fn receive(&mut self, reply: &mut Vec<u8>) {
        let is_ready = self.platform.wait(&self.socket, Interest::READ, Some(PATIENCE)).expect("waiting works");
        assert!(is_ready, "the peer replies in time");
        let mut buffer = [0; 4096];
        match self.platform.recv(&self.socket, &mut buffer) {
            Ok(0) => panic!("the peer is gone"),
            Ok(length) => reply.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("the peer replies: {error}"),
        }
    }
}
