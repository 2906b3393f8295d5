#![no_main]

use mcp_proxy_core::internals::{costs, identity_documents};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    mcp_proxy_fuzz::run_with(
        bytes,
        mcp_proxy_fuzz::TREE,
        identity_documents,
        costs::identity_documents,
    );
});
