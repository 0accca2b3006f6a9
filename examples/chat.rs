//! A chat room: everybody reads what the others write.
//!
//! ```sh
//! cargo run --example chat -- 127.0.0.1:7000
//! nc 127.0.0.1 7000      # several times
//! ```

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use selectio::{AsyncSocket, Dispatcher, Line, MainError, ReadLine};

const USAGE: &str = "usage: chat [HOST:PORT]\n
A chat room. The first line that a client sends is its name; an empty line asks who is here, /quit leaves.
Listens on HOST:PORT, 127.0.0.1:7000 unless given; a preview1 guest listens on the socket that
its host passes.";

/// Who has said their name, in the order of joining.
#[derive(Clone, Default)]
struct Room(Rc<RefCell<Vec<Member>>>);

#[derive(Clone)]
struct Member {
    name: String,
    socket: AsyncSocket,
}

impl Room {
    /// Sends to everybody but `sender`.
    fn tell(&self, text: &str, sender: Option<&str>) {
        // A copy, for what comes of a send may change who is here.
        let members = self.0.borrow().clone();
        for member in members.iter().filter(|member| Some(member.name.as_str()) != sender) {
            if member.socket.send(text).is_err() {
                // It takes nothing for so long that its buffer is full.
                let _ = member.socket.close();
                self.leave(&member.name, "was cut off");
            }
        }
    }

    fn join(&self, name: &str, socket: &AsyncSocket) -> bool {
        if name.is_empty() || self.0.borrow().iter().any(|member| member.name == name) {
            return false;
        }
        self.0.borrow_mut().push(Member { name: name.to_owned(), socket: socket.clone() });
        self.tell(&format!("* {name} joined, {} here\n", self.0.borrow().len()), None);
        true
    }

    fn leave(&self, name: &str, how: &str) {
        self.0.borrow_mut().retain(|member| member.name != name);
        self.tell(&format!("* {name} {how}\n"), None);
    }

    fn names(&self) -> String {
        self.0.borrow().iter().map(|member| member.name.clone()).collect::<Vec<_>>().join(", ")
    }
}

fn main() -> Result<(), MainError> {
    let dispatcher = Dispatcher::new()?;
    let server = AsyncSocket::listener(&address_from_command_line())?;
    println!("chat: listening on {server}");
    let room = Room::default();
    server.set_handle_accept(move |server, dispatcher| {
        while let Some(client) = server.accept()? {
            welcome(&client, &room, dispatcher)?;
        }
        Ok(())
    });
    dispatcher.register(&server)?;
    dispatcher.run()?;
    Ok(())
}

fn welcome(client: &AsyncSocket, room: &Room, dispatcher: &Dispatcher) -> io::Result<()> {
    let name = Rc::new(RefCell::new(String::new()));
    client.set_handle_read({
        let (room, name) = (room.clone(), name.clone());
        move |client, _| {
            while let ReadLine::Full(line) = client.read_line()? {
                let said = name.borrow().clone();
                if said.is_empty() {
                    introduce(client, &room, &name, &line)?;
                } else if &line[..] == b"/quit" {
                    return part(client, &room, &said);
                } else {
                    talk(client, &room, &said, &line)?;
                }
            }
            Ok(())
        }
    });
    client.set_handle_close({
        let (room, name) = (room.clone(), name.clone());
        move |client, _| part(client, &room, &name.borrow())
    });
    client.set_handle_error({
        let room = room.clone();
        move |_, _, _| room.leave(&name.borrow(), "was cut off")
    });
    client.send("welcome, what is your name?\n")?;
    dispatcher.register(client)
}

fn introduce(client: &AsyncSocket, room: &Room, name: &RefCell<String>, line: &Line) -> io::Result<()> {
    if room.join(line.to_string().trim(), client) {
        *name.borrow_mut() = line.to_string().trim().to_owned();
    } else {
        client.send("* that name is taken or empty, try another\n")?;
    }
    Ok(())
}

fn talk(client: &AsyncSocket, room: &Room, name: &str, line: &Line) -> io::Result<()> {
    if line.is_empty() {
        client.send(format!("* here: {}\n", room.names()))?;
    } else {
        room.tell(&format!("{name}: {line}\n"), Some(name));
    }
    Ok(())
}

fn part(client: &AsyncSocket, room: &Room, name: &str) -> io::Result<()> {
    if !name.is_empty() {
        client.send(format!("* bye, {name}\n"))?;
    }
    client.close_after_flush()?;
    room.leave(name, "left");
    Ok(())
}

fn address_from_command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => "127.0.0.1:7000".to_owned(),
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            std::process::exit(0);
        }
        [address] if address.contains([':', '/']) => address.clone(),
        _ => {
            eprintln!("chat: expected one HOST:PORT at most, got {arguments:?}; see --help");
            std::process::exit(2);
        }
    }
}
