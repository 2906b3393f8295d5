//! What the skins use: a whole proxy, a front for the servers of a program, and a remote server on
//! standard streams.

mod asked;
mod conversation;
mod fleet;
mod http_server;
mod ports;
mod sign_out;
mod standard_streams;
mod stdio_server;
mod whole;

pub use conversation::{Conversation, Listening, Unanswered};
pub use fleet::{Arrival, Arrivals, Arrived, Fleet, Reloaded};
pub use http_server::{HttpServer, Servers};
pub use ports::check_auth;
pub use sign_out::{sign_out, sign_out_everywhere};
pub use stdio_server::{Interrupted, StdioServer, Unusable};
pub use whole::{Connected, Proxy};
