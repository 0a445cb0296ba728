//! The policy's settings as a value: one that is not set is an empty text.

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{CelString, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};

use crate::allocation::PolicySettings;

/// The settings. They are read one by one, never listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings<'a>(pub(super) &'a PolicySettings);

impl Val for Settings<'_> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Container for Settings<'_> {
    fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(name.downcast_ref::<CelString>().is_some_and(|name| self.0.contains_key(name.inner())))
    }
}

impl Indexer for Settings<'_> {
    fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = name.downcast_ref::<CelString>();
        let name = name.ok_or_else(|| ExecutionError::no_such_overload("_[_]", Vec::new()))?;
        let setting = self.0.get(name.inner()).map_or("", String::as_str);
        Ok(CowVal::owned(CelString::from(setting)))
    }

    fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(name).map(CowVal::into_owned)
    }
}
