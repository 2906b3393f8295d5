//! The values of `${input:id}`: from `--input`, from the environment, or from the user at the
//! terminal.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use mcp_proxy_core::fleet::{Input, printable};

use crate::args::{UsageError, Values, flags};

/// Values by id.
pub(super) type Inputs = BTreeMap<String, String>;

/// The values of `--input`.
pub(super) fn given(values: &Values) -> Result<Inputs, UsageError> {
    let pair = |text: String| match text.split_once('=').filter(|(id, _)| !id.is_empty()) {
        Some((id, value)) => Ok((id.to_owned(), value.to_owned())),
        None => Err(UsageError::Input(text.split('=').next().unwrap_or_default().to_owned())),
    };
    values.of(&flags::INPUT)?.into_iter().map(pair).collect()
}

/// Adds the environment: the variable with the id as its name, or in the usual form of variables
/// (`github-token`, `GITHUB_TOKEN`).
pub(super) fn from_environment(
    asked: &[Input],
    environment: &BTreeMap<String, String>,
    inputs: &mut Inputs,
) {
    for Input { id, .. } in asked {
        let value = environment.get(id).or_else(|| environment.get(&variable(id)));
        if let Some(value) = value {
            inputs.entry(id.clone()).or_insert_with(|| value.clone());
        }
    }
}

fn variable(id: &str) -> String {
    let letter = |letter: char| {
        if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }
    };
    id.chars().map(letter).collect()
}

/// Asks for missing values if there is a terminal; otherwise uses the defaults.
pub(super) fn ask(asked: &[Input], may_ask: bool, inputs: &mut Inputs) -> Result<(), UsageError> {
    let may_ask = may_ask && io::stdin().is_terminal() && io::stderr().is_terminal();
    for input in asked {
        if inputs.contains_key(&input.id) {
            continue;
        }
        let typed = if may_ask { typed(input)? } else { String::new() };
        let value = Some(typed).filter(|typed| !typed.is_empty()).or_else(|| input.default.clone());
        if let Some(value) = value {
            inputs.insert(input.id.clone(), value);
        }
    }
    Ok(())
}

/// One line, without its end; passwords are not shown.
fn typed(input: &Input) -> Result<String, UsageError> {
    let what = input.description.as_deref().unwrap_or(&input.id);
    let default = input.default.as_deref().filter(|default| !default.is_empty());
    let default = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    let question = format!("{}{}: ", printable(what), printable(&default));
    let line = if input.password {
        rpassword::prompt_password(question)
    } else {
        let mut line = String::new();
        let output = io::stderr().lock().write_all(question.as_bytes());
        output.and_then(|()| io::stdin().lock().read_line(&mut line)).map(|_| line)
    };
    let refused = |error: io::Error| {
        UsageError::Config(format!("the terminal could not be asked for an input: {error}"))
    };
    Ok(line.map_err(refused)?.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(id: &str, default: Option<&str>) -> Input {
        Input {
            id: id.to_owned(),
            description: None,
            password: true,
            default: default.map(str::to_owned),
        }
    }

    #[test]
    fn what_is_given_counts_more_than_the_environment_and_that_more_than_defaults() {
        let environment = [("GITHUB_TOKEN", "upper"), ("exact", "exact"), ("given", "no")];
        let environment =
            environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let asked =
            ["given", "github-token", "exact", "none"].map(|id| input(id, None)).into_iter();
        let asked: Vec<Input> = asked.chain([input("default", Some("d"))]).collect();
        let mut inputs = Inputs::from([("given".to_owned(), "yes".to_owned())]);
        from_environment(&asked, &environment, &mut inputs);
        ask(&asked, false, &mut inputs).unwrap();
        let pairs: Vec<_> =
            inputs.iter().map(|(id, value)| (id.as_str(), value.as_str())).collect();
        let expected =
            [("default", "d"), ("exact", "exact"), ("github-token", "upper"), ("given", "yes")];
        assert_eq!(pairs, expected);
    }
}
