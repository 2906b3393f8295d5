#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mcp_proxy_core::internals::request_head(bytes));
