//! A server that is reached over HTTP: its URL, the way to it, and the credentials for it.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use mcp_proxy_core::config::{
    CallbackConfig, IdentityProvider, OAuthConfig, OAuthGrant, PresentedToken, RemoteConfig,
    ResourceParameter, UpstreamProtocol,
};

use super::{
    expand::expand,
    ping::ping,
    units::{limit, size},
};
use crate::args::{UsageError, Values, flags, is_scheme};

/// The configuration of the server at this URL.
pub(super) fn config(values: &Values, url: String) -> Result<RemoteConfig, UsageError> {
    let headers = headers(values)?;
    let bearer_token = bearer_token(values)?;
    let given = bearer_token.is_some()
        || headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    Ok(RemoteConfig {
        oauth: oauth(values, given)?,
        transport: values.of(&flags::TRANSPORT)?,
        headers,
        bearer_token,
        ca_certs: authorities(values)?,
        insecure: values.of(&flags::INSECURE)?,
        proxy: values.of(&flags::PROXY)?,
        protocol: protocol(values)?,
        connection_timeout: Duration::from_millis(values.of(&flags::CONNECTION_TIMEOUT)?),
        request_timeout: limit(values.of(&flags::REQUEST_TIMEOUT)?).map(Duration::from_millis),
        max_request_time: limit(values.of(&flags::MAX_REQUEST_TIME)?).map(Duration::from_millis),
        ping: ping(values)?,
        wait: Duration::from_millis(values.of(&flags::RESTART_WAIT)?),
        max_message_size: size(values.of(&flags::MAX_LINE_SIZE)?),
        ..RemoteConfig::new(url)
    })
}

/// The default for a remote server is its client's own era if the server supports it. The default
/// for commands would only exclude clients of the other era.
fn protocol(values: &Values) -> Result<UpstreamProtocol, UsageError> {
    let given = values.of(&flags::UPSTREAM_PROTOCOL)?;
    Ok(if values.has(&flags::UPSTREAM_PROTOCOL) { given } else { UpstreamProtocol::Auto })
}

/// Further trusted authorities: the configured ones, and those that Node's programs trust on this
/// machine.
fn authorities(values: &Values) -> Result<Vec<PathBuf>, UsageError> {
    let nodes = variable("NODE_EXTRA_CA_CERTS").filter(|file| file.exists());
    Ok(values.of(&flags::CA_CERT)?.into_iter().chain(nodes).collect())
}

/// How to get a token if none is given.
fn oauth(values: &Values, given: bool) -> Result<Option<OAuthConfig>, UsageError> {
    let directory = values.of(&flags::TOKEN_DIR)?;
    let config = OAuthConfig {
        key_file: directory.clone().unwrap_or_else(config_directory).join("token.key"),
        grant: values.of(&flags::GRANT)?,
        client_id: values.of(&flags::CLIENT_ID)?,
        client_secret: values.of(&flags::CLIENT_SECRET)?,
        client_key: client_key(values)?,
        assertion: values.of(&flags::ASSERTION)?,
        identity_provider: identity_provider(values)?,
        scope: values.of(&flags::SCOPE)?,
        issuer: values.of(&flags::ISSUER)?,
        resource: match values.of(&flags::RESOURCE)? {
            None => ResourceParameter::Described,
            Some(none) if none == "none" => ResourceParameter::Absent,
            Some(uri) => ResourceParameter::Uri(uri),
        },
        authorize_params: authorize_params(values)?,
        assume_pkce: values.of(&flags::ASSUME_PKCE)?,
        presented: if values.of(&flags::USE_ID_TOKEN)? {
            PresentedToken::Id
        } else {
            PresentedToken::Access
        },
        headless: values.of(&flags::HEADLESS)?,
        pasted: values.of(&flags::SIGN_IN)?,
        callback: CallbackConfig {
            host: values.of(&flags::CALLBACK_HOST)?,
            port: u16::try_from(values.of(&flags::CALLBACK_PORT)?).unwrap_or_default(),
            path: values.of(&flags::CALLBACK_PATH)?.unwrap_or(CallbackConfig::default().path),
        },
        store: values.of(&flags::TOKEN_STORE)?,
        directory: directory.unwrap_or_else(state_directory),
    };
    let itself = config.grant == OAuthGrant::ClientCredentials;
    let vouched = config.client_secret.is_some() || config.client_key.is_some();
    if itself && (config.client_id.is_none() || !vouched) {
        return Err(UsageError::ClientCredentials);
    }
    let vouched_for = config.grant == OAuthGrant::JwtBearer;
    if vouched_for && (config.client_id.is_none() || config.assertion.is_none()) {
        return Err(UsageError::JwtBearer);
    }
    Ok((values.of(&flags::OAUTH)? && !given).then_some(config))
}

