//! Values as servers write them: what should be a text and is anything else is none, and costs no more than that. A text
//! without escapes is lent, not copied.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A text that may be missing.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// The text, if it is not empty.
    pub fn filled(self) -> Option<Cow<'a, str>> {
        self.0.filter(|text| !text.is_empty())
    }
}

/// The `content` of a delta: a text, or a list of parts (Mistral's, when it thinks).
#[derive(Debug, Default)]
pub(super) enum Said<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Parts(Vec<Value>),
}

/// A number that should be whole and small; anything else is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub Option<u32>);

struct TextVisitor;
struct SaidVisitor;
struct CountVisitor;

/// The visits of what is not looked for, which all give the default.
macro_rules! pass_over {
    ($($visit:ident $type:ty),*) => {
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a value")
        }

        $(fn $visit<E: serde::de::Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

macro_rules! pass_over_list {
    () => {
        fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

impl<'a> Visitor<'a> for TextVisitor {
    type Value = Text<'a>;

    pass_over!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);
    pass_over_list!();

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }
}

impl<'a> Visitor<'a> for SaidVisitor {
    type Value = Said<'a>;

    pass_over!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Said<'a>, E> {
        Ok(Said::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Said<'a>, E> {
        Ok(Said::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Said<'a>, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element()? {
            parts.push(part);
        }
        Ok(Said::Parts(parts))
    }
}

impl<'a> Visitor<'a> for CountVisitor {
    type Value = Count;

    pass_over!(visit_bool bool, visit_i64 i64, visit_str &str);
    pass_over_list!();

    fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
        Ok(Count(u32::try_from(count).ok()))
    }

    fn visit_f64<E>(self, count: f64) -> Result<Count, E> {
        let is_whole = count.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&count);
        // In this range the cast is exact.
        Ok(Count(is_whole.then_some(count as u32)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}
