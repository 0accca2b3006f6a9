//! How much of an array is looked at, and what becomes of a wrong note. What guests see of it is in `tests/conformance`.

use super::subscription::Record;
use super::{WaitSet, Waits};
use crate::clock::MonotonicClock;
use crate::counters::Counters;
use crate::descriptors::{Descriptor, Descriptors};
use crate::errno::Errno;
use crate::given::Given;
use crate::socket::{Role, Socket};
use crate::stdio::Stdio;
use crate::waiting::Cancellation;
use selectio_platform::change_note::{ChangeNote, END, link};
use selectio_platform::for_hosts::{Writer, pair};
use std::io::Write;

const ADDRESS: u32 = 65_536;
const COUNT: usize = 20_000;
/// The first number of a socket.
const FIRST: u32 = 3;

fn read(fd: u32, userdata: u64) -> Record {
    let mut record = [0; 48];
    record[..8].copy_from_slice(&userdata.to_le_bytes());
    record[8] = 1;
    record[16..20].copy_from_slice(&fd.to_le_bytes());
    record
}

/// A clock that has rung when the wait begins.
fn clock() -> Record {
    [0; 48]
}

fn cancellation() -> Cancellation {
    Cancellation::new(None, None)
}

fn table(sockets: Vec<Socket>) -> Descriptors {
    let mut table = Descriptors::new(8, None);
    table.insert_preopens(Stdio::all(&Given::default()), sockets, 0);
    table
}

/// A guest with two connections, and a long array in which the clock is first.
struct Scene {
    waits: Waits,
    descriptors: Descriptors,
    peers: [Writer; 2],
    array: Vec<Record>,
    wait: u64,
}

impl Scene {
    /// All subscriptions are for the first connection, and the array was waited for once.
    fn new() -> Scene {
        let pairs = [(); 2].map(|()| pair().unwrap());
        let [(first, first_peer), (second, second_peer)] = pairs;
        let sockets = [first, second].map(|near| Socket::new(near, Role::Stream, true, None));
        let mut array = vec![clock()];
        array.extend((1..COUNT as u64).map(|userdata| read(FIRST, userdata)));
        let mut scene = Scene {
            waits: Waits::new(&cancellation(), None).unwrap(),
            descriptors: table(sockets.into()),
            peers: [first_peer, second_peer],
            array,
            wait: 0,
        };
        scene.note(&[]);
        scene.poll(ADDRESS);
        scene
    }

    /// Notes that these entries have changed.
    fn note(&mut self, positions: &[u32]) {
        self.wait = ChangeNote::wait_after(self.wait);
        self.note_as(self.wait, positions);
    }

    fn note_as(&mut self, wait: u64, positions: &[u32]) {
        let mut first = END;
        for &position in positions {
            link(&mut self.array[position as usize], wait, first);
            first = position;
        }
        let count = self.array.len() as u32;
        ChangeNote { wait, is_endless: false, first }.write(&mut self.array[0], ADDRESS, count);
    }

    /// A wait that ends at once. Answers how many records were looked at, and the userdata of the events.
    fn poll(&mut self, address: u32) -> (usize, Vec<u64>) {
        let before = self.waits.noted.as_ref().map_or(0, |noted| noted.compared);
        self.waits.follow(&self.array, address, &self.descriptors, &cancellation()).unwrap();
        let set = self.waits.followed();
        assert!(set.wait(&MonotonicClock::start(), &self.descriptors, &cancellation(), &Counters::default()).is_ok());
        let userdata = |event: [u8; 32]| u64::from_le_bytes(event[..8].try_into().unwrap());
        let events = set.events().map(userdata).filter(|&userdata| userdata != 0).collect();
        (self.waits.noted.as_ref().map_or(0, |noted| noted.compared) - before, events)
    }
}

#[test]
fn of_a_noted_array_only_what_has_changed_is_looked_at() {
    let mut scene = Scene::new();
    scene.note(&[]);
    assert_eq!(scene.poll(ADDRESS), (1, vec![]));
    scene.peers[1].write_all(b"x").unwrap();
    for position in (1..COUNT).step_by(997) {
        scene.array[position] = read(FIRST + 1, position as u64);
        scene.note(&[position as u32]);
        assert_eq!(scene.poll(ADDRESS), (2, vec![position as u64]));
        scene.array[position] = read(FIRST, position as u64);
        scene.note(&[position as u32]);
        assert_eq!(scene.poll(ADDRESS), (2, vec![]));
    }
}

#[test]
fn a_noted_array_that_grows_or_shrinks_costs_the_difference() {
    let mut scene = Scene::new();
    scene.peers[1].write_all(b"x").unwrap();
    scene.array.extend([read(FIRST, 1), read(FIRST + 1, 2), read(FIRST, 3)]);
    scene.note(&[]);
    assert_eq!(scene.poll(ADDRESS), (4, vec![2]));
    // The last one takes the place of one that is removed.
    scene.array.truncate(COUNT + 2);
    scene.array.swap_remove(7);
    scene.note(&[7]);
    assert_eq!(scene.poll(ADDRESS), (2, vec![2]));
}

