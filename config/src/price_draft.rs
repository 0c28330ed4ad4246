//! The `prices` section: YAML -> drafts, and drafts -> the table.

use std::collections::BTreeMap;

use crate::draft::Reading;
use crate::file::{entries, read_one, read_section, text_of};
use crate::kinds::{FLAG, OPTIONAL_PRICE, OPTIONAL_TOKENS};
use crate::model_pattern::ModelPattern;
use crate::price::{LongContext, Price, PriceTable, Rates};
use crate::report::{Place, Report, quoted};
use crate::section::{Row, Shape, section};
use crate::yaml::{Entry, Node};

/// The key of the table's version, among the providers' names.
pub(crate) const VERSION: &str = "version";
/// The key of the rates for long prompts, among a model's.
const LONG_CONTEXT: &str = "long_context";
/// Longest version, so that it fits a row.
const VERSION_MAX_CHARS: usize = 64;

section! {
    /// A model's entry: US dollars per million units, and the model's bounds.
    #[derive(Clone, Debug)]
    pub(crate) struct PriceValues {
        /// Tokens of the prompt that came from no cache. Required with `output`, unless the model is free or paid by one of the `per_` keys.
        input: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens read from the provider's cache; as `input` where not given.
        cache_read: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens written to the cache for minutes; as `input` where not given.
        cache_write_5m: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens written to the cache for an hour; as `cache_write_5m` where not given.
        cache_write_1h: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of audio in the prompt; as `input` where not given.
        audio_input: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of images in the prompt; as `input` where not given.
        image_input: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of the answer. Required with `input`; `0` for embeddings.
        output: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of reasoning; as `output` where not given.
        reasoning: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of audio in the answer; as `output` where not given.
        audio_output: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of images in the answer; as `output` where not given.
        image_output: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Dollars for one image, where images are not paid by their tokens.
        per_image: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Dollars for one second of audio.
        per_second: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Dollars for a million characters spoken.
        per_million_characters: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Dollars for a thousand searches, such as a rerank of up to 100 documents.
        per_thousand_searches: Option<i64> = "none" as OPTIONAL_PRICE,
        /// Tokens of prompt and answer together.
        context_tokens: Option<u64> = "none" as OPTIONAL_TOKENS,
        /// Tokens of the longest answer.
        max_output_tokens: Option<u64> = "none" as OPTIONAL_TOKENS,
        /// Whether the model costs nothing, whatever else is written.
        free: bool = "false" as FLAG,
    }
}

section! {
    /// What is different in requests with a long prompt.
    #[derive(Clone, Debug)]
    pub(crate) struct LongContextValues {
        /// The rates below hold for the whole request where the prompt has more tokens than this. Required.
        above_input_tokens: Option<u64> = "none" as OPTIONAL_TOKENS,
        /// As above.
        input: Option<i64> = "none" as OPTIONAL_PRICE,
        /// As above; likewise all that follow.
        cache_read: Option<i64> = "none" as OPTIONAL_PRICE,
        /// As above.
        cache_write_5m: Option<i64> = "none" as OPTIONAL_PRICE,
        /// As above.
        cache_write_1h: Option<i64> = "none" as OPTIONAL_PRICE,
        /// As above.
        output: Option<i64> = "none" as OPTIONAL_PRICE,
    }
}

/// The setting of a model's price that is a map.
pub(crate) const COLLECTIONS: &[Row] = &[Row {
    name: LONG_CONTEXT,
    kind: "map",
    shape: Shape::One,
    default: "none",
    doc: " Rates of requests with a long prompt: `above_input_tokens`, then `input`, `output`, `cache_read`, \
          `cache_write_5m`, `cache_write_1h` as far as they differ.",
}];

/// The price table under construction.
#[derive(Default)]
pub(crate) struct PriceDrafts {
    version: String,
    models: BTreeMap<String, BTreeMap<String, ModelDraft>>,
    /// The last mention of each provider, for the error of an unknown one.
    places: BTreeMap<String, Place>,
}

