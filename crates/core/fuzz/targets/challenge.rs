#![no_main]

use mcp_proxy_core::internals::challenge;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| challenge(bytes));
