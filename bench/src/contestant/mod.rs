//! The contestants: where each is installed, and its spellings. How they are started is in
//! `command`, `node`, `remote` and `several`; everything else has its defaults.

mod command;
mod crate_file;
mod fleet;
mod kind;
mod node;
mod package;
mod places;
mod remote;
mod setup;
pub(crate) mod several;

pub(crate) use self::{
    command::command, fleet::Fleet, kind::Contestant, package::command as published,
    places::Places, remote::command as towards_remote, setup::Setup,
};
