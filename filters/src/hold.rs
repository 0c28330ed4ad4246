//! What a call may use at the most, before anybody tells: by this money is held for it, and by this it is billed where
//! nobody is left to tell.

use weir_config::Price;
use weir_wire::audio::{HEARD_TOKENS_PER_SECOND, SPEECH_TOKENS_PER_CHARACTER};
use weir_wire::estimate::{self, PromptTokens};
use weir_wire::images::{self, INPUT_TOKENS_UPPER, ImageAsk, MAX_IMAGES, MAX_INPUT_IMAGES};
use weir_wire::rerank;
use weir_wire::usage::{Unit, Usage};

use crate::ask::{Ask, Endpoint};
use crate::meter;
use crate::money::{self, Bill, Line};
use crate::plan::Plan;

/// Output tokens held where neither the ask nor the price table bounds them.
const OUTPUT_TOKENS_UNKNOWN: u64 = 16_384;
/// Input tokens held for a WebSocket where the price table does not bound them: the context of OpenAI's models for it.
const SESSION_TOKENS_UNKNOWN: u64 = 32_000;
/// Tokens of text held for a form that has not come whole: the longest prompt for an image has 32,000 characters.
const FORM_TOKENS_UNKNOWN: u64 = 8_192;
/// Seconds held for a sound that is only linked to: an hour, which few providers take whole.
const SECONDS_UNKNOWN: u64 = 3_600;
/// About as many tokens as a second of sound has for the models that are paid by them (OpenAI's), and as many as the words
/// that are spoken in it.
const TOKENS_HEARD_PER_SECOND: u64 = 10;
const TOKENS_SAID_PER_SECOND: u64 = 4;
/// About as many tokens as the sound of a character takes.
const TOKENS_SPOKEN_PER_CHARACTER: u64 = 2;

/// What is held for a call until it is settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The most it may cost, nano-dollars.
    pub nanousd: i64,
    /// What it is taken to have used, with its cost, if this process dies.
    pub taken: Vec<Line>,
    /// Whether something of that has no price.
    pub unpriced: bool,
    /// About how many tokens the words of the ask have, for what nobody tells.
    pub prompt_tokens: u64,
    /// What it is taken to have used if it ends without that anybody tells; none where the answer is text, whose length
    /// says more.
    pub untold: Option<Usage>,
}

/// What a call may use, in the units that one kind of price is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bound {
    /// The most.
    most: Usage,
    /// What is likely. Of a text it is the input alone, as nobody knows how much was answered.
    likely: Usage,
}

impl Bound {
    /// As much is likely as is possible.
    fn exactly(units: &[(Unit, u64)]) -> Self {
        let most = usage(units);
        Self { most, likely: most }
    }

    fn new(most: &[(Unit, u64)], likely: &[(Unit, u64)]) -> Self {
        Self {
            most: usage(most),
            likely: usage(likely),
        }
    }
}

/// The units a target may be paid in: the one that is usual for the operation, and another.
type Bounds = (Bound, Option<Bound>);

/// The hold of an ask: for the target of its plan where it would cost the most.
pub(crate) fn hold(ask: &Ask, plan: &Plan) -> Hold {
    let prompt = PromptTokens::of_json(&ask.body);
    let mut dearest: Option<Hold> = None;
    for target in &plan.targets {
        let price = target.price.as_ref();
        let Some(bounds) = bounds(ask, prompt, price) else {
            continue;
        };
        let hold = at(bounds, price, is_text(ask.inbound.endpoint));
        if dearest.as_ref().is_none_or(|it| hold.nanousd > it.nanousd) {
            dearest = Some(hold);
        }
    }
    Hold {
        prompt_tokens: prompt.likely,
        ..dearest.unwrap_or_default()
    }
}

