//! What a file of VS Code asks its user for: `inputs`.

use super::{fault::Fault, members::Members};

/// Something to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What `${input:id}` names.
    pub id: String,
    /// What the user is told.
    pub description: Option<String>,
    /// What is typed is not shown.
    pub password: bool,
    /// What it is if nothing is typed.
    pub default: Option<String>,
}

impl Input {
    /// One that the file refers to and does not describe; it may be a secret.
    pub(super) fn undeclared(id: &str) -> Self {
        Self { id: id.to_owned(), description: None, password: true, default: None }
    }
}

/// Reads them; kinds that the proxy cannot ask for are given with `--input`.
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
