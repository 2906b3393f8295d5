//! Who is let in by tokens, what everybody else is told, and who owns what.

mod admission;
mod certificates;
mod expiry;
mod hostile;
mod introduction;
mod isolation;
mod keys;
mod metadata;
mod scenarios;
mod sources;
mod start;
