//! The loop of the load generator: one thread, one poll, many connections.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::connection::{Connection, ConnectionError};
use super::outcome::{Outcome, Streams, Tally};
use super::pace::{Pace, Schedule};
use super::request::Request;
use super::stream::StreamCheck;
use super::watch::{Watch, to_f64};
use crate::clock::{Alarm, monotonic_ns};
use crate::http1::Message;
use crate::process::Process;

const ALARM: Token = Token(usize::MAX);
const READ_BYTES: usize = 256 * 1024;
const EVENTS_PER_TURN: usize = 1024;
/// How often the end of the run and the memory of the watched process are looked at.
const TICK_NS: u64 = 100_000_000;
/// A gateway that breaks this many connections is not worth measuring.
const FAULTS_MAX: u64 = 10_000;

/// What to do.
pub struct Plan {
    /// What to send, and where.
    pub request: Request,
    /// Connections: all of them in a closed loop, at most so many at a fixed rate.
    pub connections: usize,
    /// Requests per second; `None` is a closed loop.
    pub rate: Option<u64>,
    /// Time before anything is measured.
    pub warmup: Duration,
    /// Time that is measured.
    pub measured: Duration,
    /// Time to wait for answers after that.
    pub patience: Duration,
    /// Stop after so many requests, though the time is not over.
    pub requests_max: Option<u64>,
    /// Answers are streams of this many events.
    pub events: Option<u64>,
    /// The gateway's process.
    pub watched: Option<Process>,
    /// What the run is called in its outcome.
    pub labels: BTreeMap<String, String>,
}

/// Sends what `plan` says; the outcome, and the first fault in words if there was one.
///
/// # Errors
/// When the poll fails or the watched process is gone. Faults of the gateway are counted, not returned.
pub fn run(plan: Plan) -> io::Result<(Outcome, Option<String>)> {
    let mut runner = Runner::new(plan)?;
    runner.run()?;
    Ok(runner.finish())
}

struct Slot {
    connection: Connection,
    exchange: Option<Exchange>,
}

struct Exchange {
    intended_ns: u64,
    stream: Option<StreamCheck>,
}

struct Runner {
    plan: Plan,
    poll: Poll,
    alarm: Alarm,
    schedule: Schedule,
    slots: Slab<Slot>,
    /// Open connections without an exchange, longest idle first.
    idle: VecDeque<usize>,
    /// Intended starts of requests that no connection was free for.
    backlog: VecDeque<u64>,
    in_flight: usize,
    in_flight_peak: usize,
    /// When the measured time was over.
    ended_ns: u64,
    tally: Tally,
    watch: Watch,
    scratch: Vec<u8>,
}