/// The hold at one price: in whichever units it is for, or the dearer ones if in both.
fn at((usual, other): Bounds, price: Option<&Price>, is_text: bool) -> Hold {
    let mut chosen = (usual, 0);
    if let Some(price) = price {
        let all = [Some(usual), other];
        let priced = all.into_iter().flatten().filter_map(|bound| {
            let nanousd = money::most_nanousd(price, &bound.most)?;
            Some((bound, nanousd))
        });
        // The first of those that cost the same.
        let dearest = priced.reduce(|first, next| if next.1 > first.1 { next } else { first });
        chosen = dearest.unwrap_or(chosen);
    }
    let (bound, nanousd) = chosen;
    let mut bill = Bill::default();
    bill.add(1, &bound.likely, price);
    Hold {
        nanousd: nanousd.max(bill.total_nanousd()),
        unpriced: bill.unpriced,
        prompt_tokens: 0,
        taken: bill.lines,
        untold: (!is_text).then_some(bound.likely),
    }
}

/// Whether what is used is the text that goes in and out.
fn is_text(endpoint: Endpoint) -> bool {
    !matches!(
        endpoint,
        Endpoint::ImageGenerations
            | Endpoint::ImageEdits
            | Endpoint::ImageVariations
            | Endpoint::Speech
            | Endpoint::Transcriptions
            | Endpoint::Translations
            | Endpoint::Rerank
    )
}

/// What an ask may use; none where it is free.
fn bounds(ask: &Ask, prompt: PromptTokens, price: Option<&Price>) -> Option<Bounds> {
    Some(match ask.inbound.endpoint {
        Endpoint::ImageGenerations | Endpoint::ImageEdits | Endpoint::ImageVariations => {
            of_images(ask, prompt, price)
        }
        Endpoint::Speech => of_speech(ask),
        Endpoint::Transcriptions | Endpoint::Translations => of_sound(ask, prompt, price),
        Endpoint::Rerank => of_rerank(ask),
        Endpoint::Realtime => (of_session(price), None),
        // Most give them away; who does not has a price.
        Endpoint::Moderations if price.is_some() => (of_text(ask, prompt, price), None),
        _ if ask.is_free() => return None,
        _ => (of_text(ask, prompt, price), None),
    })
}

/// No model reads more than its context, which bounds what stands in a body as a file.
fn of_text(ask: &Ask, prompt: PromptTokens, price: Option<&Price>) -> Bound {
    let context = price.and_then(|it| it.context_tokens);
    let input = prompt.upper.min(context.unwrap_or(u64::MAX));
    let input = (Unit::Input, input);
    let output = (Unit::Output, output_tokens(ask, price));
    Bound::new(&[input, output], &[input])
}

/// The most tokens of the answers that are asked for.
fn output_tokens(ask: &Ask, price: Option<&Price>) -> u64 {
    if !ask.generates_text() {
        return 0;
    }
    let bound = price.and_then(|it| it.max_output_tokens);
    let each = match (ask.head.max_output_tokens, bound) {
        (Some(asked), Some(bound)) => asked.min(bound),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => OUTPUT_TOKENS_UNKNOWN,
    };
    each.saturating_mul(u64::from(ask.head.choices.max(1)))
}

/// One response of a WebSocket, its context full of sound: what it will come to is told as it goes on.
fn of_session(price: Option<&Price>) -> Bound {
    let context = price.and_then(|it| it.context_tokens);
    let output = price.and_then(|it| it.max_output_tokens);
    let input = (Unit::AudioInput, context.unwrap_or(SESSION_TOKENS_UNKNOWN));
    let output = (Unit::AudioOutput, output.unwrap_or(OUTPUT_TOKENS_UNKNOWN));
    Bound::new(&[input, output], &[input])
}

