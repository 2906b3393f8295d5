//! A server that is a command.

use super::launch::{KINDS, Launch, Refusal};
use crate::fleet::{
    document::{Node, Value},
    fault::{Fault, quoted},
    members::{Members, Text},
    setting::DraftSetting,
};

pub(super) fn launch(members: &Members<'_>) -> Result<Launch, Refusal> {
    expect_stdio(members)?;
    for name in ["env_vars", "source"] {
        let why = "a server inherits the environment of the proxy";
        members.ignore(name, if name == "source" { "it is for Zed" } else { why });
    }
    for (name, why) in [
        ("sandbox", "the proxy starts servers without a sandbox"),
        ("dev", "it is for developers of the server"),
        ("watchPaths", "the proxy does not watch the files of a server"),
    ] {
        members.ignore(name, why);
    }
    let node = members.get("command").map(|member| &member.node);
    if let Some(node @ Node { value: Value::Table(_), .. }) = node {
        return of_old_zed(members, node);
    }
    let words = words(members, members.text("command")?, members.texts("args")?)?;
    Ok(Launch { words, settings: settings(members)? })
}

/// Old versions of Zed keep program, arguments and variables in one object.
fn of_old_zed(members: &Members<'_>, node: &Node) -> Result<Launch, Refusal> {
    let command = Members::of(node, &members.path("command"), members.source)?;
    let program = command.text("path")?;
    let mut both = settings(&command)?;
    both.extend(settings(members)?);
    let words = words(members, program, command.texts("args")?)?;
    match command.unused().first() {
        Some(unused) => Err(unknown_part(members, node, &unused.path).into()),
        None => Ok(Launch { words, settings: both }),
    }
}

fn unknown_part(members: &Members<'_>, node: &Node, path: &str) -> Fault {
    let message = format!("{} is unknown; a command has path, args and env", quoted(path));
    members.source.fault(node.at, message)
}

/// Other types that clients have are not commands.
fn expect_stdio(members: &Members<'_>) -> Result<(), Fault> {
    for name in KINDS {
        if let Some(kind) = members.text(name)?
            && kind.value != "stdio"
        {
            let message = format!(
                "{} is {}, but the server has a command; remove one of them",
                quoted(name),
                quoted(&kind.value)
            );
            return Err(members.source.fault(kind.at, message));
        }
    }
    Ok(())
}

fn words(
    members: &Members<'_>,
    program: Option<Text>,
    args: Option<Vec<Text>>,
) -> Result<Vec<Text>, Refusal> {
    let program = program.filter(|program| !program.value.trim().is_empty()).ok_or_else(|| {
        let at = members.get("command").map_or(members.at, |member| member.node.at);
        let message = "the command is empty; it must name a program".to_owned();
        members.source.fault(at, message)
    })?;
    let mut words = vec![program];
    words.extend(args.unwrap_or_default());
    Ok(words)
}

fn settings(members: &Members<'_>) -> Result<Vec<DraftSetting>, Fault> {
    let mut settings = Vec::new();
    if let Some(folder) = members.text("cwd")? {
        settings.push(DraftSetting::one("cwd", folder));
    }
    if let Some(file) = members.text("envFile")? {
        settings.push(DraftSetting::one("envFile", file));
    }
    let variables = members.pairs("env")?;
    for (name, _) in &variables {
        if name.value.is_empty() || name.value.contains(['=', '\0']) {
            let message = format!("{} is not a valid name of a variable", quoted(&name.value));
            return Err(members.source.fault(name.at, message));
        }
    }
    settings.extend(DraftSetting::pairs("env", "=", variables));
    Ok(settings)
}
