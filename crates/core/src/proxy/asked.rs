//! The claims that are kept of verified tokens, because the configuration uses them.

use std::collections::BTreeSet;

use crate::{
    config::{AuthConfig, Policy, Upstream},
    upstream::claims,
};

/// Keeps the claims that these servers use, in their variables or in their rules for callers.
pub(super) fn keep_claims<'a>(
    auth: &mut AuthConfig,
    servers: impl IntoIterator<Item = (Option<&'a Upstream>, &'a Policy)>,
) {
    let Some(tokens) = &mut auth.resource_server else { return };
    let mut asked: BTreeSet<String> = tokens.claims.drain(..).collect();
    for (upstream, policy) in servers {
        asked.extend(policy.named_claims().map(str::to_owned));
        if let Some(Upstream::Command(config)) = upstream {
            asked.extend(claims::asked(&config.command));
        }
    }
    tokens.claims = asked.into_iter().collect();
}
