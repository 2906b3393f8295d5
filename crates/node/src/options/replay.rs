//! The options of `replayTransport`.

use std::path::PathBuf;

use super::given::{Filled, Given, Wrong};

/// A recording to play.
pub(crate) struct Played {
    pub(crate) file: PathBuf,
    /// Values that may differ from the recording.
    pub(crate) may_differ: Vec<String>,
    /// Speed-up; 0 makes no pauses.
    pub(crate) speed: f64,
}

/// The recording to play.
pub(crate) fn played(json: &str) -> Result<Played, Wrong> {
    let given = Given::parse(json)?;
    let Filled(file) = given.need("file")?;
    let speed = given.take::<f64>("speed")?.unwrap_or_default();
    if !(speed >= 0.0 && speed.is_finite()) {
        return Err("option \"speed\" must be a number of at least 0".to_owned());
    }
    let may_differ = given.take::<Vec<String>>("mayDiffer")?.unwrap_or_default();
    Ok(Played { file: file.into(), may_differ, speed })
}
