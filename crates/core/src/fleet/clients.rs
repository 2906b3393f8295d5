//! Where clients keep their configuration: `--config cursor`, `--config gemini:FILE`.

use std::path::{Path, PathBuf};

use super::{dialect::Dialect, fault::suggestion};

/// Directories to which the places are relative.
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// The user's home.
    pub home: Option<PathBuf>,
    /// `%APPDATA%`, on Windows only.
    pub app_data: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`, if it is set.
    pub config_home: Option<PathBuf>,
    /// `$CODEX_HOME`, if it is set.
    pub codex_home: Option<PathBuf>,
}

/// The file that `--config` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its dialect, if the user gives one.
    pub dialect: Option<Dialect>,
    /// Whether it is the user's own file of that client, not a project's.
    pub of_user: bool,
}

/// The names of clients, as `--config` takes them.
pub const CLIENTS: [(&str, Dialect); 10] = [
    ("claude-code", Dialect::ClaudeCode),
    ("claude-desktop", Dialect::ClaudeDesktop),
    ("vscode", Dialect::VsCode),
    ("cursor", Dialect::Cursor),
    ("windsurf", Dialect::Windsurf),
    ("gemini", Dialect::Gemini),
    ("codex", Dialect::Codex),
    ("zed", Dialect::Zed),
    ("cline", Dialect::Cline),
    ("roo", Dialect::Roo),
];

/// The file that this value names: a client's own, a file in a client's dialect (`CLIENT:FILE`), or
/// any file.
///
/// # Errors
/// A sentence, if it is unknown where the client keeps its file.
pub fn place(words: &str, directories: &Directories) -> Result<Place, String> {
    let client = |name: &str| CLIENTS.iter().find(|(known, _)| *known == name);
    if let Some((name, dialect)) = client(words) {
        let file = file(*dialect, directories).ok_or_else(|| {
            format!(
                "it is not known where {name} keeps its servers on this system; use --config \
                     {name}:FILE"
            )
        })?;
        return Ok(Place { file, dialect: Some(*dialect), of_user: true });
    }
    if let Some((name, file)) = words.split_once(':')
        && let Some((_, dialect)) = client(name)
    {
        let file = PathBuf::from(file);
        return Ok(Place { file, dialect: Some(*dialect), of_user: false });
    }
    Ok(Place { file: PathBuf::from(words), dialect: None, of_user: false })
}

/// A suggestion of a client for a file that does not exist; empty if no name is similar.
pub fn near(words: &str) -> String {
    suggestion(words, CLIENTS.iter().map(|(name, _)| *name))
}

/// The folder that `${workspaceFolder}` stands for: the project to which a file belongs.
pub fn workspace_folder(place: &Place, home: Option<&Path>, working: &Path) -> PathBuf {
    const OF_PROJECTS: [&str; 7] =
        [".vscode", ".cursor", ".roo", ".kilocode", ".gemini", ".codex", ".zed"];
    let file = working.join(&place.file);
    let folder = file.parent().filter(|_| !place.of_user);
    let Some(folder) = folder else { return working.to_owned() };
    let named = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let project = if OF_PROJECTS.contains(&named) { folder.parent() } else { Some(folder) };
    let project = project.filter(|project| Some(*project) != home);
    project.unwrap_or(working).to_owned()
}

fn file(dialect: Dialect, directories: &Directories) -> Option<PathBuf> {
    let home = || directories.home.as_deref();
    let code = || Some(application_support(directories)?.join("Code/User"));
    Some(match dialect {
        Dialect::ClaudeCode => home()?.join(".claude.json"),
        Dialect::ClaudeDesktop => {
            application_support(directories)?.join("Claude/claude_desktop_config.json")
        }
        Dialect::VsCode => code()?.join("mcp.json"),
        Dialect::Cline => {
            code()?.join("globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json")
        }
        Dialect::Roo => {
            code()?.join("globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json")
        }
        Dialect::Cursor => home()?.join(".cursor/mcp.json"),
        Dialect::Windsurf => home()?.join(".codeium/windsurf/mcp_config.json"),
        Dialect::Gemini => home()?.join(".gemini/settings.json"),
        Dialect::Codex => {
            let own = directories.codex_home.clone();
            own.or_else(|| Some(home()?.join(".codex")))?.join("config.toml")
        }
        Dialect::Zed if cfg!(windows) => directories.app_data.as_ref()?.join("Zed/settings.json"),
        Dialect::Zed if cfg!(target_os = "macos") => home()?.join(".config/zed/settings.json"),
        Dialect::Zed => config_home(directories)?.join("zed/settings.json"),
        Dialect::Plain => return None,
    })
}

/// Where the system keeps applications' data of a user.
fn application_support(directories: &Directories) -> Option<PathBuf> {
    if cfg!(windows) {
        return directories.app_data.clone();
    }
    if cfg!(target_os = "macos") {
        return Some(directories.home.as_ref()?.join("Library/Application Support"));
    }
    config_home(directories)
}

fn config_home(directories: &Directories) -> Option<PathBuf> {
    let own = directories.config_home.clone();
    own.or_else(|| Some(directories.home.as_ref()?.join(".config")))
}
