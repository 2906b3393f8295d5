//! Errors about wrong arguments for JavaScript.

use napi::{Env, Status};

use crate::options::Wrong;

/// A `TypeError` about an argument of this function.
pub(crate) fn invalid(env: Env, function: &str, wrong: &Wrong) -> napi::Error {
    let message = format!("{function}: {wrong}");
    match env.throw_type_error(&message, None) {
        Ok(()) => napi::Error::new(Status::PendingException, message),
        Err(error) => error,
    }
}
