//! The mock's loop: one thread, one poll, timers for the streams that pause.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::connection::{Answers, Connection, Next};
use crate::clock::monotonic_ns;
use crate::event::{Dialect, EventWriter};

const LISTENER: Token = Token(usize::MAX);
const READ_BYTES: usize = 64 * 1024;
const EVENTS_PER_TURN: usize = 1024;

/// A chat answer of about 700 bytes with its usage.
const ANSWER: &str = r#"{"id":"chatcmpl-abcdefghijklmnopqrstuvwxyz0123","object":"chat.completion","created":1790000000,"model":"mock-model","choices":[{"index":0,"message":{"role":"assistant","content":"Sure. The three things you asked for are listed below, in the order in which you asked for them: first the summary, second the translation and third the list of open questions that remain after reading the text you sent me.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":57,"total_tokens":269,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default","system_fingerprint":"fp_0123456789"}"#;

/// The same as a message of Anthropic's.
const MESSAGE: &str = r#"{"id":"msg_abcdefghijklmnopqrstuvwxyz0123","type":"message","role":"assistant","model":"mock-claude","content":[{"type":"text","text":"Sure. The three things you asked for are listed below, in the order in which you asked for them: first the summary, second the translation and third the list of open questions that remain after reading the text you sent me."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":212,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":57,"service_tier":"standard"}}"#;

/// Listens on `address` and answers until the process is killed; `bound` learns the address first, so
/// that port 0 can be asked for.
///
/// # Errors
/// When the address cannot be bound or the poll fails.
pub fn serve(address: SocketAddr, bound: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let mut server = Server::bind(address)?;
    bound(server.listener.local_addr()?);
    let mut events = Events::with_capacity(EVENTS_PER_TURN);
    loop {
        server.turn(&mut events)?;
    }
}

/// Names a connection: its place, and its id in case the place was given to another since.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Turn {
    due_ns: u64,
    place: usize,
    id: u64,
}

/// A whole answer, head and body.
fn whole(body: &str) -> Vec<u8> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
    format!("{head}{length}\r\n\r\n{body}").into_bytes()
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    connections: Slab<Connection>,
    /// Streams that wait for their next event's time.
    timers: BinaryHeap<Reverse<Turn>>,
    /// Streams whose next event may go now, in turn.
    ready: VecDeque<Turn>,
    answers: Answers,
    scratch: Vec<u8>,
    accepted: u64,
}

impl Server {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            connections: Slab::new(),
            timers: BinaryHeap::new(),
            ready: VecDeque::new(),
            answers: Answers {
                chat: whole(ANSWER),
                message: whole(MESSAGE),
                chunks: EventWriter::of(Dialect::OpenAi),
                deltas: EventWriter::of(Dialect::Anthropic),
            },
            scratch: vec![0; READ_BYTES],
            accepted: 0,
        })
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, self.patience()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in events.iter() {
            match event.token() {
                LISTENER => self.accept()?,
                Token(place) => self.on_ready(place, event.is_read_closed()),
            }
        }
        self.send_due_events();
        Ok(())
    }

    /// How long the poll may sleep: not at all while an event may go, else until the first timer.
    fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let Reverse(first) = self.timers.peek()?;
        Some(Duration::from_nanos(
            first.due_ns.saturating_sub(monotonic_ns()),
        ))
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let place = self.connections.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut socket, Token(place.key()), interest)?;
            self.accepted += 1;
            place.insert(Connection::new(socket, self.accepted));
        }
    }

    fn on_ready(&mut self, place: usize, is_read_closed: bool) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let next = connection.on_ready(is_read_closed, &mut self.scratch, &self.answers);
        self.arrange(place, &next);
    }

    fn send_due_events(&mut self) {
        if self.timers.is_empty() && self.ready.is_empty() {
            return;
        }
        let now_ns = monotonic_ns();
        while let Some(Reverse(turn)) = self
            .timers
            .peek()
            .copied()
            .filter(|first| first.0.due_ns <= now_ns)
        {
            self.timers.pop();
            self.ready.push_back(turn);
        }
        // One event for each stream that is ready now; those that stay ready wait for the next turn,
        // so that requests and readers are served in between.
        for _ in 0..self.ready.len() {
            let Some(turn) = self.ready.pop_front() else {
                break;
            };
            let connection = self.connections.get_mut(turn.place);
            if let Some(connection) = connection.filter(|connection| connection.id == turn.id) {
                let next = connection.send_event(&mut self.answers);
                self.arrange(turn.place, &next);
            }
        }
    }

    fn arrange(&mut self, place: usize, next: &Next) {
        let Some(connection) = self.connections.get_mut(place) else {
            return;
        };
        let id = connection.id;
        match *next {
            Next::Wait => {}
            Next::SendNow => self.ready.push_back(Turn {
                due_ns: 0,
                place,
                id,
            }),
            Next::SendAt(due_ns) => self.timers.push(Reverse(Turn { due_ns, place, id })),
            // Closing the socket takes it out of the poll.
            Next::Close => drop(self.connections.remove(place)),
        }
    }
}
