//! Telling the operator what the program was refused, once each.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What a guest makes up without end is not told without end.
const TOLD_MAX: usize = 20;

/// Who is told.
pub(crate) type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What was told so far.
#[derive(Default)]
pub(super) struct Refusals {
    tell: Option<Tell>,
    told: Mutex<HashSet<String>>,
}

impl Refusals {
    pub(super) fn new(tell: Option<Tell>) -> Refusals {
        Refusals { tell, told: Mutex::default() }
    }

    /// `wanted`: what the program wanted to do; `remedy`: how to allow it.
    pub(super) fn note(&self, wanted: &str, remedy: &str) {
        log::info!("refused to {wanted}");
        let Some(tell) = &self.tell else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() > TOLD_MAX || told.contains(wanted) {
            return;
        }
        told.insert(wanted.to_owned());
        if told.len() <= TOLD_MAX {
            tell(&format!("refused to {wanted}: {remedy}"));
        } else {
            tell("refused more than that: what else the program is refused is not told any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_told_once_and_all_of_them_are_bounded() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let refusals = Refusals::new(Some(Arc::new(move |line: &str| sink.lock().unwrap().push(line.to_owned()))));
        refusals.note("bind TCP 127.0.0.1:1", "allow it");
        refusals.note("bind TCP 127.0.0.1:1", "allow it");
        assert_eq!(*lines.lock().unwrap(), ["refused to bind TCP 127.0.0.1:1: allow it"]);
        (0..1000).for_each(|port| refusals.note(&format!("bind TCP 127.0.0.2:{port}"), "allow it"));
        assert_eq!(lines.lock().unwrap().len(), TOLD_MAX + 1);
    }
}