fn of_images(ask: &Ask, prompt: PromptTokens, price: Option<&Price>) -> Bounds {
    let form = ask.upload.as_ref().and_then(|it| it.form.as_ref());
    // Behind the file of a form that passes by, more may be asked for than is known.
    let is_open = ask.upload.as_ref().is_some_and(|it| it.is_passing());
    let (asked, is_open) = match form {
        Some(form) => {
            let known = form.known();
            (ImageAsk::of_form(known), is_open && known.n.is_none())
        }
        None => (ImageAsk::of_json(&ask.body), false),
    };
    let n = u64::from(asked.n);
    let n_most = if is_open { u64::from(MAX_IMAGES) } else { n };
    let counted = Bound::new(&[(Unit::Images, n_most)], &[(Unit::Images, n)]);

    let inputs = inputs(ask).saturating_mul(INPUT_TOKENS_UPPER);
    let prompt = words(ask, prompt);
    let bound = price.and_then(|it| it.max_output_tokens);
    let capped = |tokens: u64| tokens.min(bound.unwrap_or(u64::MAX));
    let most = capped(asked.tokens_upper().saturating_mul(n_most));
    let likely = capped(asked.tokens_likely().saturating_mul(n));
    let input = [(Unit::Input, prompt), (Unit::ImageInput, inputs)];
    let with = |output| [input[0], input[1], (Unit::ImageOutput, output)];
    (counted, Some(Bound::new(&with(most), &with(likely))))
}

/// How many images a call brings.
fn inputs(ask: &Ask) -> u64 {
    match &ask.upload {
        Some(upload) if upload.is_passing() => MAX_INPUT_IMAGES,
        Some(upload) => {
            let parts = upload.form.iter().flat_map(|form| form.parts());
            parts.filter(|part| part.is_file()).count() as u64
        }
        None if ask.inbound.endpoint == Endpoint::ImageEdits => {
            images::inputs_of_json(&ask.body).unwrap_or(MAX_INPUT_IMAGES)
        }
        None => 0,
    }
}

/// More tokens than the words of a call have that makes or hears something: images that stand in its body are none.
fn words(ask: &Ask, prompt: PromptTokens) -> u64 {
    match &ask.upload {
        Some(upload) if upload.is_passing() => FORM_TOKENS_UNKNOWN,
        Some(upload) => {
            let parts = upload.form.iter().flat_map(|form| form.parts());
            let texts = parts.filter_map(|part| part.value());
            texts.fold(0, |sum, text| {
                sum + estimate::prompt_tokens_upper(text.len())
            })
        }
        None if ask.inbound.endpoint == Endpoint::ImageGenerations => prompt.upper,
        None => prompt.upper.min(FORM_TOKENS_UNKNOWN),
    }
}

fn of_speech(ask: &Ask) -> Bounds {
    let told = meter::asked(ask).map(|usage| usage.get(Unit::Characters));
    // A body that names no text is refused by the provider.
    let characters = told.unwrap_or(ask.body.len() as u64);
    let text = (Unit::Input, characters);
    let sound = |each: u64| (Unit::AudioOutput, characters.saturating_mul(each));
    let tokens = Bound::new(
        &[text, sound(SPEECH_TOKENS_PER_CHARACTER)],
        &[text, sound(TOKENS_SPOKEN_PER_CHARACTER)],
    );
    let characters = Bound::exactly(&[(Unit::Characters, characters)]);
    (characters, Some(tokens))
}

fn of_sound(ask: &Ask, prompt: PromptTokens, price: Option<&Price>) -> Bounds {
    let sound = ask.upload.as_ref().and_then(|it| it.sound());
    let (most, likely) = match sound {
        Some(sound) => (sound.seconds_upper(), sound.seconds_likely()),
        None => (SECONDS_UNKNOWN, SECONDS_UNKNOWN),
    };
    let context = price.and_then(|it| it.context_tokens);
    let heard = |seconds: u64, each: u64| {
        let tokens = seconds.saturating_mul(each);
        (Unit::AudioInput, tokens.min(context.unwrap_or(u64::MAX)))
    };
    let output = price.and_then(|it| it.max_output_tokens);
    let output = output.unwrap_or(OUTPUT_TOKENS_UNKNOWN);
    let said = likely.saturating_mul(TOKENS_SAID_PER_SECOND).min(output);
    let text = (Unit::Input, words(ask, prompt));
    let tokens = Bound::new(
        &[
            text,
            heard(most, HEARD_TOKENS_PER_SECOND),
            (Unit::Output, output),
        ],
        &[heard(likely, TOKENS_HEARD_PER_SECOND), (Unit::Output, said)],
    );
    let seconds = Bound::new(&[(Unit::Seconds, most)], &[(Unit::Seconds, likely)]);
    (seconds, Some(tokens))
}

