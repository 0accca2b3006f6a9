//! `timeouts`: clients that are silent for too long are dropped.

use std::thread;
use std::time::Duration;

use selectio_driver::{World, in_every_world};

use crate::{connect, expect_end, expect_line, start};

in_every_world!(silent_clients_are_dropped);

fn silent_clients_are_dropped(world: World) {
    let program = start("timeouts", world, &["2"]);
    let (mut silent, mut talking) = (connect(&program), connect(&program));
    // Longer than a silent one is kept.
    for index in 0..15 {
        let line = format!("still here {index}");
        talking.send_line(&line).expect("send");
        expect_line(&mut talking, &line);
        thread::sleep(Duration::from_millis(200));
    }
    expect_line(&mut silent, "* too silent, bye");
    expect_end(&mut silent);
    expect_line(&mut talking, "* too silent, bye");
    expect_end(&mut talking);
}
