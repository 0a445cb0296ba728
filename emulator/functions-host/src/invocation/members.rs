//! Members of a JSON object in their order.

use serde::{Serialize, Serializer};

/// Names and values, written as an object.
#[derive(Debug)]
pub(crate) struct Members<N, V>(pub(crate) Vec<(N, V)>);

// === impl Serialize, FromIterator ===

impl<N: Serialize, V: Serialize> Serialize for Members<N, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<N, V> FromIterator<(N, V)> for Members<N, V> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}
