//! What the clients of a conversation saw, and how transcripts compare.

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

/// How transcripts compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All are the same.
    Identical {
        /// How many lines the clients received, in each of them.
        lines_received: usize,
    },
    /// They differ.
    Different {
        /// The indices of the transcript lines that are not the same.
        indices: Vec<usize>,
    },
}

/// Compares transcripts line by line.
pub fn compare(transcripts: &[&Transcript]) -> Verdict {
    let length = transcripts.iter().map(|transcript| transcript.lines.len()).max().unwrap_or(0);
    let is_the_same = |&index: &usize| {
        let mut lines = transcripts.iter().map(|transcript| transcript.lines.get(index));
        let first = lines.next();
        lines.all(|line| Some(line) == first)
    };
    let indices: Vec<usize> = (0..length).filter(|index| !is_the_same(index)).collect();
    if indices.is_empty() {
        Verdict::Identical { lines_received: transcripts.first().map_or(0, |it| it.lines_received) }
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
        let first = transcript(&["a", "b", "c"]);
        assert_eq!(compare(&[&first, &first, &first.clone()]), Verdict::Identical { lines_received: 3 });
        let (second, third) = (transcript(&["a", "x", "c", "d"]), transcript(&["y", "b", "c"]));
        assert_eq!(compare(&[&first, &second]), Verdict::Different { indices: vec![1, 3] });
        assert_eq!(compare(&[&first, &first, &third]), Verdict::Different { indices: vec![0] });
        assert_eq!(compare(&[&first, &second, &third]), Verdict::Different { indices: vec![0, 1, 3] });
    }
}
