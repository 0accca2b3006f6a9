//! Wrong calls: each is an error value that names the operation and the remedy, and costs nobody anything.

mod states;
mod values;

use std::fmt::Debug;
use std::io::{self, ErrorKind};

use crate::support::{Client, World};

/// The operation and the remedy that an error's text has to name, and the error.
type Refusal = (&'static str, &'static str, io::Result<()>);

fn nothing<T: Debug>(result: io::Result<T>) -> io::Result<()> {
    result.map(drop)
}

#[track_caller]
fn check(kind: ErrorKind, refusals: impl IntoIterator<Item = Refusal>) {
    for (operation, remedy, result) in refusals {
        let Err(error) = result else { panic!("{operation} is not refused") };
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.contains(operation) && text.contains(remedy), "{operation}, {remedy}: {text}");
    }
}

/// A connection beside the wrong calls, which has to go on as if nothing had happened.
struct Bystander {
    client: Client,
}

impl Bystander {
    fn new(world: &World) -> Bystander {
        let (socket, client) = world.connect();
        socket.set_handle_read(|socket, _| {
            while let Some(line) = socket.read_line()?.full() {
                socket.send(line.with_newline())?;
            }
            Ok(())
        });
        world.dispatcher.register(&socket).expect("it is open");
        client.send("before\n");
        Bystander { client }
    }

    #[track_caller]
    fn check(&self, world: &World) {
        self.client.send("after\n");
        world.poll_until("the bystander is served", || self.client.text() == "before\nafter\n");
    }
}
