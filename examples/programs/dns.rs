//! A name server that answers from a hosts file, over UDP and TCP: addresses of names (A, AAAA) and names of addresses
//! (PTR).
//!
//! ```sh
//! cargo run --example dns -- 127.0.0.1:5353 --hosts /etc/hosts                                       # native
//! selectio run --inherit-network --dir /etc dns.wasm 127.0.0.1:5353 --hosts /etc/hosts               # preview2
//! wasmtime run -S inherit-network --dir /etc dns.wasm 127.0.0.1:5353 --hosts /etc/hosts              # preview2
//! dig @127.0.0.1 -p 5353 localhost
//! ```
//!
//! Preview1 has no UDP: there the program says so.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use domain::base::iana::{Class, Opcode, OptRcode, Rcode};
use domain::base::message_builder::PushError;
use domain::base::wire::ParseError;
use domain::base::{Message, MessageBuilder, Name, Question, RecordData, Rtype, StaticCompressor, ToName, Ttl};
use domain::rdata::{A, Aaaa, Ptr, ZoneRecordData};
use lexopt::{Arg, ValueExt};
use selectio::{AsyncSocket, Delegate, Dispatcher, MainError};

type DomainName = Name<Vec<u8>>;
type Data = ZoneRecordData<Vec<u8>, DomainName>;

const USAGE: &str = "usage: dns [HOST:PORT] --hosts FILE\n
Answers queries for A, AAAA and PTR over UDP and TCP on HOST:PORT, 127.0.0.1:5353 unless given, from FILE,
which is written as /etc/hosts. Ctrl-C ends it.

  --hosts FILE  an address and its names in each line; # begins a comment
  -h, --help    this text";

/// For how long others may remember an answer.
const TTL: Ttl = Ttl::from_secs(60);
/// How long a UDP query may be.
const QUERY_LENGTH_MAX: u16 = 1232;
/// How long a UDP answer may be when the client says nothing else (RFC 1035, 4.2.1), and whatever it says.
const UDP_LENGTHS: [u16; 2] = [512, 4096];
/// The length of the record OPT, which an answer with EDNS has (RFC 6891).
const OPT_LENGTH: usize = 11;
const HEADER_LENGTH: usize = 12;
/// How long a TCP client may take for its next query.
const IDLE_TIME: Duration = Duration::from_secs(10);
const TCP_CLIENTS_MAX: usize = 500;

fn main() -> Result<(), MainError> {
    let (address, hosts) = command_line().unwrap_or_else(|error| {
        eprintln!("dns: {error}; see --help");
        std::process::exit(2);
    });
    let (udp, tcp) = bind(&address)?;
    let zone = Rc::new(Zone::read(&hosts)?);
    let dispatcher = Dispatcher::new()?;
    println!("dns: listening on {udp}, {} records", zone.seen.len());
    let (mut buffer, of_udp) = ([0; QUERY_LENGTH_MAX as usize], zone.clone());
    udp.set_handle_read(move |udp, _| {
        while let Some((length, Some(from))) = udp.recv_from(&mut buffer)? {
            if let Some(answer) = answer(&buffer[..length], &of_udp, true) {
                // One that can't leave is as good as lost on its way: the client asks again.
                let _ = udp.send_to(answer, from);
            }
        }
        Ok(())
    });
    tcp.set_handle_accept(move |tcp, dispatcher| {
        while let Some(client) = tcp.accept()? {
            if dispatcher.len() < TCP_CLIENTS_MAX {
                serve(&client, zone.clone(), dispatcher)?;
            }
        }
        Ok(())
    });
    dispatcher.register(&udp)?;
    dispatcher.register(&tcp)?;
    // Every query is answered at once, so there is nobody to wait for.
    if let Ok(signals) = Delegate::signals() {
        signals.set_handle_read(|_, dispatcher| {
            dispatcher.stop();
            Ok(())
        });
        dispatcher.register(&signals)?;
    }
    Ok(dispatcher.run()?)
}

