//! How the programs end: Ctrl-C. From outside it can only be sent on unix.

use std::os::unix::process::ExitStatusExt;

use selectio_driver::{World, in_every_world};

use crate::{LIMIT, connect, expect_line, start};

in_every_world!(interrupting_ends_it);

const SIGINT: i32 = 2;

fn interrupting_ends_it(world: World) {
    for name in ["echo", "chat", "timeouts"] {
        let mut program = start(name, world, &[]);
        let mut client = connect(&program);
        if name == "echo" {
            client.send_line("here").expect("send");
            expect_line(&mut client, "here");
        }
        program.process.interrupt().expect("the signal is sent");
        let status = program.process.wait(LIMIT).expect("it ends");
        let output = program.process.all_output();
        // Whether the signal ended it or it ended because of the signal: a shell reports 130.
        let reported = status.code().or(status.signal().map(|signal| 128 + signal));
        assert_eq!(reported, Some(128 + SIGINT), "{name}: {output}");
    }
}
