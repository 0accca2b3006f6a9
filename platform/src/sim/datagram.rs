//! Datagram sockets: what is sent arrives whole or not at all.

use std::io::{self, ErrorKind};

use super::agenda::Event;
use super::descriptors::{DatagramSocket, Object};
use super::state::{State, matches};
use crate::{Address, Domain};

/// How many datagrams wait to be received; those that come then are lost.
const QUEUE_LENGTH_MAX: usize = 512;

/// The most that one carries (UDP over IPv4).
const DATAGRAM_LENGTH_MAX: usize = 65_507;

impl State {
    pub fn datagram(&mut self, number: usize) -> io::Result<&mut DatagramSocket> {
        match self.descriptors.object(number)? {
            Object::Datagram(socket) => Ok(socket),
            _ => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// The socket's own address; one of the kernel's choice when it has none yet.
    fn datagram_address(&mut self, number: usize) -> io::Result<Address> {
        let unused = self.next_address();
        let socket = self.datagram(number)?;
        let address = match socket.domain {
            Domain::Unix => Address::Unix(Default::default()),
            _ => unused,
        };
        Ok(socket.bound.get_or_insert(address).clone())
    }

    pub fn connect_datagram(&mut self, number: usize, peer: &Address) -> io::Result<()> {
        self.datagram_address(number)?;
        self.datagram(number)?.peer = Some(peer.clone());
        Ok(())
    }

    pub fn send_datagram(&mut self, number: usize, bytes: &[u8], to: Option<&Address>) -> io::Result<usize> {
        let from = self.datagram_address(number)?;
        let socket = self.datagram(number)?;
        if let Some(error) = socket.error.take() {
            return Err(error.into());
        }
        let to = to.or(socket.peer.as_ref()).ok_or(ErrorKind::NotConnected)?.clone();
        if bytes.len() > DATAGRAM_LENGTH_MAX {
            return Err(io::Error::other("message too long"));
        }
        if !self.roll(self.faults.lose_datagram) {
            let time = self.arrival_time();
            self.agenda.plan(time, Event::Datagram { from, to, bytes: bytes.to_vec() });
        }
        Ok(bytes.len())
    }

    pub fn receive_datagram(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<(usize, Option<Address>)> {
        let socket = self.datagram(number)?;
        if let Some(error) = socket.error.take() {
            return Err(error.into());
        }
        let (from, bytes) = socket.queue.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        let is_unnamed = matches!(&from, Address::Unix(path) if path.as_os_str().is_empty());
        Ok((length, (!is_unnamed).then_some(from)))
    }

    pub fn deliver_datagram(&mut self, from: Address, to: &Address, bytes: Vec<u8>) {
        match self.bound_datagram(to) {
            Some(socket) => {
                let is_wanted = socket.peer.as_ref().is_none_or(|peer| *peer == from);
                if is_wanted && socket.queue.len() < QUEUE_LENGTH_MAX {
                    socket.queue.push_back((from, bytes));
                }
            }
            // Word comes back that nobody is there; only a connected socket hears it.
            None => {
                if let Some(sender) = self.bound_datagram(&from).filter(|sender| sender.peer.as_ref() == Some(to)) {
                    sender.error = Some(ErrorKind::ConnectionRefused);
                }
            }
        }
    }

    fn bound_datagram(&mut self, address: &Address) -> Option<&mut DatagramSocket> {
        let is_it = |object: &Object| matches!(object, Object::Datagram(socket) if socket.bound.as_ref().is_some_and(|bound| matches(bound, address)));
        let number = self.descriptors.objects().find(|(_, object)| is_it(object))?.0;
        self.datagram(number).ok()
    }
}
