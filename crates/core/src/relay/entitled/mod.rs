//! A policy for the callers of one server, around its backend: one place for lists and calls, at
//! every endpoint that serves it. Names are the server's own.
//!
//! Each request is checked against the current credentials of its sender, not those that the
//! session was opened with.

mod introduction;
mod judge;
mod rates;

pub(crate) use rates::Exchange;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use futures_util::future::BoxFuture;

use self::{
    introduction::{introduced, without_claim},
    judge::{Verdict, hidden, judge, rules_for, unknown},
    rates::{Rates, Running},
};
use super::{
    Backend, Client, Connection, Denied, Departure, Objection, OpenError, Outgoing, Reader, Reply,
    Sink,
    merged::View,
    refused::{Refused, UNCLEAR},
};
use crate::{
    config::{Policy, Rules},
    host::Caller,
    identity::{Claims, audit},
    jsonrpc::{Code, ErrorBody, Kind, Message},
    protocol::{is_misread, names_plainly},
    telemetry::audit::Audit,
};

/// Most views of a server's lists that are kept for later clients.
const MAX_VIEWS: usize = 64;
const AMBIGUOUS: &str = "Invalid Request: a member appears twice (upper and lower case count as \
                         the same)";

/// See the module.
pub(crate) struct Entitled(Arc<Inner>);

struct Inner {
    backend: Arc<dyn Backend>,
    policy: Arc<Policy>,
    /// The policy restricts nothing and forwards no identity.
    is_open: bool,
    rates: Arc<Rates>,
    audit: Audit,
    /// The lists as seen by callers who lack some claims.
    views: Mutex<Vec<(Rules, View)>>,
}

impl fmt::Debug for Entitled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entitled").field(&self.0.policy).finish()
    }
}

impl Entitled {
    /// The backend of a server with this policy for its callers. With an `exchange`, other replicas
    /// have the same callers; that needs a runtime.
    pub(crate) fn around(
        backend: Arc<dyn Backend>,
        policy: Policy,
        exchange: Option<Arc<dyn Exchange>>,
    ) -> Arc<dyn Backend> {
        let exchange = exchange.filter(|_| policy.limits_rates());
        Arc::new(Self(Arc::new(Inner {
            backend,
            is_open: policy.is_empty(),
            policy: Arc::new(policy),
            rates: exchange.map(Rates::exchanged).unwrap_or_default(),
            audit: Audit::default(),
            views: Mutex::default(),
        })))
    }
}

impl Inner {
    /// The reply for this request; if it asks for a list, reduced to what the caller may see.
    fn seen(&self, message: &Message, claims: Option<&Claims>, reply: Reply) -> Reply {
        let method = message.method();
        if !View::concerns(&method) {
            return reply;
        }
        let rules = hidden(&self.policy, claims);
        if rules.is_empty() { reply } else { self.view(rules).of(&method, reply) }
    }

    fn view(&self, rules: Rules) -> View {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, view)) = views.iter().find(|(known, _)| *known == rules) {
            return view.clone();
        }
        let view = View::new(&rules);
        if views.len() == MAX_VIEWS {
            views.remove(0);
        }
        views.push((rules, view.clone()));
        view
    }

    /// Counts a request that is allowed; returns the objection if it is refused or too frequent.
    fn admit(&self, message: &Message, claims: Option<&Claims>) -> Result<Vec<Running>, Objection> {
        if let Some(objection) = self.objection(message, claims) {
            return Err(objection);
        }
        self.count(message, claims).map_err(|denied| {
            self.write(message, claims, "rate_limited");
            Objection::Denied(denied)
        })
    }

    /// The objection to a request, apart from rates.
    fn objection(&self, message: &Message, claims: Option<&Claims>) -> Option<Objection> {
        let names_two = !self.is_open && message.repeats_name();
        let is_unclear =
            || !self.is_open && (is_misread(&message.method_bytes()) || !names_plainly(message));
        let (objection, outcome) = if message.is_ambiguous() || names_two {
            let error = ErrorBody::new(Code::InvalidRequest, AMBIGUOUS);
            (Objection::Error(error), "ambiguous")
        } else if is_unclear() {
            (Objection::Error(ErrorBody::new(Code::InvalidRequest, UNCLEAR)), "ambiguous")
        } else if self.is_open {
            return None;
        } else {
            match judge(&self.policy, message, claims) {
                Verdict::Passes => return None,
                Verdict::Unknown => (Objection::Error(unknown(message)), "unknown"),
                Verdict::Denied(denied) => (Objection::Denied(denied), "insufficient_scope"),
            }
        };
        self.write(message, claims, outcome);
        Some(objection)
    }

    /// Writes the line about a refused request.
    fn write(&self, message: &Message, claims: Option<&Claims>, outcome: &'static str) {
        let (method, tool) = (message.method(), message.name());
        audit::refused_call(&self.audit, claims, (&method, tool.as_deref()), outcome);
    }

    /// Counts a call by all rules that limit it.
    fn count(&self, message: &Message, claims: Option<&Claims>) -> Result<Vec<Running>, Denied> {
        if message.method() != "tools/call" {
            return Ok(Vec::new());
        }
        // A server that ignores case has one tool for all spellings.
        let name = message.name().unwrap_or_default().to_lowercase();
        let caller =
            claims.map_or(("", ""), |claims| (claims.issuer.as_str(), claims.subject.as_str()));
        let mut running = Vec::new();
        let too_often = |retry_after| Denied::TooOften { retry_after };
        for (index, rule) in rules_for(&self.policy, &name) {
            let key = || self.rates.key(caller, index, &name);
            if let Some(most) = rule.concurrency {
                running.push(self.rates.begin(key(), most).map_err(too_often)?);
            }
            if let Some(rate) = rule.rate {
                self.rates.call(key(), rate, Instant::now()).map_err(too_often)?;
            }
        }
        Ok(running)
    }
}