#[derive(Default)]
struct ModelDraft {
    values: PriceValues,
    long_context: Option<LongContextValues>,
    place: Option<Place>,
    /// Whether an error was told already, so that none follows from it.
    is_wrong: bool,
}

/// Reads a `prices` section over what the draft holds.
pub(crate) fn read(node: &Node, file: &Place, reading: &mut Reading<'_>) {
    let all = entries(node, "prices", file, reading.report);
    let prices = &mut reading.draft.prices;
    // A version belongs to the file that gives it. What overrides prices without one is marked in every cost.
    if !all.is_empty() && !all.iter().any(|entry| entry.key == VERSION) {
        prices.mark_as_overridden();
    }
    for entry in all {
        if entry.key == VERSION {
            prices.read_version(entry, file, reading.report);
            continue;
        }
        let path = format!("prices.{}", entry.key);
        let models = prices.models.entry(entry.key.clone()).or_default();
        for model in entries(&entry.node, &path, file, reading.report) {
            let path = format!("{path}.{}", model.key);
            match ModelPattern::parse(&model.key) {
                Ok(_) => {
                    let draft = models.entry(model.key.clone()).or_default();
                    draft.read(model, &path, file, reading.report);
                }
                Err(why) => {
                    let place = file.at(model.line);
                    reading.report.error(&place, format!("`{path}`: {why}"));
                }
            }
        }
        prices.places.insert(entry.key.clone(), file.at(entry.line));
    }
}

impl PriceDrafts {
    fn mark_as_overridden(&mut self) {
        const MARK: &str = "+local";
        if !self.version.ends_with(MARK) {
            self.version.push_str(MARK);
        }
    }

    fn read_version(&mut self, entry: &Entry, file: &Place, report: &mut Report) {
        let version = text_of(&entry.node, Shape::One).and_then(|text| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
            if text.is_empty() || text.len() > VERSION_MAX_CHARS || !is_plain {
                return Err(format!("{} is not a version; write a date", quoted(&text)));
            }
            Ok(text)
        });
        match version {
            Ok(version) => self.version = version,
            Err(why) => report.error(&file.at(entry.line), format!("`prices.version`: {why}")),
        }
    }

    /// The finished table. `providers` are the names of all, disabled ones included.
    pub fn finish(self, providers: &[&str], report: &mut Report) -> PriceTable {
        for (name, place) in &self.places {
            if !providers.contains(&name.as_str()) {
                let message = format!("`prices.{name}`: there is no provider of this name");
                report.unknown(place, message, name, providers.iter().copied());
            }
        }
        let mut table = PriceTable {
            version: self.version,
            ..PriceTable::default()
        };
        for (provider, models) in self.models {
            let prices = table.providers.entry(provider.clone()).or_default();
            for (model, draft) in models {
                if let Some(price) = draft.finish(&format!("prices.{provider}.{model}"), report) {
                    prices.insert(&model, price);
                }
            }
        }
        table
    }
}

impl ModelDraft {
    fn read(&mut self, entry: &Entry, path: &str, file: &Place, report: &mut Report) {
        self.place = Some(file.at(entry.line));
        let errors_before = report.errors.len();
        for item in entries(&entry.node, path, file, report) {
            let path = format!("{path}.{}", item.key);
            if item.key == LONG_CONTEXT {
                let long = self.long_context.get_or_insert_default();
                read_section(long, &item.node, &path, file, report);
            } else {
                read_one(&mut self.values, item, &path, file, report, COLLECTIONS);
            }
        }
        self.is_wrong |= report.errors.len() > errors_before;
    }

