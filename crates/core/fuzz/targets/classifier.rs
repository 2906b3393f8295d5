#![no_main]

use mcp_proxy_core::internals::classifier;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mcp_proxy_fuzz::run(bytes, |_| (), classifier));
