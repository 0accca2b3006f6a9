//! What is below the root: the file that a path means, and sending it piece by piece.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use mime_guess::Mime;
use percent_encoding::percent_decode_str;
use selectio::AsyncSocket;

/// How much is received, or read of a file, at a time.
pub const PIECE_LENGTH: usize = 64 * 1024;

pub enum Found {
    Nothing,
    Folder,
    File { file: File, length: u64, kind: Mime },
}

/// Makes the root the current folder: a guest sees nothing above it, and can follow paths only from there.
pub fn enter(root: PathBuf) -> io::Result<PathBuf> {
    let entered = env::set_current_dir(&root).and_then(|()| env::current_dir());
    entered.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", root.display())))
}

/// The file or folder of this path, with all links followed, unless that is outside of the root.
fn find(root: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8().ok()?;
    let is_below = Path::new(&*path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let found = if is_below { Path::new(&*path).canonicalize().ok()? } else { return None };
    found.starts_with(root).then_some(found)
}

/// What there is at this path. Of a folder, whose path ends with a slash, that is its index.
pub fn open(root: &Path, path: &str) -> io::Result<Found> {
    let index = if path.ends_with('/') { "index.html" } else { "" };
    let Some(found) = find(root, &format!("{path}{index}")) else { return Ok(Found::Nothing) };
    if found.is_dir() {
        return Ok(Found::Folder);
    }
    // To open anything else, such as a pipe, may take for ever.
    let Some(file) = found.is_file().then(|| File::open(&found).ok()).flatten() else { return Ok(Found::Nothing) };
    let (length, kind) = (file.metadata()?.len(), mime_guess::from_path(found).first_or_octet_stream());
    Ok(Found::File { file, length, kind })
}

/// A file that a client gets piece by piece, and of it so many bytes.
pub struct Sending(io::Take<File>);

impl Sending {
    pub fn new(file: File, length: u64) -> Sending {
        Sending(file.take(length))
    }

    /// Sends the next piece, and answers whether that was the last one.
    pub fn send_piece(&mut self, client: &AsyncSocket) -> io::Result<bool> {
        let mut piece = Vec::with_capacity(PIECE_LENGTH);
        self.0.by_ref().take(PIECE_LENGTH as u64).read_to_end(&mut piece)?;
        client.send(&piece)?;
        if self.0.limit() > 0 && piece.is_empty() {
            // A file that has become shorter can't be what its head says.
            client.close()?;
        }
        Ok(self.0.limit() == 0)
    }
}
