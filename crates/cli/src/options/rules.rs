//! The rules of a server.

use mcp_proxy_core::config::{Filter, Pattern, Rules, ToolRules};

use crate::args::{UsageError, Values, flag::Flag, flags, kinds::List};

/// Which tools are served. A word may contain several names; without `*` or `?` it is a single
/// name.
pub(super) fn rules(values: &Values) -> Result<Rules, UsageError> {
    let patterns = |flag: &Flag<List>| -> Result<Vec<Pattern>, UsageError> {
        let words = values.of(flag)?;
        let words = words.iter().flat_map(|list| list.split(',')).map(str::trim);
        let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
        let pattern = |word: String| {
            if word.contains(['*', '?']) { Pattern::Glob(word) } else { Pattern::Exact(word) }
        };
        Ok(words.map(pattern).collect())
    };
    let allow = patterns(&flags::ALLOW_TOOL)?;
    // An empty list of allowed names differs from no list.
    let allow = if values.has(&flags::ALLOW_TOOL) { vec![allow] } else { vec![] };
    let filter = Filter { allow, deny: patterns(&flags::IGNORE_TOOL)? };
    Ok(Rules { tools: ToolRules { filter, ..ToolRules::default() }, ..Rules::default() })
}
