//! A guest that gets no socket.

mod wasm {
    use selectio_driver::World;

    use crate::run;

    #[test]
    fn says_how_to_pass_one() {
        for name in ["echo", "chat", "timeouts"] {
            run(name, World::Wasm, &[]).expect_refusal(1, "--tcplisten");
        }
        run("line_client", World::Wasm, &["127.0.0.1:7000"]).expect_refusal(1, "--tcpconnect");
    }
}