/// Both on the same port. A free one that the kernel picks for one of them may be taken for the other.
fn bind(address: &str) -> io::Result<(AsyncSocket, AsyncSocket)> {
    let mut tries_left = if address.ends_with(":0") { 10 } else { 1 };
    loop {
        let udp = AsyncSocket::datagrams(address)?;
        match AsyncSocket::listener(&udp.to_string()) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries_left > 1 => tries_left -= 1,
            Err(error) => return Err(error),
        }
    }
}

/// Over TCP two bytes before each message are its length (RFC 1035, 4.2.2). A client that asks faster than it takes the
/// answers waits.
fn serve(client: &AsyncSocket, zone: Rc<Zone>, dispatcher: &Dispatcher) -> io::Result<()> {
    let idle = client.call_after(dispatcher, IDLE_TIME, |client, _| client.close());
    let (mut bytes, mut filled) = (vec![0; 2], 0);
    client.set_handle_read(move |client, dispatcher| {
        while !client.is_send_buffer_full() {
            let Some(length @ 1..) = client.recv(&mut bytes[filled..])? else { return Ok(()) };
            filled += length;
            let message_length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
            if filled == 2 && message_length >= HEADER_LENGTH {
                bytes.resize(2 + message_length, 0);
            } else if filled == bytes.len() {
                let Some(answer) = answer(&bytes[2..], &zone, false) else { return client.close_after_flush() };
                client.send(u16::try_from(answer.len()).unwrap_or(0).to_be_bytes())?;
                client.send(answer)?;
                bytes.truncate(2);
                filled = 0;
                dispatcher.restart(idle, IDLE_TIME);
            }
        }
        client.pause_reading();
        Ok(())
    });
    client.set_handle_drain(|client, _| {
        client.resume_reading();
        Ok(())
    });
    // A client that resets its connection is no news.
    client.set_handle_error(|_, _, _| {});
    dispatcher.register(client)
}

/// The records of each name. A name that exists only as the end of others has none (RFC 8020).
#[derive(Default)]
struct Zone {
    records: HashMap<DomainName, Vec<Data>>,
    /// What is there, so that nothing is there twice.
    seen: HashSet<(DomainName, Data)>,
}

impl Zone {
    fn read(path: &Path) -> io::Result<Zone> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let bytes = std::fs::read(path).map_err(named)?;
        let mut zone = Zone::default();
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(address) = words.next() else { continue };
            let skip =
                |word, what| eprintln!("dns: {}:{}: {word:?} is no {what}, and skipped", path.display(), index + 1);
            // `fe80::1%eth0` is an address on one link.
            let Ok(parsed) = address.split('%').next().unwrap_or_default().parse() else {
                skip(address, "address");
                continue;
            };
            for word in words {
                match word.parse() {
                    Ok(name) if name != Name::root_vec() => zone.add(parsed, name),
                    _ => skip(word, "name"),
                }
            }
        }
        Ok(zone)
    }

    /// The address of the name, and the name of the address.
    fn add(&mut self, address: IpAddr, name: DomainName) {
        let data: Data = match address {
            IpAddr::V4(address) => A::new(address).into(),
            IpAddr::V6(address) => Aaaa::new(address).into(),
        };
        let reverse = Name::reverse_from_addr(address).expect("such a name is short");
        for (name, data) in [(name.clone(), data), (reverse, Ptr::new(name).into())] {
            if self.seen.insert((name.clone(), data.clone())) {
                for suffix in name.iter_suffixes() {
                    self.records.entry(suffix.to_vec()).or_default();
                }
                self.records.entry(name).or_default().push(data);
            }
        }
    }
}

/// The answer to one message; `None` when there is to be none: to what is no query, or an answer itself, for two servers
/// would answer each other for ever.
fn answer(message: &[u8], zone: &Zone, is_udp: bool) -> Option<Vec<u8>> {
    let query = Message::from_octets(message).ok().filter(|message| !message.header().qr())?;
    if query.header().opcode() != Opcode::QUERY {
        return refuse(&query, Rcode::NOTIMP);
    }
    match question(&query) {
        Ok(question) => answer_question(&query, &question, zone, is_udp).ok(),
        Err(_) => refuse(&query, Rcode::FORMERR),
    }
}

