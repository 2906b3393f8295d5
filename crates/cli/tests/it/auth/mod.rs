//! Who is let in by tokens, what everybody else is told, and whose things are whose.

mod admission;
mod hostile;
mod introduction;
mod metadata;
mod start;