#[test]
fn of_a_noted_array_that_grows_and_shrinks_only_its_end_is_looked_at() {
    let mut scene = Scene::new();
    scene.note(&[]);
    scene.poll(ADDRESS);
    for _ in 0..3 {
        scene.array.push(read(FIRST + 1, 7));
        // Naming what is new is not needed, and no fault.
        scene.note(&[COUNT as u32, 1]);
        assert_eq!(scene.poll(ADDRESS), (3, vec![]));
        scene.array.pop();
        scene.note(&[]);
        assert_eq!(scene.poll(ADDRESS), (1, vec![]));
    }
}

#[test]
fn a_short_wait_in_between_leaves_the_long_array_as_it_was() {
    let mut scene = Scene::new();
    let pause = [clock(), read(FIRST, 9)];
    scene.waits.follow(&pause, ADDRESS, &scene.descriptors, &cancellation()).unwrap();
    scene.note(&[]);
    assert_eq!(scene.poll(ADDRESS).0, 1);
}

/// The change that the note keeps secret is found all the same.
fn is_found(scene: &mut Scene, address: u32) {
    scene.peers[1].write_all(b"x").unwrap();
    let (compared, events) = scene.poll(address);
    assert!(compared >= COUNT, "{compared} were compared");
    assert_eq!(events, [11]);
}

fn with_a_secret() -> Scene {
    let mut scene = Scene::new();
    scene.array[11] = read(FIRST + 1, 11);
    scene
}

#[test]
fn a_note_with_the_number_of_the_last_wait_counts_for_nothing() {
    let mut scene = with_a_secret();
    scene.note_as(scene.wait, &[]);
    is_found(&mut scene, ADDRESS);
}

#[test]
fn a_note_that_leaves_a_wait_out_counts_for_nothing() {
    let mut scene = with_a_secret();
    scene.note_as(scene.wait + 2, &[]);
    is_found(&mut scene, ADDRESS);
}

#[test]
fn a_note_for_another_place_or_length_is_none() {
    for extra in [0, 1] {
        let mut scene = with_a_secret();
        scene.note(&[]);
        scene.array.extend(vec![read(FIRST, 5); extra]);
        let address = if extra == 0 { ADDRESS + 48 } else { ADDRESS };
        scene.peers[1].write_all(b"x").unwrap();
        // It is an array without a note, which the other set has never seen.
        let (compared, events) = scene.poll(address);
        assert_eq!((compared, events), (0, vec![11]));
    }
}

#[test]
fn a_list_that_does_not_end_or_names_what_is_not_there_counts_for_nothing() {
    let wrong: [fn(&mut Scene, u64); 3] = [
        // Two that name each other.
        |scene, wait| {
            scene.note_as(wait, &[5, 6]);
            link(&mut scene.array[5], wait, 6);
        },
        // Beyond the end.
        |scene, wait| {
            scene.note_as(wait, &[5]);
            link(&mut scene.array[5], wait, COUNT as u32);
        },
        // One that is not marked.
        |scene, wait| {
            scene.note_as(wait, &[5]);
            link(&mut scene.array[5], wait, 6);
        },
    ];
    for make_wrong in wrong {
        let mut scene = with_a_secret();
        let wait = ChangeNote::wait_after(scene.wait);
        make_wrong(&mut scene, wait);
        is_found(&mut scene, ADDRESS);
    }
}

#[test]
fn a_number_that_is_closed_and_opened_again_between_two_waits_is_the_new_socket() {
    let mut scene = Scene::new();
    let (near, mut far) = pair().unwrap();
    let closed = scene.descriptors.remove(FIRST).unwrap();
    scene.waits.forget(FIRST, &closed);
    drop(closed);
    assert_eq!(scene.descriptors.insert(Descriptor::Socket(Socket::new(near, Role::Stream, true, None))), FIRST);
    scene.waits.note_opened(FIRST);
    scene.note(&[]);
    assert_eq!(scene.poll(ADDRESS), (1, vec![]));
    far.write_all(b"x").unwrap();
    scene.note(&[]);
    let (compared, events) = scene.poll(ADDRESS);
    assert_eq!((compared, events.len()), (1, COUNT - 1));
}

#[test]
fn what_is_closed_fails_each_of_its_subscriptions_and_is_compared_with_nothing() {
    let mut scene = Scene::new();
    let closed = scene.descriptors.remove(FIRST).unwrap();
    scene.waits.forget(FIRST, &closed);
    drop(closed);
    scene.note(&[]);
    let (compared, events) = scene.poll(ADDRESS);
    assert_eq!((compared, events.len()), (1, COUNT - 1));
}

#[test]
fn an_invalid_subscription_fails_waits_until_it_is_gone() {
    let (mut set, table) = (WaitSet::new(&cancellation(), None).unwrap(), table(Vec::new()));
    let mut array = vec![clock(), read(0, 1)];
    array[1][8] = 9;
    for _ in 0..2 {
        assert_eq!(set.follow(&array, ADDRESS, None, &table), Err(Errno::INVAL));
    }
    array[1][8] = 1;
    assert_eq!(set.follow(&array, ADDRESS, None, &table), Ok(()));
}
