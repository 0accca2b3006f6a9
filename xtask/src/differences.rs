//! Where the hosts of others differ from `selectio run`, and Wine from Windows, and why. Nothing else may differ.

use selectio_driver::Host;

/// A test that fails on a host, or on Wine, because that is as it is.
pub struct Difference {
    /// The test binary.
    pub binary: &'static str,
    /// The test.
    pub test: &'static str,
    /// What it does.
    pub reason: &'static str,
}

/// Where Wine differs from Windows.
#[derive(Default)]
pub struct Known {
    /// What has to fail.
    pub always: &'static [&'static [Difference]],
    /// What may fail, depending on how fast Wine is.
    pub sometimes: &'static [Difference],
}

impl Known {
    /// How many tests fail always.
    pub fn always_count(&self) -> usize {
        self.always.iter().map(|some| some.len()).sum()
    }
}

/// What differs on a host.
pub fn of(host: Host) -> &'static [Difference] {
    match host {
        Host::Selectio | Host::Installed => &[],
        Host::Wasmtime => &WASMTIME,
        // Both have the WASI of Wasmtime up to 46, the package wasi-common.
        Host::Wasmtime46 | Host::Wasmi => &WASI_COMMON,
    }
}

const fn example(test: &'static str, reason: &'static str) -> Difference {
    Difference { binary: "examples", test, reason }
}

const fn program(test: &'static str, reason: &'static str) -> Difference {
    Difference { binary: "programs", test, reason }
}

const fn call(test: &'static str, reason: &'static str) -> Difference {
    Difference { binary: "conformance", test, reason }
}

const ALL_READY: &str = "once one subscription is ready, every one is reported";
const CALL_FAILS: &str = "one subscription that can't be waited for fails the whole call";
const NO_REALTIME: &str = "moments on the realtime clock are refused (notsup)";
const WAITALL: &str = "WAITALL fills the first buffer only, and traps at the end of the stream";
const NO_WISH_TO_END: &str = "Ctrl-C and SIGTERM end the program: preview2 has no word for a wish to end";
const NOT_GIVEN: &str = "its command can't give a guest this";

/// The current Wasmtime, for preview2 programs.
const WASMTIME: [Difference; 7] = [
    program("dns::where_there_is_udp::wasip2::asked_to_end_it_does", NO_WISH_TO_END),
    program("http::wasip2::asked_to_end_it_answers_what_is_under_way", NO_WISH_TO_END),
    program("hyper::wasip2::asked_to_end_it_answers_what_is_under_way", NO_WISH_TO_END),
    program("irc_client::wasip2::asked_to_end_it_says_goodbye", NO_WISH_TO_END),
    program("proxy::wasip2::asked_to_end_it_lets_its_clients_finish", NO_WISH_TO_END),
    program("redis::wasip2::a_wish_to_end_ends_it_at_once", NO_WISH_TO_END),
    program("websocket::wasip2::asked_to_end_it_says_goodbye", NO_WISH_TO_END),
];

#[rustfmt::skip]
const WASI_COMMON: [Difference; 32] = [
    example("line_client::wasip1::sends_its_input_over_the_connection_that_the_host_made", NOT_GIVEN),
    call("clocks::a_clock_that_cannot_be_waited_for_is_its_own_events_error", CALL_FAILS),
    call("clocks::absolute_moments_are_those_of_the_clock_named", NO_REALTIME),
    call("clocks::the_longest_timeout_does_not_overflow", NO_REALTIME),
    call("descriptors::a_listener_tells_the_truth_about_itself", "listeners have the rights of streams"),
    call("descriptors::a_socket_is_no_file", "what is for files answers badf on a socket"),
    call("descriptors::files_and_sockets_share_one_number_space", NOT_GIVEN),
    call("descriptors::output_can_be_redirected_and_brought_back", NOT_GIVEN),
    call("hostile::a_guest_without_memory_is_ended", NOT_GIVEN),
    call("hostile::bad_pointers_are_faults", "a bad pointer traps, after the call has had its effect"),
    call("hostile::bad_pointers_of_forwarded_functions_are_faults", NOT_GIVEN),
    call("hostile::buffers_may_overlap", WAITALL),
    call("hostile::events_may_overwrite_subscriptions", CALL_FAILS),
    call("hostile::huge_counts_are_served_or_refused", CALL_FAILS),
    call("hostile::senseless_calls_harm_no_one", NOT_GIVEN),
    call("hostile::what_is_closed_leaves_no_trace_in_a_long_array", "more subscriptions than poll(2) takes are invalid"),
    call("poll::a_bad_descriptor_is_its_own_events_error", CALL_FAILS),
    call("poll::a_half_closed_peer_is_readable_with_the_hangup_flag", "a half-closed peer is readable without the flag"),
    call("poll::a_listener_is_readable_and_never_writable", ALL_READY),
    call("poll::a_number_that_is_reused_stands_for_the_new_socket", "numbers only grow; a closed one fails the whole call"),
    call("poll::a_reset_is_readable_and_the_receive_reveals_it", "a reset is the event's error, io"),
    call("poll::events_come_in_the_order_of_subscriptions", ALL_READY),
    call("poll::only_what_is_ready_has_an_event", ALL_READY),
    call("poll::the_array_may_shrink_grow_and_change", ALL_READY),
    call("poll::what_is_renumbered_is_waited_for_under_its_new_number", "a number that was moved fails the whole call"),
    call("sockets::a_connected_stream_can_be_given", NOT_GIVEN),
    call("sockets::accept_on_a_stream_and_receive_on_a_listener_fail", "what is for the other kind of socket answers badf"),
    call("sockets::accepted_sockets_are_as_asked_and_get_the_lowest_numbers", "numbers only grow; an accept with bad flags loses a connection"),
    call("sockets::many_buffers_are_one_message", WAITALL),
    call("sockets::receiving_all_waits_for_all", WAITALL),
    call("sockets::unknown_flags_are_invalid", "unknown flags trap"),
    call("sockets::what_is_no_socket_says_so", "what is no socket answers badf"),
];

