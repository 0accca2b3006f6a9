//! What an IRC server says, and how it may be shown.

/// What the server says: who, what, and about what.
pub struct Message {
    pub source: String,
    pub command: String,
    pub parameters: Vec<String>,
}

/// `:nick!user@host COMMAND parameter :the last parameter`
pub fn parse(line: &str) -> Option<Message> {
    let (source, rest) = match line.strip_prefix(':') {
        Some(rest) => rest.split_once(' ')?,
        None => ("", line),
    };
    let (words, last) = match rest.split_once(" :") {
        Some((words, last)) => (words, Some(last.to_owned())),
        None => (rest, None),
    };
    let mut words = words.split_ascii_whitespace().map(str::to_owned);
    let command = words.next()?.to_ascii_uppercase();
    let source = source.split('!').next().unwrap_or_default().to_owned();
    Some(Message { source, command, parameters: words.chain(last).collect() })
}

/// The text without the characters that a terminal obeys, and those that change the direction of writing.
pub fn harmless(text: &str) -> String {
    let turns = |it: char| matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|it| if it.is_control() || turns(it) { char::REPLACEMENT_CHARACTER } else { it }).collect()
}