type Query<'a> = Message<&'a [u8]>;
type ParsedQuestion<'a> = Question<domain::base::ParsedName<&'a [u8]>>;

/// The one question of the query, when all of the query can be understood.
fn question<'a>(query: &'a Query<'_>) -> Result<ParsedQuestion<'a>, ParseError> {
    let question = query.sole_question()?;
    let mut extensions = 0;
    for record in query.iter() {
        extensions += usize::from(record?.0.rtype() == Rtype::OPT);
    }
    let is_understood = extensions <= 1 && ![Rtype::OPT, Rtype::from_int(0)].contains(&question.qtype());
    if is_understood { Ok(question) } else { Err(ParseError::form_error("malformed")) }
}

fn refuse(query: &Query<'_>, code: Rcode) -> Option<Vec<u8>> {
    // Without the question, which may be what is malformed.
    let bytes = query.as_slice();
    let flags = [0x80 | bytes[2] & 0x79, code.to_int()];
    Some([&bytes[..2], &flags, &[0; 8]].concat())
}

fn answer_question(
    query: &Query<'_>,
    question: &ParsedQuestion<'_>,
    zone: &Zone,
    is_udp: bool,
) -> Result<Vec<u8>, PushError> {
    let (kind, found) = (question.qtype(), zone.records.get(&question.qname().to_vec()));
    let extension = query.opt();
    let code = match (&extension, found) {
        (Some(extension), _) if extension.version() > 0 => OptRcode::BADVERS,
        // These types ask for whole zones, signatures and the like, not for records.
        _ if question.qclass() != Class::IN || (128..255).contains(&kind.to_int()) => OptRcode::REFUSED,
        (_, None) => OptRcode::NXDOMAIN,
        (_, Some(_)) => OptRcode::NOERROR,
    };
    let said = extension.as_ref().map_or(0, |extension| extension.udp_payload_size());
    let length_max = if is_udp { said.clamp(UDP_LENGTHS[0], UDP_LENGTHS[1]) } else { u16::MAX };
    let mut builder = MessageBuilder::from_target(StaticCompressor::new(Vec::with_capacity(512)))?;
    builder.set_push_limit(usize::from(length_max) - OPT_LENGTH);
    builder.header_mut().set_aa(matches!(code, OptRcode::NOERROR | OptRcode::NXDOMAIN));
    let mut reply = builder.start_answer(query, code.rcode())?;
    let is_wanted = |data: &&Data| kind == Rtype::ANY || data.rtype() == kind;
    let wanted = found.into_iter().flatten().filter(|_| code == OptRcode::NOERROR).filter(is_wanted);
    for data in wanted {
        if reply.push((question.qname(), Class::IN, TTL, data)).is_err() {
            // A part of the records is of no use: the client asks again over TCP.
            reply = reply.tc_rewind_into();
            break;
        }
    }
    let mut reply = reply.additional();
    reply.clear_push_limit();
    if extension.is_some() {
        reply.opt(|extension| {
            extension.set_udp_payload_size(QUERY_LENGTH_MAX);
            extension.set_rcode(code);
            Ok(())
        })?;
    }
    Ok(reply.finish().into_target())
}

fn command_line() -> Result<(String, PathBuf), lexopt::Error> {
    let (mut address, mut hosts) = (None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Arg::Long("hosts") => hosts = Some(PathBuf::from(arguments.value()?)),
            Arg::Value(value) if address.is_none() => {
                let text = value.string()?;
                let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
                port.ok_or_else(|| format!("{text:?} is no HOST:PORT: write 127.0.0.1:5353"))?;
                address = Some(text);
            }
            other => return Err(other.unexpected()),
        }
    }
    let hosts = hosts.ok_or("the file with the names is missing: --hosts FILE")?;
    Ok((address.unwrap_or("127.0.0.1:5353".to_owned()), hosts))
}
