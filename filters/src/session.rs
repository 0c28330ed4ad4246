//! A realtime session: a WebSocket to which the provider has agreed, as a call. It is relayed, metered by its events, and
//! settled as one row however it ends.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pingora::http::ResponseHeader;
use pingora::protocols::Stream;
use weir_config::Price;
use weir_store::EndKind;
use weir_wire::estimate;
use weir_wire::realtime::{self as told, Named, Purpose};
use weir_wire::usage::{Unit, Usage};

use crate::allow;
use crate::directory::Known;
use crate::failure::cancelled;
use crate::gateway::Gateway;
use crate::identify;
use crate::realtime::Agreed;
use crate::reserve::Held;
use crate::routes::Routes;
use crate::settle::{Finish, Tally};
use crate::told::Side as Fault;
use crate::tunnel::{Ending, Limits, RealtimeWatch, Rules, Side, Stop, Verdict, Watch, relay};

/// How often it is asked whether the caller's token still holds.
const TOKEN_CHECK_EVERY: Duration = Duration::from_secs(1);
/// The shortest silence on both sides after which a session ends; people think longer than models do.
const IDLE_MIN: Duration = Duration::from_secs(15 * 60);
/// The longest session. OpenAI ends them after an hour itself.
const SESSION_MAX: Duration = Duration::from_secs(4 * 3_600);
/// What the other side has to end with after one has left.
const LINGER: Duration = Duration::from_secs(5);
/// What is left of the grace period of a process that stops, to say goodbye in.
const GOODBYE: Duration = Duration::from_secs(1);

/// A session that the client does not know of yet.
pub struct Session {
    held: Held,
    tally: Tally,
    agreed: Agreed,
}

/// What the watch and whoever may stop the session tell each other.
#[derive(Default)]
struct Signs {
    /// A response is under way.
    is_answering: AtomicBool,
    /// The process stops: the response under way is the last.
    is_stopping: AtomicBool,
}

impl Session {
    pub(crate) fn new(held: Held, tally: Tally, agreed: Agreed) -> Self {
        Self {
            held,
            tally,
            agreed,
        }
    }

    /// The head that agrees with the client.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn reply(&self) -> pingora::Result<ResponseHeader> {
        let mut reply = self.agreed.upgraded.reply()?;
        for (name, value) in &self.agreed.headers {
            reply.append_header(name.clone(), value.clone())?;
        }
        Ok(reply)
    }

    /// Settles a session whose client was gone before it heard of it.
    pub async fn abandon(self) {
        self.tally.settle(cancelled()).await;
    }

    /// Relays the session to its end, and settles it. When `stopping` is ready the process stops: a response under way
    /// still comes to its end, within the grace period.
    pub async fn relay(
        self,
        gateway: &Gateway,
        client: Side<Stream>,
        stopping: impl Future<Output = ()> + Send,
    ) {
        let Self {
            held,
            tally,
            agreed,
        } = self;
        let planned = &held.planned;
        let settings = &planned.routes.settings;
        let known = Arc::clone(&planned.allowed.ask.admitted.caller.known);
        let signs = Arc::new(Signs::default());
        let grace = Duration::from_millis(settings.server.grace_period_ms);
        let stop = until_stopped(
            gateway,
            Arc::clone(&known),
            &signs,
            grace.saturating_sub(GOODBYE.min(grace / 4)),
            stopping,
        );
        let provider = settings.providers.get(&*agreed.provider);
        let idle = provider.map_or(0, |it| it.timeouts.idle_ms);
        let limits = Limits {
            idle: Duration::from_millis(idle).max(IDLE_MIN),
            write: Duration::from_millis(settings.server.write_timeout_ms),
            linger: LINGER,
            total: SESSION_MAX,
        };
        let rules = Bookkeeper {
            tally,
            known,
            routes: Arc::clone(&planned.routes),
            asked: Arc::clone(&planned.allowed.model),
            provider: agreed.provider,
            model: agreed.model,
            price: agreed.price,
            is_renamed: false,
            billed: told::Session::default(),
            signs: Arc::clone(&signs),
        };
        let mut watch = Attentive {
            watch: RealtimeWatch::new(rules),
            signs: Arc::clone(&signs),
        };
        let upstream = agreed.upgraded.side;
        let relayed = relay(client, upstream, &mut watch, limits, stop).await;
        let finish = finish(&relayed.ending, watch.watch.session());
        let call = planned.allowed.ask.inbound.call_id;
        tracing::debug!(%call, end = finish.end.as_str(), bytes_up = relayed.client_bytes,
            bytes_down = relayed.upstream_bytes, "a session has ended");
        close_books(watch.watch).settle(finish).await;
        // The slots and the money are free when the row is written, and not before.
        drop(held);
    }
}

/// The bill of a session that has ended; what its last response used is estimated, should nobody have told.
fn close_books(watch: RealtimeWatch<Bookkeeper>) -> Tally {
    let is_estimated = watch.is_estimated();
    let session = watch.session().clone();
    let mut rules = watch.into_rules();
    rules.bill(&session);
    if is_estimated {
        let mut usage = Usage::default();
        let output = estimate::tokens_of_bytes(session.open_output_bytes);
        usage.set(Unit::Output, output);
        rules.tally.guessed(&usage);
    }
    rules
        .tally
        .set_upstream_id(session.id.as_deref().unwrap_or_default());
    rules.tally
}