fn of_rerank(ask: &Ask) -> Bounds {
    let bounds = rerank::Bounds::of_json(&ask.body);
    let likely = estimate::tokens_of_bytes(bounds.tokens_upper);
    let searches = Bound::new(
        &[(Unit::Searches, bounds.searches_upper)],
        &[(Unit::Searches, bounds.searches)],
    );
    let tokens = Bound::new(
        &[(Unit::Input, bounds.tokens_upper)],
        &[(Unit::Input, likely)],
    );
    (searches, Some(tokens))
}

fn usage(units: &[(Unit, u64)]) -> Usage {
    let mut usage = Usage::default();
    for (unit, quantity) in units {
        usage.add(*unit, *quantity);
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(hold: &Hold) -> Vec<(Unit, u64, i64)> {
        let lines = hold.taken.iter();
        lines
            .map(|line| (line.unit, line.quantity, line.cost_nanousd))
            .collect()
    }

    /// Three images, or up to 90 tokens of which 30 are likely.
    fn images() -> Bounds {
        let counted = Bound::exactly(&[(Unit::Images, 3)]);
        let tokens = Bound::new(&[(Unit::ImageOutput, 90)], &[(Unit::ImageOutput, 30)]);
        (counted, Some(tokens))
    }

    #[test]
    fn a_price_decides_in_which_units_is_held() {
        let by_tokens = Price::flat(1_000_000, 2_000_000);
        let hold = at(images(), Some(&by_tokens), false);
        assert_eq!(hold.nanousd, 180);
        assert_eq!(lines(&hold), [(Unit::ImageOutput, 30, 60)]);

        let mut by_images = Price::default();
        by_images.rates.images = Some(50_000_000);
        let hold = at(images(), Some(&by_images), false);
        assert_eq!(hold.nanousd, 150);
        assert_eq!(lines(&hold), [(Unit::Images, 3, 150)]);
        assert_eq!(hold.untold, Some(images().0.likely));
    }

    #[test]
    fn of_two_prices_the_dearer_counts() {
        let mut both = Price::flat(1_000_000, 2_000_000);
        both.rates.images = Some(50_000_000);
        assert_eq!(at(images(), Some(&both), false).nanousd, 180);
        both.rates.images = Some(70_000_000);
        assert_eq!(at(images(), Some(&both), false).nanousd, 210);
    }

    #[test]
    fn what_has_no_price_is_told_and_not_given_away() {
        let hold = at(images(), None, false);
        assert_eq!((hold.nanousd, hold.unpriced), (0, true));
        assert_eq!(lines(&hold), [(Unit::Images, 3, 0)]);
        let mut by_seconds = Price::default();
        by_seconds.rates.seconds = Some(1);
        let hold = at(images(), Some(&by_seconds), false);
        assert_eq!((hold.nanousd, hold.unpriced), (0, true));
    }

    #[test]
    fn a_session_holds_a_response_with_its_context_full() {
        let mut price = Price::flat(1_000_000, 1_000_000);
        price.rates.audio_input = 3_000_000;
        price.rates.audio_output = 6_000_000;
        price.max_output_tokens = Some(4_096);
        let hold = at((of_session(Some(&price)), None), Some(&price), true);
        assert_eq!(hold.nanousd, 32_000 * 3 + 4_096 * 6);
        assert_eq!(lines(&hold), [(Unit::AudioInput, 32_000, 96_000)]);
        price.context_tokens = Some(1_000);
        let hold = at((of_session(Some(&price)), None), Some(&price), true);
        assert_eq!(lines(&hold), [(Unit::AudioInput, 1_000, 3_000)]);
    }
}