    fn finish(self, path: &str, report: &mut Report) -> Option<Price> {
        if self.is_wrong {
            return None;
        }
        let values = &self.values;
        let bounds = Price {
            context_tokens: values.context_tokens,
            max_output_tokens: values.max_output_tokens,
            ..Price::default()
        };
        if values.free {
            return Some(Price {
                rates: Rates::FREE,
                free: true,
                ..bounds
            });
        }
        let place = self.place.unwrap_or_else(Place::built_in);
        let is_paid_otherwise = values.others().iter().any(|(_, price, _)| price.is_some());
        let tokens = match (values.input, values.output) {
            (Some(input), Some(output)) => Some((input, output)),
            (None, None) if is_paid_otherwise => None,
            _ => {
                let message = format!(
                    "`{path}` needs `input` and `output` (`output: 0` for embeddings), or one of the `per_` keys, \
                     or `free: true`"
                );
                report.error(&place, message);
                return None;
            }
        };
        let rates = match rates(tokens, values) {
            Ok(rates) => rates,
            Err(key) => {
                report.error(&place, format!("`{path}.{key}` is too large for a price"));
                return None;
            }
        };
        let long = self.long_context.as_ref();
        let long_context = long.map(|long| long.finish(rates, values));
        if long_context == Some(None) {
            let message = format!("`{path}.{LONG_CONTEXT}` needs `above_input_tokens`");
            report.error(&place, message);
        }
        Some(Price {
            rates,
            long_context: long_context.flatten(),
            ..bounds
        })
    }
}

impl PriceValues {
    /// What is not paid by tokens: its key, its price, and how many of that price's units make a million.
    fn others(&self) -> [(&'static str, Option<i64>, i64); 4] {
        [
            ("per_image", self.per_image, 1_000_000),
            ("per_second", self.per_second, 1_000_000),
            ("per_million_characters", self.per_million_characters, 1),
            ("per_thousand_searches", self.per_thousand_searches, 1_000),
        ]
    }
}

impl LongContextValues {
    /// The rates of a long prompt: its own, else those of an ordinary one. `None` without a bound.
    fn finish(&self, ordinary: Rates, values: &PriceValues) -> Option<LongContext> {
        let values = PriceValues {
            cache_read: self.cache_read.or(values.cache_read),
            cache_write_5m: self.cache_write_5m.or(values.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(values.cache_write_1h),
            ..values.clone()
        };
        let input = self.input.unwrap_or(ordinary.input);
        let output = self.output.unwrap_or(ordinary.output);
        Some(LongContext {
            above_input_tokens: self.above_input_tokens?,
            rates: Rates {
                images: ordinary.images,
                seconds: ordinary.seconds,
                characters: ordinary.characters,
                searches: ordinary.searches,
                ..token_rates(input, output, &values)
            },
        })
    }
}

/// All rates; the key of one that is too large for a million of it to be counted.
fn rates(tokens: Option<(i64, i64)>, values: &PriceValues) -> Result<Rates, &'static str> {
    let mut others = [None; 4];
    for (rate, (key, price, units)) in others.iter_mut().zip(values.others()) {
        *rate = match price {
            Some(price) => Some(price.checked_mul(units).ok_or(key)?),
            None => None,
        };
    }
    let [images, seconds, characters, searches] = others;
    let of_tokens = tokens.map(|(input, output)| token_rates(input, output, values));
    Ok(Rates {
        images,
        seconds,
        characters,
        searches,
        ..of_tokens.unwrap_or_default()
    })
}

/// The rates of tokens; what is not given costs what it is a part of.
fn token_rates(input: i64, output: i64, values: &PriceValues) -> Rates {
    let cache_write_5m = values.cache_write_5m.unwrap_or(input);
    Rates {
        input,
        cache_read: values.cache_read.unwrap_or(input),
        cache_write_5m,
        cache_write_1h: values.cache_write_1h.unwrap_or(cache_write_5m),
        audio_input: values.audio_input.unwrap_or(input),
        image_input: values.image_input.unwrap_or(input),
        output,
        reasoning: values.reasoning.unwrap_or(output),
        audio_output: values.audio_output.unwrap_or(output),
        image_output: values.image_output.unwrap_or(output),
        is_per_token: true,
        ..Rates::default()
    }
}
