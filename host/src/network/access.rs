//! What is granted, and what each use of the network needs.

use super::pattern::Pattern;
use super::refusals::{Refusals, Tell};
use crate::error::Error;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use wasmtime_wasi::sockets::SocketAddrUse;

/// So many peers that have sent something last may be answered.
const ANSWERABLE_MAX: usize = 1024;

/// What was asked for, as it was written.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) everything: bool,
    pub(crate) tcp: Vec<String>,
    pub(crate) udp: Vec<String>,
    pub(crate) names: bool,
    pub(crate) no_tcp: bool,
    pub(crate) no_udp: bool,
    pub(crate) tell: Option<Tell>,
}

/// What a component may do in the network.
#[derive(Default)]
pub(crate) struct Access {
    everything: bool,
    pub(crate) no_tcp: bool,
    pub(crate) no_udp: bool,
    tcp: Vec<Pattern>,
    udp: Vec<Pattern>,
    names: bool,
    refusals: Refusals,
    /// The guest has bound a UDP socket to an address that is granted, to hear from whoever sends something there.
    is_udp_bound: AtomicBool,
    /// Those that have sent a datagram, the last one at the end.
    answerable: Mutex<VecDeque<SocketAddr>>,
}

impl Asked {
    /// The option that grants something, if one was given.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let options = [
            (self.everything, "--inherit-network"),
            (!self.tcp.is_empty(), "--allow-tcp"),
            (!self.udp.is_empty(), "--allow-udp"),
            (self.names, "--allow-names"),
        ];
        options.into_iter().find_map(|(is_given, option)| is_given.then_some(option))
    }

    pub(crate) fn access(self) -> Result<Access, Error> {
        let read = |text: &String| Pattern::read(text).map_err(|reason| Error::Grant { asked: text.clone(), reason });
        Ok(Access {
            everything: self.everything,
            no_tcp: self.no_tcp,
            no_udp: self.no_udp,
            tcp: self.tcp.iter().map(read).collect::<Result<_, _>>()?,
            udp: self.udp.iter().map(read).collect::<Result<_, _>>()?,
            names: self.names,
            refusals: Refusals::new(self.tell),
            ..Access::default()
        })
    }
}

impl Access {
    /// Whether the guest may use `address` so; the operator is told when not.
    pub(crate) fn allows(&self, address: SocketAddr, usage: SocketAddrUse) -> bool {
        let is_allowed = self.everything || self.is_granted(address, usage);
        match usage {
            SocketAddrUse::TcpListen if is_allowed => log::info!("the program listens on {address}"),
            SocketAddrUse::TcpAccept if is_allowed => log::info!("{address} has connected"),
            SocketAddrUse::TcpConnect if is_allowed => log::info!("the program connects to {address}"),
            _ => {}
        }
        is_allowed
    }

    fn is_granted(&self, address: SocketAddr, usage: SocketAddrUse) -> bool {
        match usage {
            // To no port of no address: by itself that does nothing, and the system binds so when a socket connects or
            // sends. Listening there, and hearing from others, is checked when it comes.
            SocketAddrUse::TcpBind => is_unbound(address) || self.tcp("bind", address, Pattern::allows_bind),
            SocketAddrUse::TcpListen => {
                let is_granted = self.tcp.iter().any(|pattern| pattern.allows_listen(address));
                // Any other address was checked when it was bound.
                is_granted || self.refuse("listen on", "TCP", "--allow-tcp", SocketAddr::new(address.ip(), 0))
            }
            // Whoever may listen may hear.
            SocketAddrUse::TcpAccept => true,
            SocketAddrUse::TcpConnect => self.tcp("connect to", address, Pattern::allows_remote),
            SocketAddrUse::UdpBind => {
                let is_granted = self.udp.iter().any(|pattern| pattern.allows_bind(address));
                self.is_udp_bound.fetch_or(is_granted, Ordering::Relaxed);
                is_granted || is_unbound(address) || self.refuse("bind", "UDP", "--allow-udp", address)
            }
            SocketAddrUse::UdpSend => {
                let is_granted = self.udp.iter().any(|pattern| pattern.allows_remote(address));
                is_granted || self.is_answerable(address) || self.refuse("send to", "UDP", "--allow-udp", address)
            }
            SocketAddrUse::UdpReceive => self.may_hear_from(address),
        }
    }

    fn tcp(&self, what: &str, address: SocketAddr, is_in: impl Fn(&Pattern, SocketAddr) -> bool) -> bool {
        self.tcp.iter().any(|pattern| is_in(pattern, address)) || self.refuse(what, "TCP", "--allow-tcp", address)
    }

    fn refuse(&self, what: &str, protocol: &str, option: &str, address: SocketAddr) -> bool {
        let remedy = format!("allow it with {option} {address}, or everything with --inherit-network");
        self.refusals.note(&format!("{what} {protocol} {address}"), &remedy);
        false
    }

    /// Others may send what they like to a socket that was bound for it, and those that the guest may send to may answer.
    fn may_hear_from(&self, peer: SocketAddr) -> bool {
        if self.udp.iter().any(|pattern| pattern.allows_remote(peer)) {
            return true;
        }
        if !self.is_udp_bound.load(Ordering::Relaxed) {
            return false;
        }
        let mut answerable = self.answerable.lock().unwrap_or_else(PoisonError::into_inner);
        if answerable.back() != Some(&peer) {
            answerable.retain(|known| *known != peer);
            if answerable.len() == ANSWERABLE_MAX {
                answerable.pop_front();
            }
            answerable.push_back(peer);
        }
        true
    }

    fn is_answerable(&self, peer: SocketAddr) -> bool {
        let answerable = self.answerable.lock().unwrap_or_else(PoisonError::into_inner);
        answerable.iter().rev().any(|known| *known == peer)
    }

    /// Whether the guest may look up `name`: an address is none, and what is granted by its name may be looked up.
    pub(crate) fn allows_name(&self, name: &str) -> bool {
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let granted = || self.tcp.iter().chain(&self.udp).filter_map(|pattern| pattern.name.as_deref());
        if self.names || is_address || granted().any(|granted| granted.eq_ignore_ascii_case(name)) {
            return true;
        }
        // What is longer is no name.
        let shown: String = name.chars().take(255).collect();
        self.refusals.note(&format!("look up the name {shown:?}"), "allow it with --allow-names");
        false
    }
}

fn is_unbound(address: SocketAddr) -> bool {
    address.ip().is_unspecified() && address.port() == 0
}
