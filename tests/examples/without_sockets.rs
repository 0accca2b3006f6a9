//! Guests that get nothing of the network.

mod wasip1 {
    use selectio_driver::World;

    use crate::run;

    #[test]
    fn says_how_to_pass_a_socket() {
        for name in ["echo", "chat", "timeouts"] {
            run(name, World::Wasip1, &[]).expect_refusal(1, "--tcplisten");
        }
        run("line_client", World::Wasip1, &["127.0.0.1:7000"]).expect_refusal(1, "--tcpconnect");
    }
}

mod wasip2 {
    use selectio_driver::World;

    use crate::run;

    #[test]
    fn says_how_to_permit_sockets() {
        for name in ["echo", "chat", "timeouts"] {
            run(name, World::Wasip2, &[]).expect_refusal(1, "inherit-network");
        }
        run("line_client", World::Wasip2, &["127.0.0.1:7000"]).expect_refusal(1, "inherit-network");
    }
}
