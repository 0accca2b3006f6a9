//! What is built here: the example programs, and servers on other people's libraries.

use std::path::PathBuf;

use anyhow::Result;
use selectio_driver::cargo::{Executable, WASIP1_TARGET, WASIP2_TARGET};

use crate::builds::{self, path};
use crate::server::{Program, Server};

const EXAMPLES: [&str; 3] = ["http", "redis", "websocket"];
const PEERS: [&str; 3] = ["hyper_http", "mio_http", "tokio_websocket"];

/// What cargo has built.
pub struct Built {
    peers: Vec<Executable>,
    natively: Vec<Executable>,
    for_wasip1: Vec<Executable>,
    for_wasip2: Vec<Executable>,
    host: PathBuf,
}

/// Builds all of it as one does for deployment.
pub fn build() -> Result<Built> {
    let examples = |what, more: &[&str]| builds::build(what, "selectio-programs", "--example", &EXAMPLES, more);
    Ok(Built {
        peers: builds::build("the servers", "selectio-bench", "--bin", &PEERS, &[])?,
        natively: examples("the programs", &[])?,
        for_wasip1: examples("the programs as wasip1 guests", &["--target", WASIP1_TARGET])?,
        for_wasip2: examples("the programs as wasip2 guests", &["--target", WASIP2_TARGET])?,
        host: builds::host()?,
    })
}

impl Built {
    /// An example natively, and as a guest of both kinds of `selectio run`.
    pub fn example(&self, name: &str) -> Result<[Server; 3]> {
        let host = &self.host;
        let module = Program::Guest { host: host.clone(), module: path(&self.for_wasip1, name)? };
        let options = &["--inherit-network"];
        let component = path(&self.for_wasip2, name)?;
        let component = Program::Component { host: host.clone(), options, component };
        Ok([
            contender(name, native(path(&self.natively, name)?)),
            contender(&format!("{name} as a wasip1 guest"), module),
            contender(&format!("{name} as a wasip2 guest"), component),
        ])
    }

    /// A server of benches/servers.
    pub fn peer(&self, name: &str, executable: &str) -> Result<Server> {
        Ok(contender(name, native(path(&self.peers, executable)?)))
    }
}

fn native(executable: PathBuf) -> Program {
    Program::Native { executable, arguments: Vec::new(), backend: None }
}

/// A row of the table.
pub fn contender(name: &str, program: Program) -> Server {
    Server { name: name.to_owned(), is_pipelined: false, program }
}
