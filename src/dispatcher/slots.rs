//! Slots tagged with generations: a key outlives what it names without ever naming something else.

/// Names a slot in one of its lives. The selector carries it as a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    fn new(index: u32, generation: u32) -> Key {
        Key(u64::from(generation) << 32 | u64::from(index))
    }

    pub(crate) fn from_number(number: u64) -> Key {
        Key(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }

    fn index(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// A table whose keys stay apart although its places are used again.
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    unused: Vec<u32>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { slots: Vec::new(), unused: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let index = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 descriptors are open at once")
        });
        let slot = &mut self.slots[index as usize];
        let key = Key::new(index, slot.generation);
        slot.value = Some(value);
        self.len += 1;
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.index())?;
        if slot.generation == key.generation() { slot.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index())?;
        if slot.generation == key.generation() { slot.value.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index())?;
        if slot.generation != key.generation() {
            return None;
        }
        let value = slot.value.take()?;
        self.len -= 1;
        // A slot that has had all its lives is left alone: its keys would come again.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.unused.push(key.index() as u32);
        }
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use selectio_portable::test;

    use super::*;

    #[test]
    fn a_key_never_names_what_came_later() {
        let mut slots = Slots::default();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_ne!(first, second);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn a_slot_with_no_generation_left_is_not_used_again() {
        let mut slots = Slots::default();
        slots.insert(());
        slots.slots[0].generation = u32::MAX;
        let last = Key::new(0, u32::MAX);
        slots.remove(last).expect("it is there");
        let next = slots.insert(());
        assert_eq!((next.index(), slots.get(last)), (1, None));
    }

    #[test]
    fn a_key_survives_its_journey_as_a_number() {
        let key = Key::new(7, 9);
        assert_eq!(Key::from_number(key.number()), key);
    }
}
