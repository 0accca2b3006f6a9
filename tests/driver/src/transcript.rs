//! What the clients of a conversation saw, and how two transcripts compare.

/// What the clients of one conversation sent and received, in the order of the script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The lines of the transcript.
    pub lines: Vec<String>,
    /// How many lines the clients received. More than the transcript shows: of a burst it holds the count, the
    /// checksum, the first line and the last.
    pub lines_received: usize,
    /// Where the program did something else than the script expects.
    pub deviations: Vec<String>,
}

/// How two transcripts compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They are the same.
    Identical {
        /// How many lines the clients received, in each of the two.
        lines_received: usize,
    },
    /// They differ.
    Different {
        /// The indices of the transcript lines that are not the same.
        indices: Vec<usize>,
    },
}

/// Compares two transcripts line by line.
pub fn compare(left: &Transcript, right: &Transcript) -> Verdict {
    let length = left.lines.len().max(right.lines.len());
    let indices: Vec<usize> = (0..length).filter(|&index| left.lines.get(index) != right.lines.get(index)).collect();
    if indices.is_empty() {
        Verdict::Identical { lines_received: left.lines_received }
    } else {
        Verdict::Different { indices }
    }
}

#[cfg(test)]
mod tests {
    use super::{Transcript, Verdict, compare};

    fn transcript(lines: &[&str]) -> Transcript {
        Transcript {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            lines_received: lines.len(),
            deviations: Vec::new(),
        }
    }

    #[test]
    fn the_same_and_not_the_same() {
        let left = transcript(&["a", "b", "c"]);
        assert_eq!(compare(&left, &left.clone()), Verdict::Identical { lines_received: 3 });
        let indices = vec![1, 3];
        let right = transcript(&["a", "x", "c", "d"]);
        assert_eq!(compare(&left, &right), Verdict::Different { indices });
    }
}
