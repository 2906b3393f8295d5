//! End-to-end tests of many servers behind one port.

mod callers_merged;
mod config_bad_input;
mod config_callers;
mod config_check;
mod config_file;
mod config_serve;
mod deaths;
mod load;
mod odd_servers;
mod parts;
mod reload_file;
mod reload_load;
mod telling;
