//! `inputs`: the values for which a VS Code file asks its user.

use super::{fault::Fault, members::Members};

/// A value to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The id in `${input:id}`.
    pub id: String,
    /// The prompt.
    pub description: Option<String>,
    /// Whether the typed text is hidden.
    pub password: bool,
    /// The value if nothing is typed.
    pub default: Option<String>,
}

impl Input {
    /// An input that the file uses but does not describe; it may be a secret.
    pub(super) fn undeclared(id: &str) -> Self {
        Self { id: id.to_owned(), description: None, password: true, default: None }
    }
}

/// Reads them; other kinds, which the proxy cannot prompt for, must be given with `--input`.
pub(super) fn read(top: &Members<'_>) -> Result<Vec<Input>, Fault> {
    let Some(member) = top.get("inputs") else { return Ok(Vec::new()) };
    let super::document::Value::List(list) = &member.node.value else {
        return Err(top.wrong(&member.node, "inputs", "an array"));
    };
    let read = |(index, node)| {
        let input = Members::of(node, &format!("inputs[{index}]"), top.source)?;
        let text = |name| Ok::<_, Fault>(input.text(name)?.map(|text| text.value));
        let Some(id) = text("id")? else {
            return Err(top.source.fault(input.at, format!("inputs[{index}] has no id")));
        };
        let (description, default) = (text("description")?, text("default")?);
        let password = input.boolean("password")?.unwrap_or(false);
        Ok(Input { id, description, password, default })
    };
    list.iter().enumerate().map(read).collect()
}
