//! How the programs start and end: Ctrl-C, and an address that is taken.

use selectio_driver::World;

use crate::{LIMIT, connect, expect_line, start};

in_both_worlds!(interrupting_ends_it);

fn interrupting_ends_it(world: World) {
    for name in ["echo", "chat", "tasks"] {
        let mut program = start(name, world, &[]);
        let mut client = connect(&program);
        if name == "echo" {
            client.send_line("here").expect("send");
            expect_line(&mut client, "here");
        }
        program.process.interrupt().expect("the signal is sent");
        program.process.wait(LIMIT).expect("it ends");
        let output = program.process.all_output();
        assert!(!output.contains("panicked"), "{name}: {output}");
    }
}
