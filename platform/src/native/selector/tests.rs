//! What every mechanism keeps, beside the contract: the same bodies on each.

#![allow(
    unsafe_code,
    reason = "descriptors are duplicated under chosen numbers and closed behind the mechanism's back"
)]

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::moving::{Moving, WATCHES_MAX};
use super::select::Select;
use super::{AnyMechanism, Mechanism, named, polling};
use crate::{Backend, Found, Interest};

const A_WHILE: Duration = Duration::from_millis(50);

/// All there are, each with nothing watched.
fn mechanisms() -> Vec<AnyMechanism> {
    let mut all: Vec<AnyMechanism> = vec![Box::new(Select::new()), polling().expect("the system has one")];
    for watches_max in [0, 1, WATCHES_MAX] {
        all.push(Box::new(Moving::new(polling, watches_max)));
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        all.push(super::epoll().expect("the system has it"));
        all.push(Box::new(Moving::new(super::epoll, 1)));
    }
    all
}

fn select(mechanism: &mut dyn Mechanism, timeout: Duration) -> Found {
    let mut found = Found::default();
    mechanism.select(Some(timeout), &mut found).expect("waiting works");
    found
}

/// The keys of what is ready now.
fn ready_now(mechanism: &mut dyn Mechanism) -> Vec<u64> {
    let found = select(mechanism, Duration::ZERO);
    assert!(found.errors.is_empty(), "{}: {found:?}", mechanism.name());
    let mut keys: Vec<u64> = found.ready.iter().map(|ready| ready.key).collect();
    keys.sort_unstable();
    keys
}

fn raise_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes, and reads, one rlimit, which outlives the calls.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
    assert!(limit.rlim_max >= 20_000, "these tests need 20,000 descriptors: raise `ulimit -Hn`");
}

