//! The flags of similar programs and their names here, for users who change over.

/// The flag of another program, in lower case without dashes; and its replacement here.
const OTHERS: &[(&str, &str)] = &[
    // mcp-remote
    ("allowhttp", "--allow-http of mcp-remote is not needed: http:// URLs are used as they are"),
    (
        "staticoauthclientinfo",
        "--static-oauth-client-info of mcp-remote is --clientId and --clientSecret here",
    ),
    (
        "staticoauthclientmetadata",
        "--static-oauth-client-metadata of mcp-remote is --scope and --clientId here",
    ),
    (
        "authtimeout",
        "--auth-timeout of mcp-remote is not needed: a sign-in is waited for five minutes",
    ),
    ("authorizeresource", "that is --resource here"),
    (
        "enableproxy",
        "--enable-proxy of mcp-remote is not needed: HTTPS_PROXY is used, and --proxy names another",
    ),
    ("silent", "that is --logLevel error here"),
    (
        "apikeyfile",
        "keys in a file are apiKeys in the file of --authTokens here, which is read again when it changes",
    ),
    // supergateway
    ("sse", "supergateway's --sse <url> is mcp-proxy <url> --transport sse here"),
    ("streamablehttp", "supergateway's --streamableHttp <url> is mcp-proxy <url> here"),
    (
        "outputtransport",
        "supergateway's --outputTransport is --server sse or --server stream here; without it both are served",
    ),
    ("ssepath", "that is --sseEndpoint here"),
    ("streamablehttppath", "that is --streamEndpoint here"),
    ("messagepath", "that is --messagesEndpoint here"),
    (
        "protocolversion",
        "supergateway's --protocolVersion is not needed: the revision is negotiated with the server",
    ),
    (
        "baseurl",
        "supergateway's --baseUrl is not needed: clients are told a path, and --messagesEndpoint or --trustProxy add a prefix",
    ),
    ("healthendpoint", "supergateway's --healthEndpoint is /ping, /livez and /readyz here"),
    ("oauth2bearer", "that is --bearerToken here"),
    (
        "stateful",
        "supergateway's --stateful, a server for each session, is --isolation session here",
    ),
    ("sessiontimeout", "that is --sessionIdleTimeout here"),
    (
        "cors",
        "supergateway's --cors is not needed: CORS is on, and --corsAddAllowedHeader adds to it",
    ),
    // PyPI mcp-proxy
    ("sseport", "that is --port here"),
    ("ssehost", "that is --host here"),
    ("headers", "PyPI mcp-proxy's --headers NAME VALUE is --header \"NAME: VALUE\" here"),
    (
        "passenvironment",
        "PyPI mcp-proxy's --pass-environment is the default here; --no-inheritEnv turns it off",
    ),
    ("alloworigin", "PyPI mcp-proxy's --allow-origin is not needed: CORS allows every origin"),
    ("verifyssl", "PyPI mcp-proxy's --verify-ssl <file> is --caCert <file> here"),
    ("noverifyssl", "that is --insecure here"),
    (
        "tokenurl",
        "PyPI mcp-proxy's --token-url is --grant client-credentials here, and --issuer where the server names none",
    ),
];

/// The replacement for a flag of another program.
pub(super) fn hint(word: &str) -> Option<&'static str> {
    let squashed: String =
        word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    OTHERS.iter().find(|(name, _)| *name == squashed).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::flags;

    #[test]
    fn flags_of_others_are_told_in_every_spelling() {
        for word in ["--oauth2Bearer", "--oauth2-bearer", "--oauth2bearer"] {
            assert_eq!(hint(word), Some("that is --bearerToken here"));
        }
        assert!(hint("--allow-http").unwrap().contains("mcp-remote"));
        assert_eq!(hint("--nonsense"), None);
    }

    #[test]
    fn what_is_named_is_a_flag_and_no_flag_is_called_one_of_others() {
        for (name, hint) in OTHERS {
            let known = |flag: &&str| flags::ALL.iter().any(|ours| ours.name() == *flag);
            let ours = flags::ALL.iter().map(|ours| ours.name().to_ascii_lowercase());
            assert!(!ours.into_iter().any(|ours| ours == *name), "{name}");
            let here = hint
                .split("--")
                .skip(1)
                .filter_map(|text| text.split([' ', ';', ':', ',', '"']).next());
            assert!(
                here.into_iter().any(|flag| known(&flag.trim_start_matches("no-")))
                    || hint.contains("not needed")
                    || hint.contains("not known")
                    || hint.contains("here"),
                "{hint}"
            );
        }
    }
}
