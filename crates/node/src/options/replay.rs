//! The options of `replayTransport`.

use std::path::PathBuf;

use super::given::{Filled, Given, Wrong};

/// A recording that is played.
pub(crate) struct Played {
    pub(crate) file: PathBuf,
    /// What need not be as recorded.
    pub(crate) may_differ: Vec<String>,
    /// How many times faster than recorded; 0 makes no pauses.
    pub(crate) speed: f64,
}

/// What is to be played.
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
