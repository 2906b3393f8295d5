#![no_main]

use mcp_proxy_core::internals::{costs, modern_server};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mcp_proxy_fuzz::run(bytes, modern_server, costs::modern_server));
