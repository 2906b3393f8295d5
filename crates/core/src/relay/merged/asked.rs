//! What servers ask a client: the id that the client reads says whose question it is.
//!
//! Two servers use the same ids and progress tokens for different questions, so each question gets
//! a number of the client's own. What names no open question is nobody's answer.

use std::{collections::HashMap, sync::Arc};

use super::server::Server;
use crate::jsonrpc::{Message, Raw};

/// Most questions that one client may be asked at a time.
const MAX_QUESTIONS: usize = 1024;

/// A question of a server that its client has not answered.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) server: Arc<Server>,
    /// The server's id.
    pub(super) id: Raw,
    /// The server's progress token.
    pub(super) token: Option<Raw>,
}

/// The questions that one client is asked.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: u64,
    open: HashMap<u64, Question>,
}

impl Questions {
    /// The number under which the client is asked; `None` if it is asked too much.
    pub(super) fn ask(&mut self, server: &Arc<Server>, request: &Message) -> Option<u64> {
        if self.open.len() >= MAX_QUESTIONS {
            return None;
        }
        self.last += 1;
        let question = Question {
            server: Arc::clone(server),
            id: Raw::new(request.id()?),
            token: request.requested_token().map(|span| Raw::new(request.text(span))),
        };
        self.open.insert(self.last, question);
        Some(self.last)
    }

    /// Takes the question that this raw id answers.
    pub(super) fn answered(&mut self, id: &[u8]) -> Option<Question> {
        self.open.remove(&number(id)?)
    }

    /// The question whose progress a client tells under this raw token.
    pub(super) fn progressing(&self, token: &[u8]) -> Option<&Question> {
        self.open.get(&number(token)?).filter(|question| question.token.is_some())
    }

    /// Takes back what a server has asked under this raw id of its own; its number.
    pub(super) fn taken_back(&mut self, server: &Server, id: &[u8]) -> Option<u64> {
        let mut open = self.open.iter();
        let named =
            |question: &Question| question.server.tag == server.tag && question.id.as_bytes() == id;
        let number = open.find_map(|(number, question)| named(question).then_some(*number))?;
        self.open.remove(&number);
        Some(number)
    }

    /// The server's connection has ended, so there is nobody to answer.
    pub(super) fn forget(&mut self, server: &Server) {
        self.open.retain(|_, question| question.server.tag != server.tag);
    }
}

fn number(raw: &[u8]) -> Option<u64> {
    std::str::from_utf8(raw).ok()?.parse().ok()
}
