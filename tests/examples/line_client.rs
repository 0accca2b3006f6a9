//! `line_client`: connects out, which only a native program can.

mod native {
    use std::io::Write;
    use std::net::TcpListener;
    use std::process::Command;

    use selectio_driver::process::{Process, Stream};
    use selectio_driver::{World, cargo};

    use crate::{LIMIT, run, start};

    fn line_client(address: &str) -> Process {
        let path = cargo::example("line_client", World::Native).expect("line_client builds");
        let mut command = Command::new(path);
        command.arg(address);
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
    use selectio_driver::World;

    use crate::run;

    #[test]
    fn says_so_in_one_line_that_it_cannot_connect_out() {
        run("line_client", World::Wasm, &["127.0.0.1:7000"]).expect_refusal(1, "not possible on wasip1");
    }
}
