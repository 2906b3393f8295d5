//! The vocabulary of MCP: revisions, methods, log levels, mirrored headers. No behaviour.

pub(crate) mod header;
mod log_level;
mod method;
mod misreading;
mod own;
mod refusal;
mod resource;
mod version;

pub(crate) use log_level::LogLevel;
pub(crate) use method::{List, Method, Notification, is_cacheable};
pub(crate) use misreading::{is_misread, names_plainly};
pub(crate) use own::{INITIALIZED, cancelled};
pub(crate) use refusal::older_to_try;
pub(crate) use resource::{MAX_URI, covers};
pub use version::MODERN;
pub(crate) use version::{
    LATEST_LEGACY, is_legacy, is_revision, legacy_list, names_modern, older_versions,
    primes_streams,
};