fn authorize_params(values: &Values) -> Result<Vec<(String, String)>, UsageError> {
    let given = values.of(&flags::AUTHORIZE_PARAM)?;
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let read = |text: &String| pair(text).ok_or_else(|| UsageError::AuthorizeParam(name_of(text)));
    given.iter().map(read).collect()
}

fn identity_provider(values: &Values) -> Result<Option<IdentityProvider>, UsageError> {
    let place = values.of(&flags::IDP_TOKEN_ENDPOINT)?;
    let client = values.of(&flags::IDP_CLIENT_ID)?;
    match (place, client) {
        (None, None) => Ok(None),
        (Some(token_endpoint), Some(client_id)) => {
            Ok(Some(IdentityProvider { token_endpoint, client_id }))
        }
        _ => Err(UsageError::IdentityProvider),
    }
}

/// Where tokens are stored.
pub(super) fn token_directory(values: &Values) -> Result<PathBuf, UsageError> {
    Ok(values.of(&flags::TOKEN_DIR)?.unwrap_or_else(state_directory))
}

/// The system's directory for programs' state.
fn state_directory() -> PathBuf {
    let windows = variable("LOCALAPPDATA");
    directory(
        [windows, variable("XDG_STATE_HOME")],
        ["Library/Application Support", ".local/state"],
    )
}

/// The system's directory for settings, which users copy to other machines, unlike state.
fn config_directory() -> PathBuf {
    let windows = variable("APPDATA");
    directory([windows, variable("XDG_CONFIG_HOME")], ["Library/Preferences", ".config"])
}

/// On Windows, or elsewhere if a variable says so; else in the home directory.
fn directory(named: [Option<PathBuf>; 2], at_home: [&str; 2]) -> PathBuf {
    let [windows, other] = named;
    let [mac, elsewhere] = at_home;
    let home = || variable("HOME").unwrap_or_else(std::env::temp_dir);
    let base = if cfg!(windows) {
        windows
    } else if cfg!(target_os = "macos") {
        Some(home().join(mac))
    } else {
        other
    };
    base.unwrap_or_else(|| home().join(elsewhere)).join("mcp-proxy")
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Lines that are printed before a remote server is used.
pub(super) fn warnings(values: &Values, stdio: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if values.of(&flags::INSECURE).unwrap_or_default() {
        warnings.push(
            "--insecure: NO CERTIFICATE IS CHECKED. Whoever is between the proxy and the remote \
             server can read and change everything, credentials included; --caCert trusts an \
             authority of your own instead"
                .to_owned(),
        );
    }
    let of_http = [
        ("--apiKey", values.has(&flags::API_KEY)),
        ("--host", values.has(&flags::HOST)),
        ("--server", values.has(&flags::SERVER)),
        ("--sslCert", values.has(&flags::SSL_CERT)),
        ("--stateless", values.has(&flags::STATELESS)),
        ("--tunnel", values.has(&flags::TUNNEL)),
        ("--metricsPort", values.has(&flags::METRICS_PORT)),
    ];
    let unused: Vec<_> =
        of_http.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    if stdio && !unused.is_empty() {
        let flags = unused.join(", ");
        warnings.push(format!("no effect without --port, since stdio is served: {flags}"));
    }
    warnings
}

/// The headers of `--headerFile` and `--header`; if both set one, `--header` takes precedence.
fn headers(values: &Values) -> Result<Vec<(String, String)>, UsageError> {
    let mut headers = Vec::new();
    if let Some(path) = values.of(&flags::HEADER_FILE)? {
        let lines = read(&path, "--headerFile")?;
        for (index, line) in lines.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let header = header(line).ok_or_else(|| UsageError::SecretFile {
                flag: "--headerFile",
                path: path.display().to_string(),
                problem: format!("line {} is not \"Name: value\"", index + 1),
            })?;
            headers.push(filled("--headerFile", header)?);
        }
    }
    let given = values.of(&flags::HEADER)?;
    let given: Vec<_> = given
        .iter()
        .map(|text| header(text).ok_or_else(|| UsageError::Header(name_of(text))))
        .map(|header| filled("--header", header?))
        .collect::<Result<_, _>>()?;
    headers.retain(|(name, _)| !given.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    headers.extend(given);
    Ok(headers)
}

/// A header with the variables in its value expanded.
fn filled(
    flag: &'static str,
    (name, value): (String, String),
) -> Result<(String, String), UsageError> {
    Ok((name, expand(flag, &value, text_variable)?))
}

fn text_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What to say about headers that were put together from several words.
pub(super) fn rejoined(names: &[String]) -> impl Iterator<Item = String> + '_ {
    names.iter().map(|name| {
        format!(
            "the value of --header \"{name}:\" came as separate words, which were joined; \
             --bearerToken <token> needs no quotes"
        )
    })
}

