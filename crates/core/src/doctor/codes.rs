//! Everything that can be found; each finding has a number that never changes its meaning.
//!
//! The first two digits are the stage: 01 resolve, 02 start, 03 standard output, 04 handshake,
//! 05 lists, 06 calls, 07 end, 08 URL, 09 file.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// Some clients have trouble with it.
    Warning,
    /// Clients cannot use the server, or a part of it.
    Error,
}

impl Severity {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its number.
    pub number: u16,
    /// How bad it is.
    pub severity: Severity,
    /// A short description, without a full stop.
    pub title: &'static str,
    /// What to do about it, on one line.
    pub remedy: &'static str,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MCPX{:04}", self.number)
    }
}

/// Declares each code as a constant and lists all of them.
macro_rules! codes {
    ($($name:ident = $number:literal $severity:ident $title:literal => $remedy:literal;)*) => {
        $(
            pub(super) const $name: Code = Code {
                number: $number,
                severity: Severity::$severity,
                title: $title,
                remedy: $remedy,
            };
        )*

        /// Every code there is, in the order of their numbers.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    COMMAND_NOT_FOUND = 101 Error "The command is not found" =>
        "Install it, or write its full path: `command -v NAME` (`where NAME` on Windows) prints it.";
    NOT_EXECUTABLE = 102 Error "The command is not executable" =>
        "Make it executable (chmod +x FILE), or name the program that runs it: node FILE, python FILE.";
    NO_DIRECTORY = 103 Error "The working directory does not exist" =>
        "Create the directory, or correct --cwd (`cwd` in a file).";
    ONE_WORD = 104 Error "The whole command line is one word" =>
        "Write the program and its arguments as separate words (`command` and `args` in a file), or add --shell.";
    NO_SCRIPT = 105 Error "The script does not exist" =>
        "Correct the path; a relative one is looked up from the working directory of the server, so write it in full.";
    NO_INTERPRETER = 106 Error "The program in the first line of the script does not exist" =>
        "Install what the script's #! line names, or name another program in the command.";
    WRONG_FORMAT = 107 Error "The file is not a program for this system" =>
        "Install the build for this system and processor, or give the script a #! line.";
    PLACEHOLDER = 108 Warning "A variable was not filled in" =>
        "Set the variable; nothing but a shell (--shell) fills in $NAME in the words of a command.";
    CONTAINER_DETACHED = 109 Error "The container is started without its standard input" =>
        "Start it with `docker run -i --rm`: -i keeps standard input open; -d and -t must not be there.";
    SHIM = 110 Note "The command is a version manager's shim" =>
        "Programs started from a desktop have another PATH: give them the full path of the real program.";
    RELATIVE = 111 Note "The command is found relative to the working directory" =>
        "Write its full path: clients start servers from directories of their own.";

    SPAWN_FAILED = 201 Error "The command cannot be started" =>
        "Start the same command in a terminal; the system's reason is in the text of the finding.";
    EXITED_EARLY = 202 Error "The server exits before it answers" =>
        "Read its last words above, and start the same command in a terminal.";
    SHELL_NOT_FOUND = 203 Error "The shell does not find the command" =>
        "Install the command, or write its full path; the shell has the PATH of the proxy, not of your terminal.";
    MODULE_MISSING = 204 Error "The server lacks a module or file" =>
        "Install its dependencies (npm install, pip install), or correct the path of the script.";
    PORT_IN_USE = 205 Error "The server wants a port that is in use" =>
        "It seems to serve HTTP: give its URL in place of the command, or find its switch for stdio.";
    SERVES_HTTP = 206 Error "The server serves HTTP, not standard input and output" =>
        "Give its URL in place of the command, or find its switch for stdio (often --stdio or --transport stdio).";
    PACKAGE_MISSING = 207 Error "The package does not exist or cannot be downloaded" =>
        "Check the spelling and the version of the package, and that its registry can be reached.";
    VARIABLE_MISSING = 208 Error "The server lacks an environment variable" =>
        "Set it with --env NAME=value or --envFile (`env` in a file).";
    NO_RUNTIME = 209 Error "The server needs another version of its runtime" =>
        "Install the version that it names, or use that one's full path in the command.";
    SILENT = 210 Error "The server writes nothing" =>
        "Check that it speaks MCP over stdio and does not wait for something else; \
         --connectionTimeout gives it more time.";
    BUFFERED = 211 Error "The server buffers its output" =>
        "Flush after every message: python -u or PYTHONUNBUFFERED=1, stdout.flush(), stdbuf -oL.";
    SLOW_START = 212 Warning "The server takes long to start" =>
        "Install the package instead of downloading it at each start; some clients give up after 10 to 30 seconds.";

    NOISE = 301 Warning "The server writes something other than messages to standard output" =>
        "Write banners and logs to standard error (console.error, print(..., file=sys.stderr)).";
    CARRIAGE_RETURNS = 302 Note "Lines end with a carriage return" =>
        "Open standard output without translation of line ends; a message ends with \\n alone.";
    BYTE_ORDER_MARK = 303 Warning "Standard output begins with a byte order mark" =>
        "Write UTF-8 without a byte order mark.";
    CONTENT_LENGTH = 304 Error "Messages are framed with Content-Length" =>
        "MCP is not LSP: write each message on one line that ends with \\n, without headers.";
    PRETTY = 305 Error "A message is spread over several lines" =>
        "Write JSON without line breaks: one message, one line.";
    NOT_UTF8 = 306 Error "Standard output is not UTF-8" =>
        "Write UTF-8 (PYTHONIOENCODING=utf-8; UTF-16 is what PowerShell writes).";
    NO_LINE_END = 307 Error "A message has no line end" =>
        "End every message with \\n and flush it.";
    NOT_JSON_RPC = 308 Warning "A message is not quite JSON-RPC 2.0" =>
        "Every message needs \"jsonrpc\":\"2.0\", and an answer the id of its request and a result or an error.";
    LONG_LINE = 309 Error "A message is too long" =>
        "Return less, or page by page; --maxLineSize sets the limit of the proxy.";
    OTHER_ID = 310 Warning "An answer spells the id of its request differently" =>
        "Copy the id as it is: 1 is not \"1\".";
    ESCAPES = 311 Warning "Standard output has terminal escapes" =>
        "Turn colours off where standard output is not a terminal (NO_COLOR=1).";

    NO_ANSWER = 401 Error "The server does not answer the handshake" =>
        "Check that it reads standard input line by line and speaks MCP; --connectionTimeout \
         gives it more time.";
    REFUSED = 402 Error "The server refuses the handshake" =>
        "The finding quotes its error; perhaps an old SDK must be updated.";
    BAD_INTRODUCTION = 403 Error "The answer to the handshake is incomplete" =>
        "The result of initialize needs protocolVersion, capabilities and serverInfo with name and version.";
    UNKNOWN_REVISION = 404 Error "The server speaks an unknown protocol revision" =>
        "Answer initialize with a published revision, such as 2025-11-25.";
    ONLY_MODERN = 405 Error "The server speaks revision 2026-07-28 only" =>
        "Start the proxy with --upstreamProtocol auto or modern.";
    ONLY_LEGACY = 406 Error "The server does not speak revision 2026-07-28" =>
        "Start the proxy with --upstreamProtocol auto or legacy.";
    TOUCHY = 407 Note "The server ends when it is asked for revision 2026-07-28" =>
        "Use --upstreamProtocol legacy; with auto the server is started twice.";
    IGNORES_UNKNOWN = 408 Note "The server does not answer unknown methods" =>
        "Answer with error -32601; clients that probe for 2026-07-28 wait for it (--upstreamProtocol legacy does not probe).";
    EARLY_MESSAGES = 409 Warning "The server sends messages before the handshake" =>
        "Send nothing but pings and log messages before notifications/initialized.";
    UNASKED = 410 Warning "The server requests something that the client does not support" =>
        "Check the client's capabilities before you ask it with roots/list, sampling or \
         elicitation.";
    OLD_REVISION = 411 Note "The server speaks an old protocol revision" =>
        "Update its SDK; 2024-11-05 has no structured results, titles or elicitation.";

    LIST_FAILED = 501 Error "A list that is declared fails" =>
        "Fix the list, or do not declare its capability.";
    LIST_SILENT = 502 Error "A list that is declared is not answered" =>
        "Answer lists from what is known already; do not wait for the network in them.";
    NAME_REFUSED = 503 Warning "A name has characters that clients refuse" =>
        "Use letters, digits, _ and - only.";
    NAME_LONG = 504 Warning "A name is longer than 64 characters" =>
        "Shorten it; clients add a prefix of their own and stop at 64.";
    NAME_TWICE = 505 Error "Two entries have the same name" =>
        "Give every tool and prompt a name of its own.";
    NAME_MISSING = 506 Error "An entry has no name" =>
        "Give every tool, prompt and resource a name, and resources a URI.";
    NO_DESCRIPTION = 507 Warning "A tool has no description" =>
        "Say in a sentence what it does: models choose tools by it.";
    LONG_DESCRIPTION = 508 Warning "A description is very long" =>
        "Shorten it: every conversation pays for it, and clients cut it off.";
    NO_SCHEMA = 509 Error "A tool has no input schema" =>
        "Give it {\"type\":\"object\"} at least.";
    BAD_SCHEMA = 510 Error "A schema is not valid JSON Schema" =>
        "Correct it where the finding says.";
    SCHEMA_AT_TOP = 511 Warning "An input schema has anyOf, oneOf or allOf at its top" =>
        "Write one object with optional properties; several model providers refuse the tool otherwise.";
    ARRAY_WITHOUT_ITEMS = 512 Warning "An array in a schema has no items" =>
        "Say what its items are (\"items\":{}); OpenAI and Gemini refuse the tool otherwise.";
    REMOTE_REFERENCE = 513 Warning "A schema refers to another document" =>
        "Copy what it refers to into $defs; clients do not download schemas.";
    NOT_AN_OBJECT = 514 Error "The schema of a tool does not describe an object" =>
        "Its type must be \"object\", for arguments and for structured results.";
    TOO_MANY_TOOLS = 515 Warning "The server has more tools than clients accept" =>
        "Offer fewer; VS Code and OpenAI stop at 128, Cursor warns from 40.";
    ENDLESS_PAGES = 516 Error "A list returns to an earlier page" =>
        "End the last page without nextCursor.";
    BAD_URI = 517 Error "The URI of a resource is malformed" =>
        "Give it a scheme: file:///…, or one of your own.";
    PROPERTY_REFUSED = 518 Warning "The name of a parameter has characters that clients refuse" =>
        "Use letters, digits, _, . and - only, at most 64 of them.";
    HIDDEN_TEXT = 519 Warning "A text has invisible characters" =>
        "Remove control characters, zero-width characters and marks that turn text around.";
    NOTHING = 520 Warning "The server offers nothing" =>
        "It has no tools, prompts or resources: check its settings and credentials.";
    UNDECLARED = 521 Warning "The server has tools but does not declare them" =>
        "Declare \"tools\":{} in its capabilities; clients do not ask otherwise.";
    LONG_LIST = 522 Warning "The list of tools is very large" =>
        "Shorten descriptions and schemas: more than 200 KB fill the context of many models.";

    PING_FAILED = 601 Warning "The server does not answer ping" =>
        "Answer ping with {}; clients end servers that do not.";
    READ_FAILED = 602 Warning "A resource that is listed cannot be read" =>
        "List only what can be read.";
    UNKNOWN_KILLS = 603 Error "An unknown method ends the server" =>
        "Answer with error -32601.";
    SLOW_ANSWERS = 604 Warning "The server takes long to answer a list or a ping" =>
        "Do slow work once, at the start or in the background.";

    STAYS = 701 Warning "The server does not exit at the end of its input" =>
        "Exit when standard input ends; otherwise every client leaves a process behind.";
    LEAVES_PROCESSES = 702 Warning "The server leaves processes behind" =>
        "Let the server end what it has started before it exits, or replace itself by it (exec).";
    BAD_EXIT = 703 Note "The server exits with an error at the end of its input" =>
        "Exit with 0 when standard input ends.";
    CRASHED = 704 Warning "The server crashes at the end of its input" =>
        "It ended by a signal that it caused itself, such as a segmentation fault: look at its \
         standard error.";

    BAD_URL = 801 Error "The URL is malformed" =>
        "Write it with its scheme: https://example.com/mcp.";
    NO_HOST = 802 Error "The host is not known" =>
        "Check the spelling of the host, and the DNS of this machine (a VPN may be needed).";
    NO_CONNECTION = 803 Error "The host does not accept connections" =>
        "Check the port, that the server runs, and that no firewall is in between (in a container, localhost is the container).";
    UNTRUSTED = 804 Error "The certificate is not trusted" =>
        "Send the intermediate certificates, too; for an authority of your own: --caCert FILE or NODE_EXTRA_CA_CERTS.";
    EXPIRED = 805 Error "The certificate has expired" =>
        "Renew it; if it is not expired elsewhere, check the clock of this machine.";
    EXPIRES_SOON = 806 Warning "The certificate expires within two weeks" =>
        "Renew it, or check why it was not renewed by itself.";
    OTHER_NAME = 807 Error "The certificate is for another host" =>
        "Use the host that the certificate names, or add this one to the certificate.";
    NO_TLS = 808 Error "The port does not speak TLS" =>
        "Write http:// in place of https://, or correct the port.";
    CLEARTEXT = 809 Warning "Messages and credentials travel unencrypted" =>
        "Use https:// for everything that is not on this machine.";
    REDIRECTED = 810 Warning "The URL redirects" =>
        "Write the URL that it redirects to: many clients do not repeat a POST there.";
    NOT_MCP = 811 Error "What answers is not an MCP server" =>
        "Check the path of the URL; most servers have /mcp.";
    OTHER_PATH = 812 Error "The server is at another path" =>
        "Write the URL that the finding names.";
    SSE_ONLY = 813 Note "The server speaks the older HTTP+SSE transport" =>
        "No action is needed: the proxy supports it; clients with only Streamable HTTP need the \
         proxy in between.";
    UNAUTHORIZED = 814 Warning "The server requires credentials" =>
        "Sign in (--signIn), or give a token: --bearerToken, --header, --headerFile.";
    NO_METADATA = 815 Warning "The server does not say how to sign in" =>
        "Answer 401 with WWW-Authenticate and serve /.well-known/oauth-protected-resource (RFC 9728).";
    BAD_METADATA = 816 Warning "The OAuth metadata of the server have errors" =>
        "Correct what the finding names (RFC 9728, RFC 8414).";
    FORBIDDEN = 817 Error "The credentials are not accepted" =>
        "Check the token, its scopes, and whether the server wants another header.";
    BUFFERING = 818 Warning "Something in between buffers event streams" =>
        "Turn buffering and compression off for text/event-stream (nginx: proxy_buffering off, gzip off).";
    CUT_OFF = 819 Warning "Something in between cuts off silent streams" =>
        "Raise its time-out (nginx: proxy_read_timeout), or send comments more often.";
    NO_CORS = 820 Note "Pages in browsers cannot use the server" =>
        "Answer OPTIONS with Access-Control-Allow-Origin and -Headers, and expose Mcp-Session-Id.";
    SERVER_FAULT = 821 Error "The server answers with an internal error" =>
        "Look at its log; 502, 503 and 504 come from a proxy in front whose server is not there.";
    HOST_REFUSED = 822 Error "The server refuses the host name" =>
        "Allow the host in the server's protection against DNS rebinding (allowed hosts).";
    NOTIFICATION_REFUSED = 823 Warning "The server refuses notifications" =>
        "Answer a POST without requests with 202.";
    NO_STREAM_TYPE = 824 Error "An answer has an unexpected content type" =>
        "Answer with Content-Type application/json or text/event-stream.";
    BAD_SETTING = 825 Error "The connection cannot be made with these settings" =>
        "Correct the setting that the finding names.";
    REDIRECTED_AWAY = 826 Error "The URL redirects to where a request cannot follow" =>
        "Write the URL that it redirects to.";

    BAD_FILE = 901 Error "The file cannot be used" =>
        "Correct it where the finding says.";
    BAD_SERVER = 902 Error "A server in the file cannot be used" =>
        "Correct it where the finding says.";
    SWITCHED_OFF = 903 Note "A server in the file is switched off" =>
        "Switch it on if you want to use it.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_every_text_is_a_line() {
        assert!(CODES.is_sorted_by_key(|code| code.number));
        for pair in CODES.windows(2) {
            assert_ne!(pair[0].number, pair[1].number);
        }
        for code in CODES {
            assert!(!code.title.ends_with('.') && !code.title.contains('\n'), "{code}");
            assert!(code.remedy.ends_with('.') && !code.remedy.contains('\n'), "{code}");
        }
        assert_eq!(COMMAND_NOT_FOUND.to_string(), "MCPX0101");
    }

    #[test]
    fn every_code_has_its_section_in_the_documents() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/doctor.md");
        let page = std::fs::read_to_string(page).unwrap();
        for code in CODES {
            assert!(page.contains(&format!("\n### {code}\n")), "{code} has no section");
            assert!(page.contains(code.title), "{code}: its title is another one in the documents");
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                words(&page).contains(&words(code.remedy)),
                "{code}: its remedy is another one"
            );
        }
        assert_eq!(page.matches("\n### MCPX").count(), CODES.len());
    }
}
