//! A call that is about to begin, and the encoding of a group of them in one row.
//!
//! A group is written as one value, as a row per intent would double the cost of a call. It is a sequence of records;
//! numbers are little-endian. One record:
//!
//! ```text
//! u8   version, 1
//! [16] call id
//! i64  started_at_us
//! u8   streamed, 0 or 1
//! u64  hold_input_tokens
//! u64  hold_output_tokens
//! i64  hold_nanousd
//! i64  hold_input_nanousd
//! then user_id, token_id, kind, asked_model, provider, model, price_version: each u16 length and UTF-8 text
//! ```

use std::sync::Arc;

use uuid::Uuid;

use super::record::cut;

const VERSION: u8 = 1;

/// What is known of a call before it is sent, and held for it. Texts longer than 256 bytes are cut when they are stored.
#[derive(Debug, Clone)]
pub struct Intent {
    /// A UUIDv7 made now.
    pub call_id: Uuid,
    /// Unix microseconds.
    pub started_at_us: i64,
    /// The caller's user.
    pub user_id: Arc<str>,
    /// The public id of the caller's token.
    pub token_id: Arc<str>,
    /// The endpoint, such as "chat".
    pub kind: &'static str,
    /// The model as the client named it.
    pub asked_model: Arc<str>,
    /// The provider planned first.
    pub provider: Arc<str>,
    /// The model planned first.
    pub model: Arc<str>,
    /// The answer is to be streamed.
    pub streamed: bool,
    /// Input tokens held.
    pub hold_input_tokens: u64,
    /// Output tokens held.
    pub hold_output_tokens: u64,
    /// Money held in all, in nano-dollars.
    pub hold_nanousd: i64,
    /// The part of it for the input alone: what an interrupted call is taken to have cost.
    pub hold_input_nanousd: i64,
    /// The version of the price table used.
    pub price_version: Arc<str>,
}

impl Intent {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(self.call_id.as_bytes());
        out.extend_from_slice(&self.started_at_us.to_le_bytes());
        out.push(u8::from(self.streamed));
        out.extend_from_slice(&self.hold_input_tokens.to_le_bytes());
        out.extend_from_slice(&self.hold_output_tokens.to_le_bytes());
        out.extend_from_slice(&self.hold_nanousd.to_le_bytes());
        out.extend_from_slice(&self.hold_input_nanousd.to_le_bytes());
        for text in [
            &*self.user_id,
            &*self.token_id,
            self.kind,
            &*self.asked_model,
            &*self.provider,
            &*self.model,
            &*self.price_version,
        ] {
            let text = cut(text);
            out.extend_from_slice(&(text.len() as u16).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// An intent as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredIntent<'a> {
    pub(crate) call_id: Uuid,
    pub(crate) started_at_us: i64,
    pub(crate) streamed: bool,
    pub(crate) hold_input_tokens: u64,
    pub(crate) hold_output_tokens: u64,
    pub(crate) hold_nanousd: i64,
    pub(crate) hold_input_nanousd: i64,
    pub(crate) user_id: &'a str,
    pub(crate) token_id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) asked_model: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) model: &'a str,
    pub(crate) price_version: &'a str,
}

/// The intents of one row; `None` if it is not the encoding above.
pub(crate) fn decode(mut batch: &[u8]) -> Option<Vec<StoredIntent<'_>>> {
    let mut intents = Vec::new();
    while !batch.is_empty() {
        intents.push(decode_one(&mut batch)?);
    }
    Some(intents)
}

fn decode_one<'a>(input: &mut &'a [u8]) -> Option<StoredIntent<'a>> {
    if take::<1>(input)? != [VERSION] {
        return None;
    }
    Some(StoredIntent {
        call_id: Uuid::from_bytes(take(input)?),
        started_at_us: i64::from_le_bytes(take(input)?),
        streamed: take::<1>(input)? != [0],
        hold_input_tokens: u64::from_le_bytes(take(input)?),
        hold_output_tokens: u64::from_le_bytes(take(input)?),
        hold_nanousd: i64::from_le_bytes(take(input)?),
        hold_input_nanousd: i64::from_le_bytes(take(input)?),
        user_id: take_text(input)?,
        token_id: take_text(input)?,
        kind: take_text(input)?,
        asked_model: take_text(input)?,
        provider: take_text(input)?,
        model: take_text(input)?,
        price_version: take_text(input)?,
    })
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*taken)
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let len = u16::from_le_bytes(take(input)?);
    let (text, rest) = input.split_at_checked(usize::from(len))?;
    *input = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn intent(texts: &[String], numbers: (u128, i64, u64, u64, i64), streamed: bool) -> Intent {
        let text = |at: usize| Arc::from(texts[at].as_str());
        Intent {
            call_id: Uuid::from_u128(numbers.0),
            started_at_us: numbers.1,
            user_id: text(0),
            token_id: text(1),
            kind: "chat",
            asked_model: text(2),
            provider: text(3),
            model: text(4),
            streamed,
            hold_input_tokens: numbers.2,
            hold_output_tokens: numbers.3,
            hold_nanousd: numbers.4,
            hold_input_nanousd: numbers.4 / 2,
            price_version: text(5),
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            calls in prop::collection::vec((prop::collection::vec(".{0,40}", 6), any::<(u128, i64, u64, u64, i64)>(), any::<bool>()), 0..8)
        ) {
            let intents: Vec<Intent> = calls.iter().map(|(texts, numbers, streamed)| intent(texts, *numbers, *streamed)).collect();
            let mut batch = Vec::new();
            intents.iter().for_each(|intent| intent.encode(&mut batch));
            let stored = decode(&batch).unwrap();
            prop_assert_eq!(stored.len(), intents.len());
            for (stored, intent) in stored.iter().zip(&intents) {
                prop_assert_eq!(stored, &StoredIntent {
                    call_id: intent.call_id,
                    started_at_us: intent.started_at_us,
                    streamed: intent.streamed,
                    hold_input_tokens: intent.hold_input_tokens,
                    hold_output_tokens: intent.hold_output_tokens,
                    hold_nanousd: intent.hold_nanousd,
                    hold_input_nanousd: intent.hold_input_nanousd,
                    user_id: &intent.user_id,
                    token_id: &intent.token_id,
                    kind: intent.kind,
                    asked_model: &intent.asked_model,
                    provider: &intent.provider,
                    model: &intent.model,
                    price_version: &intent.price_version,
                });
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_cut_batch_is_refused(texts in prop::collection::vec(".{0,9}", 6), at in any::<prop::sample::Index>()) {
            let mut batch = Vec::new();
            intent(&texts, (1, 2, 3, 4, 5), true).encode(&mut batch);
            let cut = 1 + at.index(batch.len() - 1);
            prop_assert!(decode(&batch[..cut]).is_none());
        }
    }
}
