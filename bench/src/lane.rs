//! One connection that makes one call after another and checks every answer.

use bytes::Bytes;

use crate::{
    answer::{self, Verdict},
    events::{EventLines, EventStream},
    failure::Failure,
    http::{ContentType, Head, HttpConnection},
    request::{Dialect, Route, Target, Template, Tool},
    session::Session,
};

/// Ids of a lane start here, a million apart: all have nine digits, and no id is used twice.
const FIRST_ID: u64 = 100_000_000;
const IDS_PER_LANE: u64 = 1_000_000;

/// A connection with its place in a session.
#[derive(Debug)]
pub(crate) struct Lane {
    target: Target,
    connection: HttpConnection,
    events: Option<EventStream>,
    template: Template,
    id: u64,
    /// Answers to calls of other lanes that arrived on this lane's stream.
    pub(crate) misdelivered: u32,
}

impl Lane {
    /// A lane of its own session.
    pub(crate) async fn open(
        target: &Target,
        dialect: Dialect,
        tool: &Tool,
        number: u64,
    ) -> Result<(Self, Route), Failure> {
        let mut connection = HttpConnection::open(target.addr).await?;
        let session = Session::open(target, dialect, &mut connection).await?;
        let lane = Self {
            target: target.clone(),
            connection,
            events: session.events,
            template: Template::call(target, dialect, &session.route, tool),
            id: FIRST_ID + number * IDS_PER_LANE,
            misdelivered: 0,
        };
        Ok((lane, session.route))
    }

    /// Another connection of an open session.
    pub(crate) async fn join(
        target: &Target,
        dialect: Dialect,
        route: &Route,
        tool: &Tool,
        number: u64,
    ) -> Result<Self, Failure> {
        Ok(Self {
            target: target.clone(),
            connection: HttpConnection::open(target.addr).await?,
            events: None,
            template: Template::call(target, dialect, route, tool),
            id: FIRST_ID + number * IDS_PER_LANE,
            misdelivered: 0,
        })
    }

    /// Makes one call; if this returns, its answer was correct.
    pub(crate) async fn call(&mut self) -> Result<(), Failure> {
        self.send().await?;
        let head = self.connection.head().await?;
        match (head.status, &mut self.events) {
            (200 | 202, Some(events)) => {
                self.connection.body().await?;
                loop {
                    let message = events.next().await?;
                    let message = message.ok_or_else(|| Failure::wrong("end of stream", b""))?;
                    match answer::check(&message, self.id, self.template.answer())? {
                        Verdict::Answered => break,
                        Verdict::Unrelated => {}
                        Verdict::Foreign => self.misdelivered += 1,
                    }
                }
            }
            (200, None) => self.answer(head.content_type).await?,
            (status, _) => return Err(self.refused(status).await),
        }
        self.renew(&head).await
    }

    /// Makes one call that reports progress, and returns the number of notifications, all of which
    /// came in order.
    pub(crate) async fn call_with_progress(&mut self) -> Result<u64, Failure> {
        self.send().await?;
        let head = self.connection.head().await?;
        if head.status != 200 {
            return Err(self.refused(head.status).await);
        }
        if head.content_type == ContentType::Json {
            self.answer(ContentType::Json).await?;
            return Ok(0);
        }
        let mut lines = EventLines::default();
        let (mut received, mut last) = (0, 0);
        let mut answered = false;
        while let Some(piece) = self.connection.piece().await? {
            lines.push(&piece);
            while let Some(message) = lines.next() {
                match answer::progress(&message) {
                    Some((token, step)) if token == self.id && step > last => {
                        (received, last) = (received + 1, step);
                    }
                    Some(_) => return Err(Failure::wrong("progress", &message)),
                    None => answered |= check(&message, self.id, &self.template)?,
                }
            }
        }
        if !answered {
            return Err(Failure::wrong("no answer", b""));
        }
        self.renew(&head).await?;
        Ok(received)
    }

    /// Sends the call and reads nothing.
    pub(crate) async fn send(&mut self) -> Result<(), Failure> {
        self.id += 1;
        self.template.stamp(self.id);
        self.connection.send(self.template.bytes()).await
    }

    async fn answer(&mut self, content_type: ContentType) -> Result<(), Failure> {
        let body = self.connection.body().await?;
        let answered = match content_type {
            ContentType::EventStream => {
                let mut lines = EventLines::default();
                lines.push(&body);
                let mut answered = false;
                while let Some(message) = lines.next() {
                    answered |= check(&message, self.id, &self.template)?;
                }
                answered
            }
            ContentType::Json | ContentType::Other => check(&body, self.id, &self.template)?,
        };
        if answered { Ok(()) } else { Err(Failure::wrong("no answer", &body)) }
    }

    async fn refused(&mut self, status: u16) -> Failure {
        let body = self.connection.body().await.unwrap_or_else(|_| Bytes::new());
        Failure::status(status, &body)
    }

    async fn renew(&mut self, head: &Head) -> Result<(), Failure> {
        if head.last {
            self.connection = HttpConnection::open(self.target.addr).await?;
        }
        Ok(())
    }
}

fn check(message: &[u8], id: u64, template: &Template) -> Result<bool, Failure> {
    match answer::check(message, id, template.answer())? {
        Verdict::Answered => Ok(true),
        Verdict::Unrelated => Ok(false),
        Verdict::Foreign => Err(Failure::wrong("answer to another call", message)),
    }
}
