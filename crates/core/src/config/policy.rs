//! What callers may do with one server, and how often.

use std::time::Duration;

use super::Pattern;

/// Claims, each with its accepted values; the caller's token must have one of them for every claim.
pub type Claims = Vec<(String, Vec<String>)>;

/// Rules for the callers of one server. By default everybody may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Scopes that every use of the server requires, besides those of the whole proxy.
    pub scopes: Vec<String>,
    /// Callers who lack one of these see nothing of the server.
    pub claims: Claims,
    /// Rules for its tools, by the server's own names. All rules that match a tool apply.
    pub tools: Vec<ToolPolicy>,
    /// Send the caller's identity to the server, in `_meta["io.github.mcp-proxy/identity"]` of
    /// every request.
    pub forward_identity: bool,
}

/// Rules for some of the tools of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPolicy {
    /// Which tools.
    pub tools: Pattern,
    /// Scopes that a call requires. A caller who lacks one still sees the tool; a call is refused
    /// with the scope to ask for.
    pub scopes: Vec<String>,
    /// Callers who lack one of these neither see the tool nor can call it.
    pub claims: Claims,
    /// How often one caller may call one of the tools.
    pub rate: Option<Rate>,
    /// Most calls of one tool that one caller may have under way.
    pub concurrency: Option<usize>,
}

impl ToolPolicy {
    /// Rules for these tools that restrict nothing yet.
    pub fn new(tools: Pattern) -> Self {
        Self { tools, scopes: Vec::new(), claims: Claims::new(), rate: None, concurrency: None }
    }
}

impl Policy {
    /// Whether everybody may do everything and the server does not get the caller's identity.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the number of calls is limited.
    pub fn limits_rates(&self) -> bool {
        self.tools.iter().any(|rule| rule.rate.is_some())
    }

    /// The claims that must be known about a caller.
    pub fn named_claims(&self) -> impl Iterator<Item = &str> {
        let tools = self.tools.iter().flat_map(|rule| &rule.claims);
        self.claims.iter().chain(tools).map(|(name, _)| name.as_str())
    }

    /// Both policies together: the requirements of each apply.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let further = other.scopes.into_iter().filter(|scope| !self.scopes.contains(scope));
        let further: Vec<String> = further.collect();
        self.scopes.extend(further);
        self.claims.extend(other.claims);
        self.tools.extend(other.tools);
        self.forward_identity |= other.forward_identity;
        self
    }

    /// Whether the policy forbids an unknown caller anything.
    pub fn needs_identity(&self) -> bool {
        let tools = self.tools.iter();
        let mut needs = tools.map(|rule| !rule.scopes.is_empty() || !rule.claims.is_empty());
        !self.scopes.is_empty() || !self.claims.is_empty() || needs.any(|needs| needs)
    }
}

/// A number of calls per period: at once, or spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The number of calls, at least 1.
    pub calls: u32,
    /// The period, never zero.
    pub time: Duration,
}

impl Rate {
    /// Parses `60/min`: a number, and `s`, `min`, `h` or `d`.
    pub fn parse(text: &str) -> Option<Self> {
        let (calls, unit) = text.split_once('/')?;
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            "d" | "day" => 86_400,
            _ => return None,
        };
        let calls = calls.trim().parse().ok().filter(|calls| *calls > 0)?;
        Some(Self { calls, time: Duration::from_secs(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_people_say_them() {
        for (text, expected) in [
            ("60/min", Some((60, 60))),
            ("1/s", Some((1, 1))),
            (" 5 / h ", Some((5, 3600))),
            ("100/day", Some((100, 86_400))),
            ("0/min", None),
            ("-1/min", None),
            ("60", None),
            ("60/week", None),
            ("/min", None),
        ] {
            let read = Rate::parse(text).map(|rate| (rate.calls, rate.time.as_secs()));
            assert_eq!(read, expected, "{text}");
        }
    }
}