/// Refuses `--header Authorization: Bearer` if only a part of the value is there.
pub(super) fn refuse_split_header(values: &Values, words: &[OsString]) -> Result<(), UsageError> {
    let given = values.of(&flags::HEADER)?;
    let Some((name, _)) = given.last().and_then(|text| header(text)).filter(|(_, v)| v.is_empty())
    else {
        return Ok(());
    };
    if words.iter().any(is_scheme) { Err(UsageError::SplitHeader { name }) } else { Ok(()) }
}

fn header(text: &str) -> Option<(String, String)> {
    // Quotes that were meant for a shell.
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let (name, value) = text.split_once(':')?;
    let name = name.trim();
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
    let named = !name.is_empty() && name.bytes().all(is_token);
    named.then(|| (name.to_owned(), value.trim().to_owned()))
}

/// The part of a refused header that may be shown: never its value.
fn name_of(text: &str) -> String {
    let name = text.split([':', ' ', '=']).next().unwrap_or_default();
    name.chars().take(40).collect()
}

fn bearer_token(values: &Values) -> Result<Option<String>, UsageError> {
    let given = values.of(&flags::BEARER_TOKEN)?;
    let Some(path) = values.of(&flags::BEARER_TOKEN_FILE)?.filter(|_| given.is_none()) else {
        return given.map(|token| expand("--bearerToken", &token, text_variable)).transpose();
    };
    let text = read(&path, "--bearerTokenFile")?;
    let token = text.trim();
    if token.is_empty() {
        return Err(UsageError::SecretFile {
            flag: "--bearerTokenFile",
            path: path.display().to_string(),
            problem: "it is empty".to_owned(),
        });
    }
    Ok(Some(token.to_owned()))
}

fn client_key(values: &Values) -> Result<Option<String>, UsageError> {
    let path = values.of(&flags::CLIENT_KEY)?;
    path.map(|path| read(&path, "--clientKey")).transpose()
}

pub(super) fn read(path: &Path, flag: &'static str) -> Result<String, UsageError> {
    fs::read_to_string(path).map_err(|error| UsageError::SecretFile {
        flag,
        path: path.display().to_string(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_token_and_a_value() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(header("X-Key:  a:b "), pair("X-Key", "a:b"));
        assert_eq!(header("X-Empty:"), pair("X-Empty", ""));
        for text in ["no colon", ": value", "two words: x", "Näme: x", "a\r\nb: c"] {
            assert_eq!(header(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_refused_header_does_not_show_its_value() {
        assert_eq!(name_of("Authorization=Bearer secret"), "Authorization");
        assert_eq!(name_of("Bearer secret"), "Bearer");
    }
}
