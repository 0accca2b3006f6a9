//! Values that stay in their places: what is elsewhere knows them by the number of the place.

/// Places, which are used again when their values have been taken out.
pub struct Places<T> {
    values: Vec<Option<T>>,
    unused: Vec<usize>,
}

impl<T> Places<T> {
    pub fn new() -> Places<T> {
        Places { values: Vec::new(), unused: Vec::new() }
    }

    /// Puts a value into a place, and says which.
    pub fn insert(&mut self, value: T) -> usize {
        match self.unused.pop() {
            Some(place) => {
                self.values[place] = Some(value);
                place
            }
            None => {
                self.values.push(Some(value));
                self.values.len() - 1
            }
        }
    }

    /// Takes the value out of a place.
    pub fn remove(&mut self, place: usize) {
        if self.values.get_mut(place).and_then(Option::take).is_some() {
            self.unused.push(place);
        }
    }

    pub fn get(&self, place: usize) -> Option<&T> {
        self.values.get(place)?.as_ref()
    }

    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.values.get_mut(place)?.as_mut()
    }

    /// The number of places, with a value or without.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}
