#![no_main]

use mcp_proxy_core::internals::{costs, event_stream};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mcp_proxy_fuzz::run(bytes, event_stream, costs::events));
