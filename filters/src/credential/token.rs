//! A key's token of now, shared by all requests: renewed before it ends, by one of them at a time.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use parking_lot::Mutex;

use super::source::TokenSource;
use super::{CredentialError, FetchToken};

/// How long before its end a token is renewed; half of its life where that is less.
const RENEW_BEFORE_MS: u64 = 300_000;
/// How long before its end a token counts as ended, as clocks differ and requests take their time.
const MARGIN_MS: u64 = 10_000;
/// How long a failure is remembered, so that waiting requests do not ask again one after the other.
const FAILURE_MS: u64 = 2_000;
/// Cells kept before those nobody holds any more are swept.
const CELLS_BEFORE_SWEEP: usize = 1_024;

/// One key's token.
#[derive(Default)]
pub(crate) struct TokenCell {
    current: ArcSwapOption<Token>,
    /// Held by whoever asks for a token; holds the last failure.
    asking: tokio::sync::Mutex<Option<Failure>>,
}

struct Token {
    header: HeaderValue,
    renew_at_ms: u64,
    ends_at_ms: u64,
}

struct Failure {
    until_ms: u64,
    why: CredentialError,
}

impl TokenCell {
    /// The header with a token that holds now. Only where there is none at all does a request wait for another's asking.
    pub async fn header(
        &self,
        source: &TokenSource,
        now_ms: u64,
        tokens: &dyn FetchToken,
    ) -> Result<HeaderValue, CredentialError> {
        if let Some(header) = self.fresh(now_ms) {
            return Ok(header);
        }
        let mut failure = match (self.asking.try_lock(), self.usable(now_ms)) {
            (Ok(guard), _) => guard,
            (Err(_), Some(header)) => return Ok(header),
            (Err(_), None) => self.asking.lock().await,
        };
        if let Some(header) = self.fresh(now_ms) {
            return Ok(header);
        }
        let known = match failure.take() {
            Some(known) if now_ms < known.until_ms => known,
            _ => match source.fetch(now_ms, tokens).await {
                Ok(granted) => {
                    return Ok(self.keep(granted.header, now_ms, granted.lifetime_s * 1_000));
                }
                Err(why) => Failure {
                    until_ms: now_ms + FAILURE_MS,
                    why,
                },
            },
        };
        let why = known.why.clone();
        *failure = Some(known);
        // A giver that is away must not take a token with it that still holds.
        self.usable(now_ms).ok_or(why)
    }

    /// The header that was sent last.
    pub fn known(&self) -> Option<HeaderValue> {
        let token = self.current.load();
        token.as_ref().map(|token| token.header.clone())
    }

    fn fresh(&self, now_ms: u64) -> Option<HeaderValue> {
        let token = self.current.load();
        let token = token.as_ref()?;
        (now_ms < token.renew_at_ms).then(|| token.header.clone())
    }

    fn usable(&self, now_ms: u64) -> Option<HeaderValue> {
        let token = self.current.load();
        let token = token.as_ref()?;
        (now_ms < token.ends_at_ms).then(|| token.header.clone())
    }

    fn keep(&self, header: HeaderValue, now_ms: u64, lifetime_ms: u64) -> HeaderValue {
        let early_ms = RENEW_BEFORE_MS.min(lifetime_ms / 2);
        self.current.store(Some(Arc::new(Token {
            header: header.clone(),
            renew_at_ms: now_ms + lifetime_ms - early_ms,
            ends_at_ms: now_ms + lifetime_ms.saturating_sub(MARGIN_MS),
        })));
        header
    }
}

/// All cells by the name of their key, so that plans and reloads share them.
#[derive(Default)]
pub(crate) struct TokenCells(Mutex<HashMap<String, Arc<TokenCell>>>);

impl TokenCells {
    /// The cell of that name.
    pub fn cell(&self, name: String) -> Arc<TokenCell> {
        let mut cells = self.0.lock();
        if cells.len() > CELLS_BEFORE_SWEEP {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        Arc::clone(cells.entry(name).or_default())
    }
}
