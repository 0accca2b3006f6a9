//! The command `selectio`, called by hand.

use selectio_driver::{Ended, Host};

fn selectio(arguments: &[&str]) -> Ended {
    let mut command = Host::Selectio.bare_command().expect("the host builds");
    command.args(arguments);
    Ended::of(command).expect("it ends")
}

#[test]
fn help_names_the_options() {
    let help = selectio(&["--help"]);
    assert_eq!((help.exit_code, help.stderr.as_str()), (Some(0), ""));
    let help = selectio(&["run", "--help"]);
    assert_eq!((help.exit_code, help.stderr.as_str()), (Some(0), ""));
    for option in ["--tcplisten", "--dir", "--env"] {
        assert!(help.stdout.contains(option), "{option} is missing: {}", help.stdout);
    }
}

#[test]
fn a_wrong_call_is_answered_in_one_line() {
    selectio(&[]).expect_refusal(2, "run");
    selectio(&["dance"]).expect_refusal(2, "dance");
    selectio(&["run"]).expect_refusal(2, "MODULE");
    selectio(&["run", "--tcplisten"]).expect_refusal(2, "--tcplisten");
    selectio(&["run", "--faster", "app.wasm"]).expect_refusal(2, "--faster");
}

#[test]
fn an_address_that_is_none_is_named_in_one_line() {
    selectio(&["run", "--tcplisten", "nowhere", "app.wasm"]).expect_refusal(1, "nowhere");
}

#[test]
fn a_module_that_is_missing_or_none_is_named_in_one_line() {
    selectio(&["run", "no-such-file.wasm"]).expect_refusal(1, "no-such-file.wasm");
    selectio(&["run", "Cargo.toml"]).expect_refusal(1, "Cargo.toml");
}
