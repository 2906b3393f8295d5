//! The name of a session as clients see it: its id and, if there are several replicas, its
//! encrypted owner.

use std::sync::Arc;

use http::HeaderValue;
use uuid::Uuid;

use crate::cluster::Names;

/// Characters of an id.
const ID: usize = 36;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    id: Uuid,
    text: HeaderValue,
}

impl Name {
    /// A new name.
    pub(crate) fn new(names: Option<&Arc<Names>>) -> Self {
        let id = Uuid::new_v4();
        let mut buffer = Uuid::encode_buffer();
        let unique = id.as_hyphenated().encode_lower(&mut buffer);
        let text = match names {
            Some(names) => HeaderValue::from_str(&names.give(unique)),
            None => HeaderValue::from_str(unique),
        };
        // Names contain only characters that are valid in a header.
        Self { id, text: text.unwrap_or_else(|_| HeaderValue::from_static("")) }
    }

    /// A name from another replica. `None` if it has no id.
    pub(crate) fn given(text: &str) -> Option<Self> {
        Some(Self { id: id_in(text)?, text: HeaderValue::from_str(text).ok()? })
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.text
    }

    /// Whether the part after the id is the same; it has only one spelling.
    pub(crate) fn has_owner_of(&self, text: &str) -> bool {
        owner(self.as_str()) == owner(text)
    }
}

/// The id in a name, in its only valid spelling.
pub(crate) fn id_in(name: &str) -> Option<Uuid> {
    let id = name.get(..ID)?;
    let parsed = Uuid::try_parse(id).ok()?;
    let spelled = parsed.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == id;
    spelled.then_some(parsed)
}

/// The id in a name, in any spelling.
pub(crate) fn lenient_id_in(name: &str) -> Option<Uuid> {
    let id = name.split_once('.').map_or(name, |(id, _)| id);
    Uuid::try_parse(id).ok()
}

fn owner(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, owner)| owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_replicas_is_its_id() {
        let name = Name::new(None);
        assert_eq!(name.as_str(), name.id().to_string());
        assert_eq!(id_in(name.as_str()), Some(name.id()));
        assert_eq!(id_in(&name.as_str().to_uppercase()), None);
        assert_eq!(lenient_id_in(&name.as_str().to_uppercase()), Some(name.id()));
        assert!(name.has_owner_of(&name.as_str().to_uppercase()));
        assert!(!name.has_owner_of(&format!("{}.x", name.as_str())));
        assert_eq!(id_in("ä".repeat(20).as_str()), None);
    }
}
