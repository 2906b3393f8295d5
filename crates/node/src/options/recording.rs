//! `record`: writes all traffic of this process to a file.

use mcp_proxy_core::config::{RecordingConfig, RedactionConfig};

use super::given::{Either, Filled, Given, Whole, Wrong};

/// The recording, if one is configured.
pub(super) fn recording(given: &Given) -> Result<Option<RecordingConfig>, Wrong> {
    let object = match given.take::<Either<Filled, Given>>("record")? {
        None => return Ok(None),
        Some(Either::This(Filled(file))) => return Ok(Some(RecordingConfig::new(file))),
        Some(Either::That(object)) => object.named("record."),
    };
    let Filled(file) = object.need("file")?;
    let default = RecordingConfig::new(file);
    let size = object.take::<Whole<1024, { u32::MAX }>>("maxSize")?;
    let files = object.take::<Whole<1, 10_000>>("maxFiles")?;
    let what = object.take::<Vec<String>>("redact")?.unwrap_or_default();
    Ok(Some(RecordingConfig {
        max_size: size.map_or(default.max_size, |Whole(bytes)| bytes.into()),
        max_files: files.map_or(default.max_files, |Whole(count)| count as usize),
        redaction: RedactionConfig { off: false, what },
        ..default
    }))
}