/// How a session's end is written down. That a client leaves is how sessions end, unless it leaves in the middle of a
/// response.
fn finish(ending: &Ending, session: &told::Session) -> Finish {
    let is_answering = session.open_responses > 0;
    let is_refused = session.responses == 0 && session.last_error.is_some();
    let (end, side) = match ending {
        Ending::ClientLeft if is_answering => (EndKind::Cancelled, None),
        Ending::UpstreamLeft if is_answering || is_refused => {
            (EndKind::Failed, Some(Fault::Provider))
        }
        Ending::Stopped(stop) if stop.status == 1008 => (EndKind::Failed, Some(Fault::Policy)),
        Ending::Stopped(stop) if stop.status != 1001 => (EndKind::Failed, Some(Fault::Caller)),
        Ending::Stopped(_) | Ending::TimeUp if is_answering => {
            (EndKind::Failed, Some(Fault::Gateway))
        }
        _ => (EndKind::Done, None),
    };
    Finish {
        end,
        status: 101,
        side,
    }
}

fn going_away() -> Stop {
    Stop {
        status: 1001,
        code: "server_shutdown",
        message: "The gateway is stopping: connect again.".to_owned(),
    }
}

/// Waits until the session has to be stopped: the token holds no more, or the process stops.
async fn until_stopped(
    gateway: &Gateway,
    known: Arc<Known>,
    signs: &Signs,
    grace: Duration,
    stopping: impl Future<Output = ()>,
) -> Stop {
    let revoked = async {
        loop {
            tokio::time::sleep(TOKEN_CHECK_EVERY).await;
            let id = &known.token.public_id;
            if !identify::is_still_known(&gateway.directory, &gateway.clock, id).await {
                return;
            }
        }
    };
    tokio::select! {
        () = stopping => {}
        () = revoked => return Stop {
            status: 1008,
            code: "invalid_api_key",
            message: "The API key of this session is not valid any more.".to_owned(),
        },
    }
    signs.is_stopping.store(true, Ordering::Relaxed);
    if signs.is_answering.load(Ordering::Relaxed) {
        // The end of the response stops the session, if it comes in time.
        tokio::time::sleep(grace).await;
    }
    going_away()
}

/// Prices each response as it ends, and knows which models the caller may name.
struct Bookkeeper {
    tally: Tally,
    known: Arc<Known>,
    routes: Arc<Routes>,
    /// The model as the client asked for it.
    asked: Arc<str>,
    provider: Arc<str>,
    model: Arc<str>,
    price: Option<Price>,
    /// Whether the client has named another model than that.
    is_renamed: bool,
    /// The session as it was when it was billed last.
    billed: told::Session,
    signs: Arc<Signs>,
}

impl Bookkeeper {
    /// Bills what was used since the last time. Long prompts may be dearer, so responses are not summed before they are
    /// priced.
    fn bill(&mut self, session: &told::Session) {
        let find = |model: &str| {
            let prices = &self.routes.settings.prices;
            prices.find(&self.provider, model).copied()
        };
        // The provider may tell a longer name than it was asked by; only where the client changed the model is another.
        let renamed = session.model.as_deref().filter(|_| self.is_renamed);
        let price = renamed.and_then(find).or(self.price);
        let used = since(&self.billed.usage, &session.usage);
        let transcribed = since(
            &self.billed.transcription_usage,
            &session.transcription_usage,
        );
        let of_transcription = session.transcription_model.as_deref().and_then(find);
        self.tally.used_at(&used, price.as_ref());
        self.tally.used_at(&transcribed, of_transcription.as_ref());
        self.billed.clone_from(session);
    }
}

/// What a sum has grown by.
fn since(before: &Usage, now: &Usage) -> Usage {
    let mut grown = Usage::default();
    for (unit, quantity) in now.iter() {
        grown.set(unit, quantity.saturating_sub(before.get(unit)));
    }
    grown
}

impl Rules for Bookkeeper {
    fn allow(&mut self, named: &Named) -> Result<(), Stop> {
        let is_session = named.purpose == Purpose::Session;
        if is_session && (*named.model == *self.model || *named.model == *self.asked) {
            return Ok(());
        }
        let patterns = &self.known.token.models;
        let whole = format!("{}/{}", self.provider, named.model);
        if !allow::permits(patterns, &named.model) && !allow::permits(patterns, &whole) {
            return Err(Stop {
                status: 1008,
                code: "model_not_found",
                message: format!(
                    "The model `{}` does not exist or is not available to you.",
                    named.model
                ),
            });
        }
        self.is_renamed |= is_session;
        Ok(())
    }

    fn settle(&mut self, session: &told::Session) -> Result<(), Stop> {
        self.bill(session);
        let is_last = self.signs.is_stopping.load(Ordering::Relaxed) && session.open_responses == 0;
        if is_last { Err(going_away()) } else { Ok(()) }
    }
}

/// Tells whoever may stop the session whether a response is under way.
struct Attentive {
    watch: RealtimeWatch<Bookkeeper>,
    signs: Arc<Signs>,
}

impl Watch for Attentive {
    fn client_sent(&mut self, bytes: &[u8]) -> Verdict {
        self.watch.client_sent(bytes)
    }

    fn upstream_sent(&mut self, bytes: &[u8]) -> Verdict {
        let verdict = self.watch.upstream_sent(bytes);
        let is_answering = self.watch.session().open_responses > 0;
        self.signs
            .is_answering
            .store(is_answering, Ordering::Relaxed);
        verdict
    }

    fn farewell(&self, stop: &Stop) -> Vec<u8> {
        self.watch.farewell(stop)
    }
}
