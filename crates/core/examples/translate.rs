//! Lets messages cross between the eras: a JSON object on each line of the input, what comes out
//! of it on a line of the output. `__test__/schemas` holds that against the schemas.

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
