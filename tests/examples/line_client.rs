//! `line_client`: connects out; as a guest of preview1 it takes the connection that the host made.

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

use selectio_driver::guest::START_LIMIT;
use selectio_driver::host::Network;
use selectio_driver::process::{Process, Stream};
use selectio_driver::{Host, World, cargo, program};

use crate::{LIMIT, run_with, start};

mod native {
    use selectio_driver::World;

    #[test]
    fn sends_its_input_and_prints_what_comes_back() {
        super::sends_its_input_and_prints_what_comes_back(World::Native);
    }

    #[test]
    fn says_so_in_one_line_when_nobody_listens() {
        super::says_so_in_one_line_when_nobody_listens(World::Native);
    }
}

mod wasip1 {
    use selectio_driver::{Host, World, cargo};

    use crate::{run, start};

    #[test]
    fn sends_its_input_over_the_connection_that_the_host_made() {
        let program = start("echo", World::Native, &[]);
        let address = program.address.to_string();
        let module = cargo::example("line_client", World::Wasip1).expect("line_client builds");
        let mut command = Host::chosen().and_then(Host::bare_command).expect("the host builds");
        command.args(["run", "--tcpconnect", &address]).arg(module).arg(&address);
        super::expect_lines_to_come_back(command);
    }

    #[test]
    fn says_so_in_one_line_when_the_host_made_no_connection() {
        run("line_client", World::Wasip1, &["127.0.0.1:7000"]).expect_refusal(1, "not possible on wasip1");
    }
}

mod wasip2 {
    use selectio_driver::World;

    #[test]
    fn sends_its_input_and_prints_what_comes_back() {
        super::sends_its_input_and_prints_what_comes_back(World::Wasip2);
    }

    #[test]
    fn says_so_in_one_line_when_nobody_listens() {
        super::says_so_in_one_line_when_nobody_listens(World::Wasip2);
    }
}

fn sends_its_input_and_prints_what_comes_back(world: World) {
    let program = start("echo", World::Native, &[]);
    // By name, where programs can look one up.
    let address = format!("localhost:{}", program.address.port());
    let command = match world {
        World::Native => program::command("line_client", world, &address).expect("line_client builds"),
        World::Wasip1 | World::Wasip2 => {
            let component = cargo::example("line_client", world).expect("line_client builds");
            let host = Host::chosen().expect("a host");
            let mut command = host.command(&component, Network::Whole).expect("the host builds");
            command.arg(&address);
            command
        }
    };
    expect_lines_to_come_back(command);
}

fn expect_lines_to_come_back(line_client: Command) {
    let mut process = Process::start(line_client).expect("line_client starts");
    let mut input = process.input().expect("its input is piped");
    input.write_all(b"one\ntwo\n").expect("it reads");
    let both = |text: &str| (text == "one\ntwo\n").then_some(());
    process.wait_for(Stream::Stdout, START_LIMIT, both).expect("both lines come back");
    drop(input);
    let status = process.wait(LIMIT).expect("it ends with its input");
    assert!(status.success(), "{}", process.all_output());
}

fn says_so_in_one_line_when_nobody_listens(world: World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    run_with("line_client", world, Network::Whole, &[&address]).expect_refusal(1, "refused");
}
