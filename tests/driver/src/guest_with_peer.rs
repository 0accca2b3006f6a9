//! A guest that runs one test, and the session of its [`peer`]; how the two find each other.
//!
//! A preview1 guest can only accept. So its host opens two listeners, the first for the dispatcher of the test, the second
//! for the control connection, which the peer makes. A preview2 guest makes its listeners itself: it connects to its
//! peer, whose address is in its environment, and tells it the test's listener over that connection.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, bail};

use crate::guest::Guest;
use crate::host::{Host, Network};
use crate::peer;
use crate::process::Process;
use crate::world::World;

/// The variable of a guest's environment with the address of its peer.
pub const PEER_VARIABLE: &str = "SELECTIO_TEST_PEER";

/// A guest that runs, or has ended, and its peer.
#[derive(Debug)]
pub struct GuestWithPeer {
    /// The host's process.
    pub process: Process,
    /// The peer at work.
    pub session: Session,
}

/// The session of a peer with one guest.
#[derive(Debug)]
pub struct Session {
    worker: JoinHandle<io::Result<()>>,
    /// Another handle of the control connection, once there is one.
    control: Arc<OnceLock<TcpStream>>,
    /// Where the peer waits for its guest.
    waits_at: Option<SocketAddr>,
}

impl GuestWithPeer {
    /// Starts `module`, a guest of `world`, under `host`.
    pub fn start(host: Host, world: World, module: &Path, arguments: &[&str]) -> Result<GuestWithPeer> {
        match world {
            World::Wasip1 => GuestWithPeer::connected_to(Guest::start(host, module, 2, arguments)?),
            World::Wasip2 => GuestWithPeer::waited_for(host, module, arguments),
            World::Native => bail!("natively the peer is a thread of the test"),
        }
    }

    fn connected_to(Guest { process, listeners }: Guest) -> Result<GuestWithPeer> {
        let (target, control) = (listeners[0], listeners[1]);
        // Connected before the guest asks, so that it finds its peer there. Many tests need none: they have ended by
        // then, or the session ends unused.
        let control = match TcpStream::connect(control) {
            Ok(control) => Some(control),
            Err(error) if [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset].contains(&error.kind()) => None,
            Err(error) => return Err(error.into()),
        };
        let session = Session::start(None, move |handle| match control {
            Some(control) => serve(control, Some(target), handle),
            None => Ok(()),
        });
        Ok(GuestWithPeer { process, session })
    }

    fn waited_for(host: Host, module: &Path, arguments: &[&str]) -> Result<GuestWithPeer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let mut command = host.command_with_options(Network::Whole)?;
        command.arg("--env").arg(format!("{PEER_VARIABLE}={address}")).arg(module).args(arguments);
        let process = Process::start(command)?;
        let session = Session::start(Some(address), move |handle| serve(listener.accept()?.0, None, handle));
        Ok(GuestWithPeer { process, session })
    }
}

fn serve(control: TcpStream, target: Option<SocketAddr>, handle: &OnceLock<TcpStream>) -> io::Result<()> {
    // Set here alone, so it was empty.
    let _ = handle.set(control.try_clone()?);
    peer::serve(control, target)
}

impl Session {
    fn start(
        waits_at: Option<SocketAddr>,
        work: impl FnOnce(&OnceLock<TcpStream>) -> io::Result<()> + Send + 'static,
    ) -> Session {
        let control = Arc::new(OnceLock::new());
        let handle = control.clone();
        Session { worker: thread::spawn(move || work(&handle)), control, waits_at }
    }

    /// Ends it when the guest has ended or had its time, and answers how it went.
    pub fn close(self) -> Result<io::Result<()>> {
        // In place of a guest that has not come. Where one has, nobody accepts this.
        let placeholder = self.waits_at.map(TcpStream::connect);
        // A listener that closes just after the kernel has connected somebody may leave that one waiting for ever; and a
        // guest that had its time still holds its end.
        if let Some(control) = self.control.get() {
            let _ = control.shutdown(Shutdown::Read);
        }
        drop(placeholder);
        self.worker.join().map_err(|_| anyhow!("the peer panicked"))
    }
}
