//! One accepted connection: reads one request within its limits, writes one answer, closes without cutting the answer off.

use super::{
    http_request::{self, HEAD_LIMIT, Head, Refusal},
    response::Response,
};
use crate::clock::Deadline;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};
use zeroize::Zeroizing;

/// From the accept to the last byte of the request, and from there to the last byte of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How long the peer may take to close after the answer.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);
/// A connection this young is not dropped for a newer one.
const GRACE: Duration = Duration::from_millis(20);
/// What is read and thrown away of a refused request, so that its sender gets to read the refusal.
const DISCARD_LIMIT: usize = 1024 * 1024;

/// A request as it arrived: a head with its body, or what is wrong with it.
pub(super) enum Request<'a> {
    Whole(&'a Head, &'a [u8]),
    Refused(Refusal),
}

/// Who answers requests; asked once per connection.
pub(super) trait Handler {
    /// The only `Host` that is served.
    fn authority(&self) -> &str;
    fn answer(&mut self, request: Request<'_>) -> Response;
}

pub(super) struct Connection {
    stream: TcpStream,
    ends: Deadline,
    grace: Deadline,
    state: State,
}

enum State {
    ReadingHead(Buffer),
    ReadingBody(Box<Head>, Buffer),
    Answering { answer: Response, sent: usize },
    Closing { discarded: usize },
    Closed,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let state = State::ReadingHead(Buffer::new(HEAD_LIMIT));
        Ok(Self { stream, ends: Deadline::after(TIME_LIMIT), grace: Deadline::after(GRACE), state })
    }

    /// Goes on as far as it can without waiting. Returns whether anything moved.
    pub(super) fn advance(&mut self, handler: &mut dyn Handler) -> bool {
        let mut moved = false;
        // A peer that always has more to say gets its next turn after the others.
        for _ in 0..64 {
            match self.step(handler) {
                Ok(true) => moved = true,
                Ok(false) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.state = State::Closed,
            }
        }
        if self.ends.has_passed() {
            self.state = State::Closed;
        }
        moved
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether the answer is with the operating system, which delivers it whether or not we are there.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.state, State::Closing { .. } | State::Closed)
    }

    /// Whether a part of the answer is still ours to send.
    pub(super) fn is_answering(&self) -> bool {
        matches!(self.state, State::Answering { .. })
    }

    /// Whether it may be dropped for a newer one.
    pub(super) fn may_be_dropped(&self) -> bool {
        self.is_answered() || self.grace.has_passed()
    }

    fn step(&mut self, handler: &mut dyn Handler) -> io::Result<bool> {
        match &mut self.state {
            State::ReadingHead(_) | State::ReadingBody(..) => self.read(handler),
            State::Answering { .. } => self.write(),
            State::Closing { discarded } => {
                let mut scratch = Zeroizing::new([0; 4096]);
                let count = self.stream.read(scratch.as_mut_slice())?;
                *discarded = discarded.saturating_add(count);
                if count == 0 || *discarded > DISCARD_LIMIT {
                    self.state = State::Closed;
                }
                Ok(true)
            }
            State::Closed => Ok(false),
        }
    }

    fn read(&mut self, handler: &mut dyn Handler) -> io::Result<bool> {
        let next = match &mut self.state {
            State::ReadingHead(buffer) => {
                if buffer.fill(&mut self.stream)? == 0 {
                    Some(State::Closed)
                } else {
                    match http_request::parse(buffer.filled(), handler.authority()) {
                        Ok(None) => None,
                        Ok(Some(head)) => Some(State::reading_body(head, buffer.filled())),
                        Err(refusal) => Some(State::answering(handler.answer(Request::Refused(refusal)))),
                    }
                }
            }
            State::ReadingBody(head, body) if body.is_full() => {
                Some(State::answering(handler.answer(Request::Whole(head, body.filled()))))
            }
            State::ReadingBody(_, body) => (body.fill(&mut self.stream)? == 0).then_some(State::Closed),
            _ => None,
        };
        if let Some(next) = next {
            if matches!(next, State::Answering { .. }) {
                // The request may have waited for its turn while the caller was busy; its answer gets the whole time.
                self.ends = Deadline::after(TIME_LIMIT);
            }
            self.state = next;
        }
        Ok(true)
    }

    fn write(&mut self) -> io::Result<bool> {
        let State::Answering { answer, sent } = &mut self.state else { return Ok(false) };
        let rest = answer.bytes().get(*sent..).unwrap_or_default();
        if rest.is_empty() {
            self.stream.shutdown(Shutdown::Write)?;
            self.ends = self.ends.sooner(Deadline::after(CLOSING_LIMIT));
            self.state = State::Closing { discarded: 0 };
            return Ok(true);
        }
        *sent = sent.saturating_add(self.stream.write(rest)?);
        Ok(true)
    }
}

impl State {
    /// `arrived` is the head with whatever came behind it; more than the announced body is never looked at.
    fn reading_body(head: Head, arrived: &[u8]) -> Self {
        let mut body = Buffer::new(head.body_length);
        body.append(arrived.get(head.length..).unwrap_or_default());
        Self::ReadingBody(Box::new(head), body)
    }

    fn answering(answer: Response) -> Self {
        Self::Answering { answer, sent: 0 }
    }
}

/// Bytes up to a fixed number, wiped when freed and never moved: they may hold a code.
struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    filled: usize,
}

impl Buffer {
    fn new(limit: usize) -> Self {
        Self { bytes: Zeroizing::new(vec![0; limit]), filled: 0 }
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn is_full(&self) -> bool {
        self.filled >= self.bytes.len()
    }

    fn fill(&mut self, source: &mut TcpStream) -> io::Result<usize> {
        let count = source.read(self.bytes.get_mut(self.filled..).unwrap_or_default())?;
        self.filled = self.filled.saturating_add(count);
        Ok(count)
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.filled = self.filled.saturating_add(count);
    }
}
