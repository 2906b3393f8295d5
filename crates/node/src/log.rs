//! The core's console lines and warnings, printed with JavaScript's `console`, where programs
//! expect them.
//!
//! Console lines pass unchanged, warnings and errors as one line each; other events are ignored.
#![expect(clippy::needless_pass_by_value, reason = "Node-API hands arguments over by value")]

use std::{
    fmt::{self, Write},
    sync::{Mutex, PoisonError},
};

use mcp_proxy_core::telemetry::{AUDIT, CONSOLE, CONSOLE_ERROR, on_one_line, server, visible};
use napi::{
    Status,
    bindgen_prelude::{FnArgs, Function},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};

type Arguments = FnArgs<(bool, String)>;
/// Weak: it does not keep Node alive.
type Print = ThreadsafeFunction<(bool, String), (), Arguments, Status, false, true>;

static PRINT: Mutex<Option<Print>> = Mutex::new(None);

/// Sets the function that prints a line, on standard error if its first argument is true.
#[napi]
pub fn print_with(print: Function<'_, Arguments, ()>) -> napi::Result<()> {
    let print = print
        .build_threadsafe_function::<(bool, String)>()
        .weak::<true>()
        .build_callback(|call| Ok(call.value.into()))?;
    *PRINT.lock().unwrap_or_else(PoisonError::into_inner) = Some(print);
    // It is set already if the addon is loaded again, as in a worker.
    drop(tracing::subscriber::set_global_default(Console));
    Ok(())
}

struct Console;

fn is_verbatim(target: &str) -> bool {
    target == CONSOLE || target == CONSOLE_ERROR
}

impl Subscriber for Console {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && (*metadata.level() <= Level::WARN || is_verbatim(metadata.target()))
    }

    fn event(&self, event: &Event<'_>) {
        let target = event.metadata().target();
        let mut line = Line::default();
        event.record(&mut line);
        // A program sees what its own callbacks refuse, but sees what tokens and rules refuse only
        // in these lines.
        if target == AUDIT && !line.has_outcome {
            return;
        }
        let text = if is_verbatim(target) {
            visible(&line.message).into_owned()
        } else {
            if let Some(server) = server() {
                line.field("server", &server);
            }
            format!("[mcp-proxy] {}{}", on_one_line(&line.message), on_one_line(&line.fields))
        };
        if let Some(print) = &*PRINT.lock().unwrap_or_else(PoisonError::into_inner) {
            // Nobody reads it any more while Node is exiting.
            print.call((target != CONSOLE, text), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message of an event, followed by its other fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
    has_outcome: bool,
}

impl Line {
    fn field(&mut self, name: &str, value: &dyn fmt::Debug) {
        self.has_outcome |= name == "outcome";
        let written = write!(self.fields, " {name}={value:?}");
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let written = write!(self.message, "{value:?}");
            debug_assert!(written.is_ok(), "a string takes everything");
        } else {
            self.field(field.name(), value);
        }
    }
}
