//! `line_client`: connects out; as a guest it takes the connection that the host made.

mod native {
    use std::io::Write;
    use std::net::TcpListener;

    use selectio_driver::process::{Process, Stream};
    use selectio_driver::{World, program};

    use crate::{LIMIT, run, start};

    fn line_client(address: &str) -> Process {
        let command = program::command("line_client", World::Native, address).expect("line_client builds");
        Process::start(command).expect("line_client starts")
    }

    #[test]
    fn sends_its_input_and_prints_what_comes_back() {
        let program = start("echo", World::Native, &[]);
        let mut process = line_client(&program.address.to_string());
        let mut input = process.input().expect("its input is piped");
        input.write_all(b"one\ntwo\n").expect("it reads");
        let both = |text: &str| (text == "one\ntwo\n").then_some(());
        process.wait_for(Stream::Stdout, LIMIT, both).expect("both lines come back");
        drop(input);
        let status = process.wait(LIMIT).expect("it ends with its input");
        assert!(status.success(), "{}", process.all_output());
    }

    #[test]
    fn says_so_in_one_line_when_nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        run("line_client", World::Native, &[&address]).expect_refusal(1, "refused");
    }
}

mod wasm {
    use std::io::Write;

    use selectio_driver::process::{Process, Stream};
    use selectio_driver::{Host, World, cargo};

    use crate::{LIMIT, run, start};

    #[test]
    fn sends_its_input_over_the_connection_that_the_host_made() {
        let program = start("echo", World::Native, &[]);
        let address = program.address.to_string();
        let module = cargo::example("line_client", World::Wasm).expect("line_client builds");
        let mut command = Host::chosen().and_then(Host::bare_command).expect("the host builds");
        command.args(["run", "--tcpconnect", &address]).arg(module).arg(&address);
        let mut process = Process::start(command).expect("the host starts");
        let mut input = process.input().expect("its input is piped");
        input.write_all(b"one\ntwo\n").expect("it reads");
        let both = |text: &str| (text == "one\ntwo\n").then_some(());
        process.wait_for(Stream::Stdout, LIMIT, both).expect("both lines come back");
        drop(input);
        let status = process.wait(LIMIT).expect("it ends with its input");
        assert!(status.success(), "{}", process.all_output());
    }

    #[test]
    fn says_so_in_one_line_when_the_host_made_no_connection() {
        run("line_client", World::Wasm, &["127.0.0.1:7000"]).expect_refusal(1, "not possible on wasip1");
    }
}
