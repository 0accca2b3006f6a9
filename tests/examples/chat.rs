//! `chat`: the scripted conversation, and that it is the same in both worlds.

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

mod wasm {
    use super::{Verdict, World, compare, play};

    #[test]
    fn the_same_conversation_as_natively() {
        let (native, wasm) = (play(World::Native), play(World::Wasm));
        assert!(wasm.deviations.is_empty(), "{:#?}", wasm.deviations);
        let lines_received = native.lines_received;
        assert_eq!(compare(&native, &wasm), Verdict::Identical { lines_received });
        assert!(lines_received > 4_000, "the burst is missing: {lines_received} lines");
    }
}

fn play(world: World) -> Transcript {
    let program = start("chat", world, &[]);
    conversation::play(program.address)
}
