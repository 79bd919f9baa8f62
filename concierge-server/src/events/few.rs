//! A map for a few entries that there are many of: no larger than what is in it.

use std::borrow::Borrow;

/// Entries in the order of their keys. What is done to it takes as long as there are entries, so it is for tens of them; in return one
/// entry is one allocation of its size, where a node of a tree has room for eleven.
#[derive(Debug)]
pub(super) struct Few<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K: Ord, V> Few<K, V> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    pub(super) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// The value is there from now on, in place of any other.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    entry.1 = value;
                }
            }
            Err(place) => {
                self.entries.reserve_exact(1);
                self.entries.insert(place, (key, value));
            }
        }
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        let (_, value) = self.entries.remove(place);
        self.entries.shrink_to_fit();
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Where a key is, or belongs.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.entries.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::Few;

    proptest! {
        #[test]
        fn it_is_a_map(steps in vec((any::<bool>(), 0..8_u8, any::<u8>()), 0..40)) {
            let (mut few, mut model) = (Few::default(), BTreeMap::new());
            for (is_there, key, value) in steps {
                if is_there {
                    few.insert(key, value);
                    model.insert(key, value);
                } else {
                    prop_assert_eq!(few.remove(&key), model.remove(&key));
                }
                prop_assert!(few.iter().eq(model.iter()) && few.keys().eq(model.keys()));
                prop_assert!(few.iter_mut().eq(model.iter_mut()) && few.values().eq(model.values()));
                prop_assert!(few.values_mut().eq(model.values_mut()));
                prop_assert_eq!(few.get(&key), model.get(&key));
                prop_assert_eq!(few.get_mut(&key), model.get_mut(&key));
                prop_assert_eq!(few.contains_key(&key), model.contains_key(&key));
                prop_assert_eq!(few.len(), model.len());
                prop_assert_eq!(few.entries.capacity(), model.len());
            }
        }
    }
}
