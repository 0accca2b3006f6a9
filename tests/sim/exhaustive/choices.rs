//! Goes through every sequence of choices that a piece of code can make.

/// Hands out choices. Each run of the code asks for them one by one; between runs the last choice that has
/// another way to go takes it, and those behind it are asked for anew.
#[derive(Default)]
pub struct Choices {
    /// What was chosen, and out of how many.
    made: Vec<(usize, usize)>,
    position: usize,
}

impl Choices {
    /// A number below `count`.
    pub fn choose(&mut self, count: usize) -> usize {
        if self.position == self.made.len() {
            self.made.push((0, count));
        }
        self.position += 1;
        self.made[self.position - 1].0
    }

    /// Gets ready for the next run. `false` when there is none.
    pub fn advance(&mut self) -> bool {
        self.position = 0;
        while let Some((chosen, count)) = self.made.pop() {
            if chosen + 1 < count {
                self.made.push((chosen + 1, count));
                return true;
            }
        }
        false
    }
}

#[test]
fn every_sequence_comes_once() {
    let (mut choices, mut seen) = (Choices::default(), Vec::new());
    loop {
        let first = choices.choose(3);
        let second = if first == 1 { 9 } else { choices.choose(2) };
        seen.push((first, second));
        if !choices.advance() {
            break;
        }
    }
    assert_eq!(seen, [(0, 0), (0, 1), (1, 9), (2, 0), (2, 1)]);
}
