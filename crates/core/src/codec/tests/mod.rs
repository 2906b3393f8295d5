//! Framing by its properties: however the bytes arrive, the lines and events are the same.

mod event_stream;
mod line;
