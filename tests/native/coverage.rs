//! Every id of a promise, a pitfall or a scenario is in the name of a test, or of one that is named here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Ids for which a test of another name stands.
const HELD_BY_ANOTHER: [(&str, &str); 9] = [
    // Whoever has the number of a closed descriptor by then stays open.
    ("q17", "p14_close_is_immediate_and_the_second_time_nothing"),
    ("q18", "p13_an_error_of_a_handler_costs_its_own_socket_only"),
    ("q23", "p7_poll_tells_whether_anything_is_open_and_p9_len_counts_that"),
    ("q24", "c9_two_thousand_clients_are_served_at_once"),
    ("q27", "a15_every_waiting_connection_is_accepted_and_usable"),
    // Accepting returns the client, so there is none to be replaced.
    ("q29", "a15_every_waiting_connection_is_accepted_and_usable"),
    ("q30", "a21_an_urgent_byte_does_not_make_the_loop_spin"),
    // A timeout is a duration, which has no negative values; what is left is the rounding.
    ("q31", "c8_a_timeout_is_never_cut_short"),
    ("q37", "p3_what_a_handler_closes_or_unregisters_gets_no_callback_in_that_poll"),
];

fn ids() -> impl Iterator<Item = String> {
    let families = [("a", 27), ("chat_c", 11), ("n", 6), ("p", 18), ("q", 40)];
    families.into_iter().flat_map(|(family, count)| (1..=count).map(move |number| format!("{family}{number}")))
}

/// The names of all tests below a folder.
fn tests_below(folder: &Path, into: &mut BTreeSet<String>) {
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            tests_below(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.extend(tests_in(&fs::read_to_string(&path).expect("a source")));
        }
    }
}

fn tests_in(source: &str) -> Vec<String> {
    let after_attributes = source.split("#[test]").skip(1);
    let signatures = after_attributes.filter_map(|rest| rest.split_once("fn ")?.1.split_once('('));
    signatures.map(|(name, _)| name.to_owned()).collect()
}

fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["src", "platform/src", "tests"] {
        tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut tests);
    }
    tests
}

#[test]
fn every_id_has_a_test_or_a_reason() {
    let tests = tests();
    for id in ids() {
        let has_test = tests.iter().any(|test| test.starts_with(&format!("{id}_")));
        let is_held = HELD_BY_ANOTHER.iter().any(|(held, _)| *held == id);
        assert!(has_test != is_held, "{id}: a test {has_test}, held by another {is_held}");
    }
}

#[test]
fn every_test_that_stands_for_another_id_exists() {
    let (tests, ids) = (tests(), ids().collect::<Vec<_>>());
    for (id, test) in HELD_BY_ANOTHER {
        assert!(tests.contains(test), "{test} is gone, and {id} with it");
    }
    assert!(HELD_BY_ANOTHER.iter().all(|(id, _)| ids.iter().any(|known| known == id)), "an exception for no id");
}
