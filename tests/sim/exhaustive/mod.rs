//! Every sequence of up to four actions in every kind of handler.

mod choices;
mod record;
mod scene;

use choices::Choices;
use record::Handler;
use scene::{Action, Scene};

/// The most actions that a handler does.
const ACTION_COUNT_MAX: usize = 4;

fn sequence(choices: &mut Choices) -> Vec<Action> {
    let mut actions = Vec::new();
    while actions.len() < ACTION_COUNT_MAX {
        // One more than there are: nothing more.
        let Some(action) = Action::ALL.get(choices.choose(Action::ALL.len() + 1)) else { break };
        actions.push(*action);
        if matches!(action, Action::Fail | Action::Panic) {
            break;
        }
    }
    actions
}

/// Plays all of them, each in a network of its own.
fn play_all(handler: Handler) {
    scene::silence_panics_on_purpose();
    let (mut choices, mut scene_count) = (Choices::default(), 0);
    loop {
        let actions = sequence(&mut choices);
        Scene::new(handler, actions).play();
        scene_count += 1;
        if !choices.advance() {
            break;
        }
    }
    // Nine that a handler goes on after, and two that end it.
    assert_eq!(scene_count, 1 + 11 + 9 * 11 + 9 * 9 * 11 + 9 * 9 * 9 * 11);
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
