//! A call that is about to begin, and the encoding of a group of them in one row.
//!
//! A group is written as one value, as a row per intent would double the cost of a call. It is a sequence of records;
//! numbers are little-endian. One record:
//!
//! ```text
//! u8   version, 2
//! [16] call id
//! i64  started_at_us
//! u8   streamed, 0 or 1
//! i64  hold_nanousd
//! u8   unpriced, 0 or 1
//! u8   count of what is taken to have been used, then as often: unit, u64 quantity, i64 cost_nanousd
//! then user_id, token_id, kind, asked_model, provider, model, price_version
//! ```
//!
//! A text is its u16 length and UTF-8. Records of version 1 are still read, as a process may be replaced by a newer one
//! after it died: they have `u64 hold_input_tokens, u64 hold_output_tokens, i64 hold_nanousd, i64 hold_input_nanousd` in
//! the place of what follows `streamed` up to the texts.

use std::sync::Arc;

use uuid::Uuid;

use super::record::cut;

const VERSION: u8 = 2;
/// The version before holds were of any unit.
const VERSION_OF_TOKENS: u8 = 1;
/// The most units of one intent that are stored.
const TAKEN_MAX: usize = u8::MAX as usize;

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
    /// Money held in all, in nano-dollars.
    pub hold_nanousd: i64,
    /// What the call is taken to have used if nobody can tell any more.
    pub taken: Vec<TakenItem>,
    /// Something of that has no price.
    pub unpriced: bool,
    /// The version of the price table used.
    pub price_version: Arc<str>,
}

/// What an interrupted call is taken to have used of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenItem<U = &'static str> {
    /// The unit, such as "input" or "images".
    pub unit: U,
    /// How much of it.
    pub quantity: u64,
    /// What that costs, in nano-dollars.
    pub cost_nanousd: i64,
}

impl Intent {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(self.call_id.as_bytes());
        out.extend_from_slice(&self.started_at_us.to_le_bytes());
        out.push(u8::from(self.streamed));
        out.extend_from_slice(&self.hold_nanousd.to_le_bytes());
        out.push(u8::from(self.unpriced));
        let taken = self.taken.get(..TAKEN_MAX).unwrap_or(&self.taken);
        out.push(taken.len() as u8);
        for item in taken {
            encode_text(item.unit, out);
            out.extend_from_slice(&item.quantity.to_le_bytes());
            out.extend_from_slice(&item.cost_nanousd.to_le_bytes());
        }
        for text in [
            &*self.user_id,
            &*self.token_id,
            self.kind,
            &*self.asked_model,
            &*self.provider,
            &*self.model,
            &*self.price_version,
        ] {
            encode_text(text, out);
        }
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    let text = cut(text);
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// An intent as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredIntent<'a> {
    pub(crate) call_id: Uuid,
    pub(crate) started_at_us: i64,
    pub(crate) streamed: bool,
    pub(crate) hold: StoredHold<'a>,
    pub(crate) user_id: &'a str,
    pub(crate) token_id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) asked_model: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) model: &'a str,
    pub(crate) price_version: &'a str,
}

/// What was held for an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredHold<'a> {
    pub(crate) nanousd: i64,
    pub(crate) unpriced: bool,
    pub(crate) taken: Vec<TakenItem<&'a str>>,
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
    let [version] = take(input)?;
    Some(StoredIntent {
        call_id: Uuid::from_bytes(take(input)?),
        started_at_us: i64::from_le_bytes(take(input)?),
        streamed: take::<1>(input)? != [0],
        hold: match version {
            VERSION => take_hold(input)?,
            VERSION_OF_TOKENS => take_hold_of_tokens(input)?,
            _ => return None,
        },
        user_id: take_text(input)?,
        token_id: take_text(input)?,
        kind: take_text(input)?,
        asked_model: take_text(input)?,
        provider: take_text(input)?,
        model: take_text(input)?,
        price_version: take_text(input)?,
    })
}

fn take_hold<'a>(input: &mut &'a [u8]) -> Option<StoredHold<'a>> {
    let nanousd = i64::from_le_bytes(take(input)?);
    let unpriced = take::<1>(input)? != [0];
    let [count] = take(input)?;
    let items = (0..count).map(|_| {
        Some(TakenItem {
            unit: take_text(input)?,
            quantity: u64::from_le_bytes(take(input)?),
            cost_nanousd: i64::from_le_bytes(take(input)?),
        })
    });
    Some(StoredHold {
        nanousd,
        unpriced,
        taken: items.collect::<Option<_>>()?,
    })
}

fn take_hold_of_tokens<'a>(input: &mut &'a [u8]) -> Option<StoredHold<'a>> {
    let quantity = u64::from_le_bytes(take(input)?);
    let _output_tokens = take::<8>(input)?;
    let nanousd = i64::from_le_bytes(take(input)?);
    let cost_nanousd = i64::from_le_bytes(take(input)?);
    let input_tokens = TakenItem {
        unit: "input",
        quantity,
        cost_nanousd,
    };
    Some(StoredHold {
        nanousd,
        unpriced: false,
        taken: vec![input_tokens],
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
            hold_nanousd: numbers.4,
            taken: vec![
                TakenItem {
                    unit: "input",
                    quantity: numbers.2,
                    cost_nanousd: numbers.4 / 2,
                },
                TakenItem {
                    unit: "images",
                    quantity: numbers.3,
                    cost_nanousd: numbers.4 / 3,
                },
            ],
            unpriced: !streamed,
            price_version: text(5),
        }
    }

    #[test]
    fn what_an_earlier_version_left_behind_is_read() {
        let mut batch = vec![1];
        batch.extend_from_slice(&[7; 16]);
        batch.extend_from_slice(&5_i64.to_le_bytes());
        batch.push(1);
        for number in [30_u64, 40, 900, 200] {
            batch.extend_from_slice(&number.to_le_bytes());
        }
        for text in ["u", "t", "chat", "m", "p", "s", "v"] {
            encode_text(text, &mut batch);
        }
        let stored = decode(&batch).unwrap();
        let input = TakenItem {
            unit: "input",
            quantity: 30,
            cost_nanousd: 200,
        };
        assert_eq!((stored[0].kind, stored[0].streamed), ("chat", true));
        assert_eq!(stored[0].hold.nanousd, 900);
        assert_eq!(stored[0].hold.taken, [input]);
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
                    hold: StoredHold {
                        nanousd: intent.hold_nanousd,
                        unpriced: intent.unpriced,
                        taken: intent.taken.clone(),
                    },
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
