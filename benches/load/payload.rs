//! What is sent: lines that differ from message to message and from connection to connection, so that a byte that is
//! lost, doubled or given to somebody else is found.

use anyhow::{Result, bail};

/// How many different texts there are; each begins at another place of one long text.
const STARTS: usize = 8 * 1024;

/// The text that all messages are pieces of.
pub struct Payload {
    text: Vec<u8>,
}

impl Payload {
    /// For messages of so many bytes at most.
    pub fn new(length_max: usize) -> Payload {
        // A generator of 64 bits (Steele and Vigna, "Computationally easy, spectrally good multipliers").
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let text = (0..STARTS + length_max).map(|_| {
            state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            b'!' + ((state >> 33) % 94) as u8
        });
        Payload { text: text.collect() }
    }

    /// Puts `batch` lines of `length` bytes each, line end included, into `message`.
    pub fn fill(&self, message: &mut Vec<u8>, client: usize, sequence: usize, length: usize, batch: usize) {
        message.clear();
        for line in 0..batch {
            let start = (client * 7919 + (sequence * batch + line) * 104_729) % STARTS;
            message.extend_from_slice(&self.text[start..start + length - 1]);
            message.push(b'\n');
        }
    }
}

/// Compares what came back with the same place of what was sent.
pub fn verify(sent: &[u8], position: usize, received: &[u8]) -> Result<()> {
    match sent.get(position..position + received.len()) {
        Some(expected) if expected == received => Ok(()),
        Some(_) => bail!("the server sent other bytes back than it got"),
        None => bail!("the server sent more bytes back than it got"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload, verify};

    #[test]
    fn every_kind_of_wrong_answer_is_found() {
        let payload = Payload::new(64);
        let (mut sent, mut other) = (Vec::new(), Vec::new());
        payload.fill(&mut sent, 1, 0, 64, 2);
        payload.fill(&mut other, 2, 0, 64, 2);
        assert_eq!((sent.len(), sent[63], sent[127]), (128, b'\n', b'\n'));
        assert!(verify(&sent, 0, &sent).is_ok() && verify(&sent, 64, &sent[64..]).is_ok());
        assert!(verify(&sent, 0, &other).is_err(), "somebody else's bytes");
        assert!(verify(&sent, 64, &sent[..64]).is_err(), "bytes in a wrong place");
        assert!(verify(&sent, 65, &sent[64..]).is_err(), "one byte too many");
    }
}
