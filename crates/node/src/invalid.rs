//! Wrong arguments, as JavaScript is told of them.

use napi::{Env, Status};

use crate::options::Wrong;

/// A `TypeError` that says what is wrong with an argument of this function.
pub(crate) fn invalid(env: Env, function: &str, wrong: &Wrong) -> napi::Error {
    let message = format!("{function}: {wrong}");
    match env.throw_type_error(&message, None) {
        Ok(()) => napi::Error::new(Status::PendingException, message),
        Err(error) => error,
    }
}