/// The descriptor under a number that no other test of this process gets, so that the number can be closed, and come
/// again, without harm to others.
fn renumbered(descriptor: impl Into<OwnedFd>) -> OwnedFd {
    static NEXT: AtomicI32 = AtomicI32::new(15_000);
    raise_limit();
    let least = NEXT.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the kernel makes a new descriptor of the one that is given, and nobody else knows it.
    let fd = unsafe { libc::fcntl(descriptor.into().as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    assert_ne!(fd, -1, "there is room");
    // SAFETY: as above.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn close(fd: RawFd) {
    // SAFETY: the test has given up the owner of this number.
    assert_eq!(unsafe { libc::close(fd) }, 0);
}

/// A pipe in which a byte waits; its reader has a number of its own.
fn readable_pipe() -> (OwnedFd, PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    writer.write_all(b"x").expect("there is room");
    (renumbered(reader), writer)
}

#[test]
fn a_regular_file_is_always_ready_for_what_is_asked() {
    for mut mechanism in mechanisms() {
        let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("it is there");
        let (idle, _writer) = io::pipe().expect("a pipe");
        mechanism.add(idle.as_raw_fd(), 1, Interest::READ).expect("a pipe can be watched");
        mechanism.add(file.as_raw_fd(), 2, Interest::READ).expect("a file can be watched");
        for _ in 0..2 {
            // For ever: it is ready at once.
            let mut found = Found::default();
            mechanism.select(None, &mut found).expect("waiting works");
            let ready: Vec<_> = found.ready.iter().map(|it| (it.key, it.readable, it.writable)).collect();
            assert_eq!(ready, [(2, true, false)], "{}", mechanism.name());
        }
        mechanism.modify(file.as_raw_fd(), Interest::NONE).expect("it is watched");
        assert_eq!(ready_now(&mut *mechanism), [0; 0], "{}", mechanism.name());
        mechanism.modify(file.as_raw_fd(), Interest::BOTH).expect("it is watched");
        assert_eq!(ready_now(&mut *mechanism), [2], "{}", mechanism.name());
        mechanism.remove(file.as_raw_fd()).expect("it is watched");
        assert_eq!(ready_now(&mut *mechanism), [0; 0], "{}", mechanism.name());
    }
}

#[test]
fn a_hang_up_does_not_end_a_wait_that_nobody_asks_to_hear_of_it() {
    for mut mechanism in mechanisms() {
        let (reader, writer) = io::pipe().expect("a pipe");
        mechanism.add(reader.as_raw_fd(), 1, Interest::READ).expect("a pipe can be watched");
        mechanism.modify(reader.as_raw_fd(), Interest::NONE).expect("it is watched");
        drop(writer);
        let start = Instant::now();
        assert!(select(&mut *mechanism, A_WHILE).is_empty(), "{}", mechanism.name());
        assert!(start.elapsed() >= A_WHILE, "{}", mechanism.name());
        mechanism.modify(reader.as_raw_fd(), Interest::READ).expect("it is watched");
        assert_eq!(ready_now(&mut *mechanism), [1], "{}", mechanism.name());
    }
}

#[test]
fn a_number_that_comes_again_is_another_watch() {
    for mut mechanism in mechanisms() {
        let (first, _first_writer) = readable_pipe();
        let number = first.as_raw_fd();
        mechanism.add(number, 1, Interest::READ).expect("a pipe can be watched");
        assert_eq!(ready_now(&mut *mechanism), [1], "{}", mechanism.name());
        mechanism.modify(number, Interest::BOTH).expect("it is watched");
        mechanism.remove(number).expect("it is watched");
        let (second, mut second_writer) = io::pipe().expect("a pipe");
        // SAFETY: the number is this test's, and its owner is told of nothing: it stays open.
        assert_eq!(unsafe { libc::dup2(second.as_raw_fd(), number) }, number);
        mechanism.add(number, 2, Interest::READ).expect("it is not watched any more");
        assert_eq!(ready_now(&mut *mechanism), [0; 0], "{}: nothing came", mechanism.name());
        second_writer.write_all(b"x").expect("there is room");
        assert_eq!(ready_now(&mut *mechanism), [2], "{}", mechanism.name());
    }
}

#[test]
fn a_duplicate_that_outlives_a_watch_is_not_heard_of() {
    for mut mechanism in mechanisms() {
        let (watched, _writer) = readable_pipe();
        let _duplicate = watched.try_clone().expect("there is room");
        mechanism.add(watched.as_raw_fd(), 1, Interest::READ).expect("a pipe can be watched");
        assert_eq!(ready_now(&mut *mechanism), [1], "{}", mechanism.name());
        mechanism.remove(watched.as_raw_fd()).expect("it is watched");
        drop(watched);
        assert!(select(&mut *mechanism, A_WHILE).is_empty(), "{}", mechanism.name());
    }
}

#[test]
fn a_duplicate_of_what_was_closed_too_early_makes_nothing_spin() {
    for mut mechanism in mechanisms() {
        let (closed, _closed_writer) = readable_pipe();
        let (other, mut other_writer) = io::pipe().expect("a pipe");
        let _duplicate = closed.try_clone().expect("there is room");
        mechanism.add(other.as_raw_fd(), 2, Interest::READ).expect("a pipe can be watched");
        mechanism.add(closed.as_raw_fd(), 1, Interest::READ).expect("a pipe can be watched");
        let number = closed.into_raw_fd();
        close(number);
        mechanism.remove(number).expect("it is watched");
        let start = Instant::now();
        assert!(select(&mut *mechanism, A_WHILE).is_empty(), "{}", mechanism.name());
        assert!(start.elapsed() >= A_WHILE, "{}", mechanism.name());
        other_writer.write_all(b"x").expect("there is room");
        assert_eq!(ready_now(&mut *mechanism), [2], "{}", mechanism.name());
    }
}

#[test]
fn five_thousand_watches_keep_their_keys_wherever_they_move() {
    const COUNT: u64 = 5_000;
    raise_limit();
    for mut mechanism in mechanisms() {
        let (idle, idle_writer) = io::pipe().expect("a pipe");
        let clone = |_| idle.try_clone().expect("there is room");
        let watched: Vec<PipeReader> = (0..COUNT).map(clone).collect();
        for (key, reader) in (0..).zip(&watched) {
            mechanism.add(reader.as_raw_fd(), key, Interest::READ).expect("a pipe can be watched");
        }
        assert_eq!(ready_now(&mut *mechanism), [0; 0], "{}", mechanism.name());
        let (ready, _ready_writer) = readable_pipe();
        mechanism.add(ready.as_raw_fd(), COUNT, Interest::READ).expect("a pipe can be watched");
        assert_eq!(ready_now(&mut *mechanism), [COUNT], "{}", mechanism.name());
        for reader in watched.iter().skip(1) {
            mechanism.modify(reader.as_raw_fd(), Interest::NONE).expect("it is watched");
        }
        mechanism.remove(watched[0].as_raw_fd()).expect("it is watched");
        drop(idle_writer);
        assert_eq!(ready_now(&mut *mechanism), [COUNT], "{}: who hung up is not asked for", mechanism.name());
        for reader in watched.iter().skip(1) {
            mechanism.modify(reader.as_raw_fd(), Interest::READ).expect("it is watched");
        }
        let mut told = std::collections::BTreeSet::new();
        // What does not fit one answer is found by the next ones, although nobody reads.
        for _ in 0..20 {
            told.extend(ready_now(&mut *mechanism));
        }
        assert!(told.iter().copied().eq(1..=COUNT), "{}: {} were told", mechanism.name(), told.len());
    }
}

#[test]
fn a_move_takes_wishes_and_keys_along() {
    let mut mechanism = Moving::new(polling, 3);
    let pipes: Vec<_> = (0..5).map(|_| readable_pipe()).collect();
    for (key, (reader, writer)) in (0..).zip(&pipes).take(3) {
        let (source, interest) =
            if key == 1 { (writer.as_raw_fd(), Interest::WRITE) } else { (reader.as_raw_fd(), Interest::READ) };
        mechanism.add(source, u64::MAX - key, interest).expect("a pipe can be watched");
    }
    mechanism.modify(pipes[2].0.as_raw_fd(), Interest::NONE).expect("it is watched");
    assert_eq!(mechanism.name(), "select");
    assert_eq!(ready_now(&mut mechanism), [u64::MAX - 1, u64::MAX]);
    mechanism.add(pipes[3].0.as_raw_fd(), 3, Interest::READ).expect("a pipe can be watched");
    assert_eq!(mechanism.name(), "polling");
    assert_eq!(ready_now(&mut mechanism), [3, u64::MAX - 1, u64::MAX]);
    mechanism.modify(pipes[2].0.as_raw_fd(), Interest::READ).expect("it is watched");
    assert_eq!(ready_now(&mut mechanism), [3, u64::MAX - 2, u64::MAX - 1, u64::MAX]);
    let again = mechanism.add(pipes[0].0.as_raw_fd(), 9, Interest::READ).expect_err("it is watched");
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn what_is_closed_before_a_move_is_told_after_it() {
    let mut mechanism = Moving::new(polling, 1);
    let ((closed, _closed_writer), (other, _other_writer)) = (readable_pipe(), readable_pipe());
    let number = closed.into_raw_fd();
    mechanism.add(number, 1, Interest::READ).expect("a pipe can be watched");
    close(number);
    mechanism.add(other.as_raw_fd(), 2, Interest::READ).expect("a pipe can be watched");
    let found = select(&mut mechanism, Duration::ZERO);
    assert_eq!(
        found.errors.iter().map(|(key, error)| (*key, error.raw_os_error())).collect::<Vec<_>>(),
        [(1, Some(libc::EBADF))]
    );
    assert_eq!(found.ready.iter().map(|ready| ready.key).collect::<Vec<_>>(), [2]);
    assert_eq!(ready_now(&mut mechanism), [2]);
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_signal: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn c3_an_interrupted_wait_goes_on_with_the_time_that_is_left() {
    let handler: extern "C" fn(libc::c_int) = count;
    // SAFETY: the handler only touches an atomic; pthread_self has no conditions.
    let waiting = unsafe {
        libc::signal(libc::SIGUSR1, handler as libc::sighandler_t);
        libc::pthread_self()
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = SetAtEnd(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // SAFETY: the scope keeps the thread alive.
                unsafe { libc::pthread_kill(waiting, libc::SIGUSR1) };
                thread::sleep(Duration::from_millis(5));
            }
        });
        let (idle, _writer) = io::pipe().expect("a pipe");
        for mut mechanism in mechanisms() {
            mechanism.add(idle.as_raw_fd(), 1, Interest::READ).expect("a pipe can be watched");
            let mut was_interrupted = || {
                let (start, before) = (Instant::now(), SIGNALS.load(Ordering::Relaxed));
                assert!(select(&mut *mechanism, A_WHILE).is_empty(), "{}", mechanism.name());
                assert!(start.elapsed() >= A_WHILE, "{}", mechanism.name());
                SIGNALS.load(Ordering::Relaxed) > before
            };
            // The other thread may get no processor for a while.
            assert!((0..200).any(|_| was_interrupted()));
        }
        let start = Instant::now();
        let idle = OwnedFd::from(idle).into();
        let is_ready = super::single::wait(&idle, Interest::READ, Some(A_WHILE)).expect("waiting works");
        assert!(!is_ready && start.elapsed() >= A_WHILE);
    });
}

/// Ends a thread also where a check fails before its end.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_wait_for_one_descriptor_sees_what_it_is_asked_for() {
    let (reader, writer) = io::pipe().expect("a pipe");
    let reader = OwnedFd::from(reader).into();
    let is_ready = |interest| super::single::wait(&reader, interest, Some(Duration::ZERO)).expect("waiting works");
    assert!(!is_ready(Interest::READ));
    drop(writer);
    assert!(is_ready(Interest::READ) && !is_ready(Interest::NONE), "a hang-up");
    let forever = super::single::wait(&reader, Interest::NONE, None).expect_err("it would never end");
    assert_eq!(forever.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_wrong_name_of_a_backend_says_which_ones_there_are() {
    assert_eq!(named("epoll".as_ref()).expect("it is one"), Backend::Epoll);
    let error = named("kqueue".as_ref()).expect_err("it is none");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("select, epoll or polling"), "{error}");
}
