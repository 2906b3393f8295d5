//! What its callers may do with one server, and how often.

use std::time::Duration;

use super::Pattern;

/// Claims, and for each the values of which the caller's token has to name one. All have to hold.
pub type Claims = Vec<(String, Vec<String>)>;

/// Rules for the callers of one server. The default lets everybody do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Scopes that every use of the server needs, beside those of the whole proxy.
    pub scopes: Vec<String>,
    /// Whoever lacks one of these sees nothing of the server.
    pub claims: Claims,
    /// For its tools, by the server's own names. All rules that match a tool hold.
    pub tools: Vec<ToolPolicy>,
    /// Tell the server who calls, in `_meta["io.github.mcp-proxy/identity"]` of every request.
    pub forward_identity: bool,
}

/// Rules for some of the tools of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPolicy {
    /// Which tools.
    pub tools: Pattern,
    /// Scopes that a call needs. A caller who lacks one sees the tool, and is told what to ask for.
    pub scopes: Vec<String>,
    /// Whoever lacks one of these does not see the tool, and cannot call it.
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
    /// Whether everybody may do everything, and the server is told nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether callers may do something only so often.
    pub fn limits_rates(&self) -> bool {
        self.tools.iter().any(|rule| rule.rate.is_some())
    }

    /// The claims that somebody has to be asked about.
    pub fn named_claims(&self) -> impl Iterator<Item = &str> {
        let tools = self.tools.iter().flat_map(|rule| &rule.claims);
        self.claims.iter().chain(tools).map(|(name, _)| name.as_str())
    }

    /// Both: whatever one of them asks of callers.
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

    /// Whether there is something that an unknown caller may not do.
    pub fn needs_identity(&self) -> bool {
        let tools = self.tools.iter();
        let mut needs = tools.map(|rule| !rule.scopes.is_empty() || !rule.claims.is_empty());
        !self.scopes.is_empty() || !self.claims.is_empty() || needs.any(|needs| needs)
    }
}

/// So many calls in so much time: all of them at once, or one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many calls, at least 1.
    pub calls: u32,
    /// In which time, never zero.
    pub time: Duration,
}

impl Rate {
    /// Reads `60/min`: a number, and `s`, `min`, `h` or `d`.
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
