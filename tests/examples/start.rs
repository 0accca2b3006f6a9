//! How the programs start: help, and wrong calls.

use selectio_driver::{World, in_every_world};

use crate::run;

in_every_world!(help_is_printed, a_wrong_call_is_answered_in_one_line);

const EXAMPLES: [&str; 4] = ["echo", "chat", "timeouts", "line_client"];

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
        ended.expect_refusal(world.exit_code(2), "nonsense");
    }
}
