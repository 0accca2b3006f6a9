//! How the programs start and end: help, wrong calls, Ctrl-C.

use std::os::unix::process::ExitStatusExt;

use selectio_driver::World;

use crate::{LIMIT, connect, expect_line, run, start};

in_both_worlds!(help_is_printed, a_wrong_call_is_answered_in_one_line, interrupting_ends_it);

const SIGINT: i32 = 2;

const EXAMPLES: [&str; 4] = ["echo", "chat", "tasks", "line_client"];

fn help_is_printed(world: World) {
    for name in EXAMPLES {
        let ended = run(name, world, &["--help"]);
        assert_eq!((ended.exit_code, ended.stderr.as_str()), (Some(0), ""), "{name}");
        assert!(ended.stdout.starts_with(&format!("usage: {name}")), "{}", ended.stdout);
    }
}

fn a_wrong_call_is_answered_in_one_line(world: World) {
    for name in EXAMPLES {
        let ended = run(name, world, &["nonsense"]);
        ended.expect_refusal(2, "nonsense");
    }
}

fn interrupting_ends_it(world: World) {
    for name in ["echo", "chat", "tasks"] {
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