const fn portable(test: &'static str, reason: &'static str) -> Difference {
    Difference { binary: "it", test, reason }
}

const NOT_ACCEPTED: &str = "a connection that was reset can't be accepted";
const KEEPALIVE_IS_FIXED: &str = "when a silent peer is probed can't be changed (TCP_KEEPIDLE and others)";
const SLOW: &str = "it may take longer than a test waits";
const NO_ICMP: &str = "no ICMP message reaches the sender";
const RESET_IS_END: &str = "a connection that was reset reads as one that has ended";

/// What a program sees of a reset on Wine 8, natively and as a guest.
#[rustfmt::skip]
const RESETS_ON_WINE: [Difference; 10] = [
    portable("contract::c10_a_reset_shows_in_the_directions_asked_for_and_recv_reveals_it", RESET_IS_END),
    portable("errors::an_error_keeps_the_number_and_the_cause_behind_the_name_of_its_operation", RESET_IS_END),
    portable("handlers::a2_an_event_calls_its_own_handlers_and_no_others", RESET_IS_END),
    portable("handlers::a4_an_error_that_a_call_makes_names_that_call", RESET_IS_END),
    portable("lines::a_reset_is_told_once_to_its_own_socket", RESET_IS_END),
    portable("lines::an_error_that_a_handler_swallows_is_not_told_again", RESET_IS_END),
    portable("lines::data_before_a_reset_of_the_sending_side_is_delivered", RESET_IS_END),
    portable("lines::q40_a_reset_before_accept_is_told_by_the_first_read", NOT_ACCEPTED),
    portable("pitfalls::q12_lines_do_not_depend_on_where_the_segments_end", RESET_IS_END),
    portable("proxy::when_one_side_is_reset_the_other_is_closed", RESET_IS_END),
];

/// What Wine 8 lacks of Windows, for native programs.
#[rustfmt::skip]
pub const WINE: Known = Known {
    always: &[&RESETS_ON_WINE, &[
        Difference {
        binary: "selectio_platform",
        test: "native::options::tests::a_number_that_was_set_is_what_the_kernel_says",
        reason: KEEPALIVE_IS_FIXED,
    },
        portable("addresses::options_that_every_world_with_options_has_can_be_set_and_asked_for", KEEPALIVE_IS_FIXED),
        portable("clients::a_connection_that_is_reset_as_it_is_made_ends_once_and_with_a_word", RESET_IS_END),
        portable("datagrams::q35_a_datagram_that_nobody_takes_closes_nothing", NO_ICMP),
        portable("datagrams::q35_nor_does_it_close_what_reads_without_asking_where_from", NO_ICMP),
        example("chat::native::keeps_to_the_script", RESET_IS_END),
        example("interruption::native::interrupting_ends_it", "Ctrl-C ends a program, whose exit code is 0 then"),
    ]],
    sometimes: &[portable("dispatcher::a3_close_all_closes_everything", RESET_IS_END)],
};

/// The same for a host that is built for Windows, and its guests.
#[rustfmt::skip]
pub const WINE_GUESTS: Known = Known {
    always: &[&RESETS_ON_WINE, &[
        call("poll::a_reset_is_readable_and_the_receive_reveals_it", RESET_IS_END),
        example("chat::wasip1::the_same_conversation_as_natively", RESET_IS_END),
    ]],
    sometimes: &[portable("dispatcher::a3_close_all_closes_everything", RESET_IS_END), RESET_IN_A_HANDSHAKE],
};

/// Before the server has sent anything, nothing tells it there.
const RESET_IN_A_HANDSHAKE: Difference = Difference {
    binary: "tls",
    test: "failures::a_reset_in_each_flight_costs_that_connection_only",
    reason: RESET_IS_END,
};

/// The same for its guests of preview2.
#[rustfmt::skip]
pub const WINE_COMPONENTS: Known = Known {
    always: &[&RESETS_ON_WINE, &[
        portable("addresses::options_that_every_world_with_options_has_can_be_set_and_asked_for", KEEPALIVE_IS_FIXED),
        portable("datagrams::q35_a_datagram_that_nobody_takes_closes_nothing", NO_ICMP),
        portable("datagrams::q35_nor_does_it_close_what_reads_without_asking_where_from", NO_ICMP),
        example("chat::wasip2::the_same_conversation_as_natively", RESET_IS_END),
    ]],
    sometimes: &[
        portable("clients::a_thousand_connections_one_after_another_leave_nothing_behind", SLOW),
        portable("dispatcher::a3_close_all_closes_everything", RESET_IS_END),
        portable("sockets::a27_clients_that_reset_at_once_leave_the_server_alone", NOT_ACCEPTED),
        RESET_IN_A_HANDSHAKE,
    ],
};
