//! Questions of servers to a client: the id that the client sees says which server has asked.
//!
//! Two servers may use the same ids and progress tokens for different questions, so each question
//! gets a number that is unique for the client. An answer that names no open question is dropped.

use std::{collections::HashMap, sync::Arc};

use super::server::Server;
use crate::jsonrpc::{Message, Raw};

/// Most open questions of one client.
const MAX_QUESTIONS: usize = 1024;

/// An open question of a server.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) server: Arc<Server>,
    /// The server's id.
    pub(super) id: Raw,
    /// The server's progress token.
    pub(super) token: Option<Raw>,
}

/// The open questions of one client.
#[derive(Debug, Default)]
pub(super) struct Questions {
    last: u64,
    open: HashMap<u64, Question>,
}

impl Questions {
    /// The number for the client; `None` if it has too many questions.
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

    /// Takes the question that has this raw number.
    pub(super) fn answered(&mut self, id: &[u8]) -> Option<Question> {
        self.open.remove(&number(id)?)
    }

    /// The question with this raw progress token.
    pub(super) fn progressing(&self, token: &[u8]) -> Option<&Question> {
        self.open.get(&number(token)?).filter(|question| question.token.is_some())
    }

    /// Removes the question with this raw id of the server; returns its number.
    pub(super) fn taken_back(&mut self, server: &Server, id: &[u8]) -> Option<u64> {
        let mut open = self.open.iter();
        let named =
            |question: &Question| question.server.tag == server.tag && question.id.as_bytes() == id;
        let number = open.find_map(|(number, question)| named(question).then_some(*number))?;
        self.open.remove(&number);
        Some(number)
    }

    /// The server's connection has ended, so nobody waits for its answers.
    pub(super) fn forget(&mut self, server: &Server) {
        self.open.retain(|_, question| question.server.tag != server.tag);
    }
}

fn number(raw: &[u8]) -> Option<u64> {
    std::str::from_utf8(raw).ok()?.parse().ok()
}
