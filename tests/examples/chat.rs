//! `chat`: the scripted conversation, and that it is the same in every world.

use selectio_driver::conversation;
use selectio_driver::transcript::{Transcript, Verdict, compare};

use selectio_driver::World;

use crate::start;

mod native {
    use super::{World, play};

    #[test]
    fn keeps_to_the_script() {
        let transcript = play(World::Native);
        assert!(transcript.deviations.is_empty(), "{:#?}", transcript.deviations);
    }
}

mod wasip1 {
    use super::{World, expect_the_same_as_natively};

    #[test]
    fn the_same_conversation_as_natively() {
        expect_the_same_as_natively(World::Wasip1);
    }
}

mod wasip2 {
    use super::{World, expect_the_same_as_natively};

    #[test]
    fn the_same_conversation_as_natively() {
        expect_the_same_as_natively(World::Wasip2);
    }
}

fn expect_the_same_as_natively(world: World) {
    let (native, guest) = (play(World::Native), play(world));
    assert!(guest.deviations.is_empty(), "{:#?}", guest.deviations);
    let lines_received = native.lines_received;
    assert_eq!(compare(&[&native, &guest]), Verdict::Identical { lines_received });
    assert!(lines_received > 4_000, "the burst is missing: {lines_received} lines");
}

fn play(world: World) -> Transcript {
    let program = start("chat", world, &[]);
    conversation::play(program.address)
}
