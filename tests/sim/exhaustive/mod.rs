//! Every short sequence of actions in every kind of handler.

mod choices;
mod record;
mod scene;

use choices::Choices;
use record::Handler;
use scene::{Action, Scene};

fn sequence(choices: &mut Choices, among: &[Action], count_max: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    while actions.len() < count_max {
        // One more than there are: nothing more.
        let Some(action) = among.get(choices.choose(among.len() + 1)) else { break };
        actions.push(*action);
        if matches!(action, Action::Fail | Action::Panic) {
            break;
        }
    }
    actions
}

/// Plays all sequences of so many of these actions, each in a network of its own.
fn play(handler: Handler, among: &[Action], count_max: usize) {
    scene::silence_panics_on_purpose();
    let (mut choices, mut scene_count) = (Choices::default(), 0);
    loop {
        let actions = sequence(&mut choices, among, count_max);
        Scene::new(handler, actions).play();
        scene_count += 1;
        if !choices.advance() {
            break;
        }
    }
    // Two of them end the handler; it goes on after the others.
    let going_on = (among.len() - 2) as u32;
    let expected: usize = (0..count_max as u32).map(|length| going_on.pow(length) as usize * among.len()).sum();
    assert_eq!(scene_count, 1 + expected);
}

/// Long sequences of the actions that change what is registered, and shorter ones of all.
fn play_all(handler: Handler) {
    play(handler, &Action::BASIC, 4);
    play(handler, &Action::ALL, 3);
}

#[test]
fn whatever_a_read_handler_does_the_contract_holds() {
    play_all(Handler::Read);
}

#[test]
fn whatever_a_write_handler_does_the_contract_holds() {
    play_all(Handler::Write);
}

#[test]
fn whatever_an_accept_handler_does_the_contract_holds() {
    play_all(Handler::Accept);
}

#[test]
fn whatever_a_connect_handler_does_the_contract_holds() {
    play_all(Handler::Connect);
}

#[test]
fn whatever_a_close_handler_does_the_contract_holds() {
    play_all(Handler::Close);
}

#[test]
fn whatever_an_error_handler_does_the_contract_holds() {
    play_all(Handler::Error);
}

#[test]
fn whatever_a_task_does_the_contract_holds() {
    play_all(Handler::Task);
}

#[test]
fn whatever_a_timer_of_a_socket_does_the_contract_holds() {
    play_all(Handler::Timer);
}

#[test]
fn whatever_a_drain_handler_does_the_contract_holds() {
    play(Handler::Drain, &Action::ALL, 2);
}