impl Backend for Entitled {
    fn open(&self, client: Client) -> BoxFuture<'_, Result<Arc<dyn Connection>, OpenError>> {
        Box::pin(async move {
            let inner = &self.0;
            let claims = client.principal.claims().cloned();
            let mut admitted = None;
            if let Some(request) = &client.request {
                match inner.admit(request, claims.as_deref()) {
                    Ok(running) => admitted = Some(running),
                    // No server is started for it.
                    Err(objection) => return Ok(Arc::new(Refused(objection)) as _),
                }
            }
            let connection = inner.backend.open(client).await?;
            let (inner, admitted) = (Arc::clone(inner), Mutex::new(admitted));
            Ok(Arc::new(Guard { connection, inner, claims, admitted }) as _)
        })
    }

    fn serves_modern(&self) -> bool {
        self.0.backend.serves_modern()
    }

    fn end_subscriptions(&self) {
        self.0.backend.end_subscriptions();
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        Some(Arc::clone(&self.0.policy))
    }

    fn objection(&self, request: &Message, claims: Option<&Claims>) -> Option<Objection> {
        self.0.objection(request, claims)
    }

    fn lists_differ(&self) -> bool {
        !self.0.policy.claims.is_empty() || self.0.backend.lists_differ()
    }
}

/// One client's connection, behind the policy.
struct Guard {
    connection: Arc<dyn Connection>,
    inner: Arc<Inner>,
    /// The caller of the request that opened it.
    claims: Option<Arc<Claims>>,
    /// Whether its only request was checked when it was opened.
    admitted: Mutex<Option<Vec<Running>>>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Guard {
    fn admit(&self, message: &Message, claims: Option<&Claims>) -> Result<Vec<Running>, Objection> {
        let admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner).take();
        admitted.map_or_else(|| self.inner.admit(message, claims), Ok)
    }
}

impl Connection for Guard {
    fn send(
        &self,
        message: Message,
        reply: Option<Reply>,
        caller: Option<&Arc<Caller>>,
    ) -> Option<BoxFuture<'static, ()>> {
        if !matches!(message.kind(), Kind::Request | Kind::Notification) {
            return self.connection.send(without_claim(message), reply, caller);
        }
        let shown = reply.as_ref().and_then(Reply::claims).or(self.claims.as_ref()).cloned();
        let claims = shown.as_deref();
        let running = match &reply {
            None if message.is_ambiguous() => return None,
            // Messages that are not requests need no permission.
            None => Vec::new(),
            Some(_) => match self.admit(&message, claims) {
                Ok(running) => running,
                Err(objection) => {
                    objection.answer(reply);
                    return None;
                }
            },
        };
        if self.inner.is_open {
            return self.connection.send(without_claim(message), reply, caller);
        }
        let reply = reply.map(|reply| self.inner.seen(&message, claims, reply));
        let told = claims.filter(|_| self.inner.policy.forward_identity);
        let message = match introduced(message, told) {
            Ok(message) => message,
            Err(error) => {
                Objection::Error(error).answer(reply);
                return None;
            }
        };
        let reply = if running.is_empty() {
            reply
        } else {
            reply.map(|reply| reply.through(|sink| Arc::new(Counted { sink, _running: running })))
        };
        self.connection.send(message, reply, caller)
    }

    fn inner(&self) -> Option<&dyn Connection> {
        Some(&*self.connection)
    }

    fn depart(&self, how: Departure) {
        self.connection.depart(how);
    }
}

/// Gets the answer to a call that is counted until then.
struct Counted {
    sink: Arc<dyn Sink>,
    _running: Vec<Running>,
}

impl Sink for Counted {
    fn write(&self, outgoing: Outgoing<'_>) {
        self.sink.write(outgoing);
    }

    fn forget(&self) {
        self.sink.forget();
    }

    fn reader(&self) -> Option<&dyn Reader> {
        self.sink.reader()
    }
}
