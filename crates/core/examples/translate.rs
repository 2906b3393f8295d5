//! Translates messages between the eras: one JSON object on each line of the input, its translation
//! on the same line of the output. `__test__/schemas` checks the output against the schemas.

use std::io::{self, BufRead, Write};

use mcp_proxy_core::internals::Case;

fn main() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let case: Case = serde_json::from_str(&line?)?;
        writeln!(output, "{}", serde_json::to_string(&case.cross())?)?;
    }
    Ok(())
}
