//! Guests that ask for more than they may have.
//!
//! ```sh
//! cargo run --package selectio-host --example limits
//! ```

use selectio_host::{Error, Host, HostBuilder};
use std::time::Duration;

/// Takes one page of memory after the other.
const GREEDY: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "_start") (loop $again (drop (memory.grow (i32.const 1))) (br $again))))"#;

/// Computes for ever.
const BUSY: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "_start") (loop $again (br $again))))"#;

fn main() -> Result<(), Error> {
    let greedy = || Host::builder().module_bytes("greedy.wat", GREEDY);
    let busy = || Host::builder().module_bytes("busy.wat", BUSY);
    try_to_run("with one megabyte", greedy().max_memory(1024 * 1024))?;
    try_to_run("with a tenth of a second", busy().timeout(Duration::from_millis(100)))?;
    try_to_run("with a million units of fuel", busy().fuel(1_000_000))
}

/// Tells which limit has ended the guest; every other error is one of this program.
fn try_to_run(how: &str, builder: HostBuilder) -> Result<(), Error> {
    match builder.build()?.run() {
        Ok(code) => println!("{how}: exit code {code}"),
        Err(error @ (Error::MemoryLimit { .. } | Error::TimeLimit { .. } | Error::FuelLimit { .. })) => {
            println!("{how}: {error}");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