impl Runner {
    fn new(plan: Plan) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut alarm = Alarm::new()?;
        poll.registry()
            .register(&mut alarm, ALARM, Interest::READABLE)?;
        let pace = plan
            .rate
            .map_or(Pace::Closed, |per_second| Pace::Fixed { per_second });
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4);
        let schedule = Schedule::new(
            pace,
            monotonic_ns(),
            ns(plan.warmup),
            ns(plan.measured),
            plan.requests_max,
        );
        let watch = Watch::new(plan.watched)?;
        Ok(Self {
            plan,
            poll,
            alarm,
            schedule,
            slots: Slab::new(),
            idle: VecDeque::new(),
            backlog: VecDeque::new(),
            in_flight: 0,
            in_flight_peak: 0,
            ended_ns: 0,
            tally: Tally::default(),
            watch,
            scratch: vec![0; READ_BYTES],
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut tick_ns = 0;
        for _ in 0..self.plan.connections {
            self.follow();
        }
        loop {
            let now_ns = monotonic_ns();
            if now_ns >= tick_ns {
                self.tick(now_ns)?;
                tick_ns = self.next_tick_ns(now_ns);
            }
            self.begin_due(now_ns)?;
            if self.is_over(now_ns) {
                self.ended_ns = now_ns.min(self.schedule.end_ns);
                return self.watch.end();
            }
            match self
                .poll
                .poll(&mut events, Some(Duration::from_nanos(TICK_NS)))
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            for event in events.iter() {
                match event.token() {
                    ALARM => {}
                    Token(place) => self.on_ready(place, event.is_read_closed()),
                }
            }
        }
    }

    fn is_over(&self, now_ns: u64) -> bool {
        let patience_ns = u64::try_from(self.plan.patience.as_nanos()).unwrap_or(u64::MAX / 4);
        let is_done =
            self.in_flight == 0 && self.backlog.is_empty() && !self.schedule.goes_on(now_ns);
        is_done
            || now_ns > self.schedule.end_ns + patience_ns
            || self.tally.faults.broken > FAULTS_MAX
    }

    fn begin_due(&mut self, now_ns: u64) -> io::Result<()> {
        let mut has_begun = false;
        while let Some(intended_ns) = self.schedule.take_due(now_ns) {
            has_begun = true;
            self.begin(intended_ns);
        }
        match self.schedule.next_due_ns() {
            Some(due_ns) if has_begun => self.alarm.set_at(due_ns),
            _ => Ok(()),
        }
    }

    /// Begins the next request of a closed loop.
    fn follow(&mut self) {
        let now_ns = monotonic_ns();
        if self.schedule.take_follower(now_ns) {
            self.begin(now_ns);
        }
    }

    fn begin(&mut self, intended_ns: u64) {
        let place = match self.idle.pop_front() {
            Some(place) => place,
            None if self.slots.len() < self.plan.connections => match self.open() {
                Ok(place) => place,
                Err(error) => return self.fail(&error.into()),
            },
            None => return self.backlog.push_back(intended_ns),
        };
        let Some(slot) = self.slots.get_mut(place) else {
            return;
        };
        let stream = self.plan.events.map(StreamCheck::new);
        slot.exchange = Some(Exchange {
            intended_ns,
            stream,
        });
        self.in_flight += 1;
        self.in_flight_peak = self.in_flight_peak.max(self.in_flight);
        if let Err(error) = slot.connection.begin(&self.plan.request.bytes) {
            self.drop_broken(place, &error);
        }
    }

    fn open(&mut self) -> io::Result<usize> {
        let mut socket = TcpStream::connect(self.plan.request.address)?;
        let place = self.slots.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, Token(place.key()), interest)?;
        let key = place.key();
        place.insert(Slot {
            connection: Connection::new(socket),
            exchange: None,
        });
        Ok(key)
    }

    fn on_ready(&mut self, place: usize, is_read_closed: bool) {
        let Some(Slot {
            connection,
            exchange,
        }) = self.slots.get_mut(place)
        else {
            return;
        };
        let (tally, schedule) = (&mut self.tally, &self.schedule);
        let request = &self.plan.request.bytes;
        let read = connection.on_ready(request, is_read_closed, &mut self.scratch, |body| {
            if let Some(exchange) = exchange.as_mut() {
                exchange.read(body, schedule, tally);
            }
        });
        match read {
            Ok(None) => {}
            Ok(Some(message)) => self.finish_exchange(place, message),
            Err(error) => self.drop_broken(place, &error),
        }
    }

    fn finish_exchange(&mut self, place: usize, message: Message) {
        let now_ns = monotonic_ns();
        let Some(exchange) = self
            .slots
            .get_mut(place)
            .and_then(|slot| slot.exchange.take())
        else {
            // An answer that nothing asked for: the connection cannot be trusted.
            return drop(self.slots.try_remove(place));
        };
        self.in_flight -= 1;
        self.count(&exchange, message, now_ns);
        if message.keep_alive {
            self.idle.push_back(place);
        } else {
            self.slots.try_remove(place);
        }
        self.begin_next();
    }

    fn begin_next(&mut self) {
        match self.backlog.pop_front() {
            Some(intended_ns) => self.begin(intended_ns),
            None => self.follow(),
        }
    }

    fn count(&mut self, exchange: &Exchange, message: Message, now_ns: u64) {
        if message.status != 200 {
            self.tally.faults.refused += 1;
            return self
                .tally
                .explain(|| format!("an answer had status {}", message.status));
        }
        self.tally.completed += 1;
        if exchange.intended_ns >= self.schedule.measure_ns {
            self.tally.latency.record(now_ns - exchange.intended_ns);
        }
        if (self.schedule.measure_ns..self.schedule.end_ns).contains(&now_ns) {
            self.tally.completed_measured += 1;
        }
        if let Some(stream) = &exchange.stream {
            self.tally.end_stream(&stream.end());
        }
    }

    fn drop_broken(&mut self, place: usize, error: &ConnectionError) {
        let slot = self.slots.try_remove(place);
        if slot.is_some_and(|slot| slot.exchange.is_some()) {
            self.in_flight -= 1;
            self.fail(error);
            self.begin_next();
        } else {
            // Closing a connection that is idle is the server's good right.
            self.idle.retain(|idle| *idle != place);
        }
    }

    fn fail(&mut self, error: &ConnectionError) {
        self.tally.faults.broken += 1;
        self.tally
            .explain(|| format!("a connection failed: {error}"));
    }

    /// Looks at the watched process.
    fn tick(&mut self, now_ns: u64) -> io::Result<()> {
        self.watch.look()?;
        if now_ns >= self.schedule.measure_ns {
            self.watch.start()?;
        }
        if now_ns >= self.schedule.end_ns {
            self.watch.end()?;
        }
        Ok(())
    }

    /// When to look next: every tick, and at both ends of the measured time.
    fn next_tick_ns(&self, now_ns: u64) -> u64 {
        [self.schedule.measure_ns, self.schedule.end_ns]
            .into_iter()
            .filter(|at_ns| *at_ns > now_ns)
            .fold(now_ns + TICK_NS, u64::min)
    }

    fn finish(mut self) -> (Outcome, Option<String>) {
        self.tally.faults.unfinished += (self.in_flight + self.backlog.len()) as u64;
        if self.tally.faults.unfinished > 0 {
            self.tally
                .explain(|| "requests were still without an answer when the run gave up".into());
        }
        let measured_s =
            Duration::from_nanos(self.ended_ns.saturating_sub(self.schedule.measure_ns))
                .as_secs_f64();
        let per_s = |count: u64| to_f64(count) / measured_s.max(1e-9);
        let outcome = Outcome {
            labels: self.plan.labels,
            measured_s,
            requests_per_s: per_s(self.tally.completed_measured),
            sent: self.schedule.begun(),
            completed: self.tally.completed,
            in_flight_peak: self.in_flight_peak,
            faults: self.tally.faults,
            latency_us: self.tally.latency.summary(),
            streams: self.plan.events.map(|_| Streams {
                events_per_s: per_s(self.tally.events_measured),
                first_event_us: self.tally.first_event.summary(),
                event_us: self.tally.event.summary(),
            }),
            process: self.watch.usage(self.tally.completed_measured, measured_s),
        };
        (outcome, self.tally.first_fault)
    }
}

impl Exchange {
    fn read(&mut self, body: &[u8], schedule: &Schedule, tally: &mut Tally) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let now_ns = monotonic_ns();
        let is_measured = (schedule.measure_ns..schedule.end_ns).contains(&now_ns);
        stream.read(body, |sent_ns, is_first| {
            if is_measured {
                tally.events_measured += 1;
                tally.event.record(now_ns.saturating_sub(sent_ns));
            }
            if is_first && self.intended_ns >= schedule.measure_ns {
                tally.first_event.record(now_ns - self.intended_ns);
            }
        });
    }
}
