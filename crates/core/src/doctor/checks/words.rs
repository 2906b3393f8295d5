//! Checks the words of a command and the values of its variables, without looking at the machine.

/// A placeholder that was not replaced by a value: `${API_KEY}`, `$API_KEY`, `%API_KEY%`,
/// `<your-api-key>`, `YOUR_API_KEY`.
pub(crate) fn placeholder(text: &str) -> Option<&str> {
    if let Some((_, rest)) = text.split_once("${")
        && let Some((name, _)) = rest.split_once('}')
        && is_name(name.trim_start_matches("env:"))
    {
        return Some(name);
    }
    let inside = |start, end| text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    if let Some(name) = text.strip_prefix('$').filter(|name| is_name(name)) {
        return Some(name);
    }
    if let Some(name) = inside('%', '%').filter(|name| is_name(name)) {
        return Some(name);
    }
    let lower = text.to_lowercase().replace('_', "-");
    let lower = lower.trim_matches(|letter| matches!(letter, '<' | '>'));
    let is_bracketed = inside('<', '>').is_some();
    let asks = lower.starts_with("your-")
        && ["key", "token", "secret", "here", "password"].iter().any(|word| lower.ends_with(word));
    (asks || (is_bracketed && lower.contains("your"))).then_some(text)
}

/// Names of variables that servers are given are upper case.
fn is_name(word: &str) -> bool {
    let usual =
        |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    word.len() > 1 && word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(usual)
}

/// The script that an interpreter is to run, if the program is an interpreter.
pub(crate) fn script<'a>(program: &str, args: &'a [String]) -> Option<&'a str> {
    let endings: &[&str] = match stem(program).as_str() {
        "node" | "bun" | "deno" | "tsx" | "ts-node" => &[".js", ".mjs", ".cjs", ".ts", ".mts"],
        name if name.starts_with("python") || matches!(name, "py" | "pypy3") => &[".py"],
        "java" => &[".jar"],
        "ruby" => &[".rb"],
        "php" => &[".php"],
        "bash" | "sh" => &[".sh"],
        _ => return None,
    };
    for word in args {
        match word.as_str() {
            // Another program, or a module, follows.
            "-m" | "-c" | "-e" | "--eval" | "x" | "task" => return None,
            word if endings.iter().any(|ending| word.ends_with(ending)) => {
                let is_path =
                    !word.starts_with('-') && !word.contains("://") && !word.contains(':');
                return (is_path || word.contains(":\\")).then_some(word);
            }
            _ => {}
        }
    }
    None
}

/// What is wrong with a command that starts a container.
pub(crate) fn container(program: &str, args: &[String]) -> Option<&'static str> {
    if !matches!(stem(program).as_str(), "docker" | "podman" | "nerdctl") {
        return None;
    }
    let mut words = args.iter().map(String::as_str).skip_while(|word| *word != "run");
    words.next()?;
    let words: Vec<&str> = words.collect();
    let short = |word: &str, letter: char| {
        let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        letters.is_some_and(|letters| {
            letters.len() <= 4
                && letters.contains(letter)
                && letters.chars().all(|letter| "itdqP".contains(letter))
        })
    };
    let has = |letter, long: &str| {
        words
            .iter()
            .any(|word| short(word, letter) || *word == long || *word == format!("{long}=true"))
    };
    if has('d', "--detach") {
        return Some("it runs in the background (-d)");
    }
    if !has('i', "--interactive") {
        return Some("-i is missing, so its standard input is closed");
    }
    has('t', "--tty")
        .then_some("it has a terminal (-t), which echoes messages and ends lines otherwise")
}

/// The name of a program without its folder and extension.
fn stem(program: &str) -> String {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_lowercase();
    let ended = [".exe", ".cmd", ".bat"].iter().find_map(|ending| name.strip_suffix(ending));
    ended.map_or_else(|| name.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn names_in_place_of_values_are_found() {
        for text in [
            "${API_KEY}",
            "Bearer ${env:TOKEN}",
            "$API_KEY",
            "%API_KEY%",
            "<your-api-key>",
            "YOUR_API_KEY",
            "your_token_here",
        ] {
            assert!(placeholder(text).is_some(), "{text}");
        }
        for text in
            ["", "$", "$5", "costs $100", "${x}", "100%", "<a>", "key", "yours", "/your-key/x"]
        {
            assert!(placeholder(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_script_of_an_interpreter_is_known() {
        for (program, line, script_of) in [
            ("node", "--enable-source-maps dist/index.js --x", Some("dist/index.js")),
            ("/usr/bin/python3.12", "-u server.py", Some("server.py")),
            ("C:\\node.exe", "C:\\s\\index.js", Some("C:\\s\\index.js")),
            ("python", "-m server", None),
            ("node", "-e x.js", None),
            ("npx", "-y thing.js", None),
            ("deno", "run https://x/y.ts", None),
        ] {
            let args = words(line);
            assert_eq!(script(program, &args), script_of, "{program} {line}");
        }
    }

    #[test]
    fn containers_need_their_input() {
        for (line, wrong) in [
            ("run -i --rm image", false),
            ("run --rm --interactive image stdio", false),
            ("run --rm image", true),
            ("run -d image", true),
            ("run -it image", true),
            ("run -id image", true),
            ("run -i --rm -e KEY -v a:b image", false),
            ("ps", false),
        ] {
            assert_eq!(container("docker", &words(line)).is_some(), wrong, "{line}");
        }
        assert_eq!(container("node", &words("run -d x")), None);
    }
}
