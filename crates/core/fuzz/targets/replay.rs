//! A session with its own bounds; what it holds does not depend on the length of the input.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mcp_proxy_core::internals::replay(bytes));
