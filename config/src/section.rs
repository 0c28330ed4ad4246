//! Settings as data: one declaration per setting gives its field, its default, its reader and its line in the reference.

/// What the declarations of a section tell about one setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The key in YAML.
    pub name: &'static str,
    /// What it takes, for the reference.
    pub kind: &'static str,
    /// How many values it takes.
    pub shape: Shape,
    /// The default as it would be written in YAML.
    pub default: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// How many values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Exactly one.
    One,
    /// One or `none`.
    Optional,
    /// Several: a YAML list, or a text with commas.
    List,
}

/// How one kind of value is read.
pub(crate) struct Kind<T> {
    /// What it takes, for the reference.
    pub name: &'static str,
    /// How many values it takes.
    pub shape: Shape,
    /// Text -> value, or what is wrong with the text.
    pub read: fn(&str) -> Result<T, String>,
}

/// A group of settings under one key of the YAML.
pub(crate) trait Section {
    /// The settings, in the order of the reference.
    const ROWS: &'static [Row];

    /// Reads `text` into the setting `name`.
    fn set(&mut self, name: &str, text: &str) -> Result<(), String>;
}

/// Declares a section: a struct whose fields have defaults (written as in YAML) and kinds. A field after `..` is no
/// setting of its own but made of others once all are read.
macro_rules! section {
    (
        $(#[$about:meta])+
        $vis:vis struct $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ty = $default:literal as $kind:expr,
            )+
            $(
                ..
                $(#[doc = $derived_doc:literal])+
                $derived:ident: $derived_type:ty,
            )?
        }
    ) => {
        $(#[$about])+
        $vis struct $Section {
            $( $(#[doc = $doc])+ $vis $name: $type, )+
            $( $(#[doc = $derived_doc])+ $vis $derived: $derived_type, )?
        }

        impl Default for $Section {
            fn default() -> Self {
                Self {
                    $( $name: crate::section::built_in(&$kind, $default), )+
                    $( $derived: Default::default(), )?
                }
            }
        }

        impl crate::section::Section for $Section {
            const ROWS: &'static [crate::section::Row] = &[ $(
                crate::section::Row {
                    name: stringify!($name),
                    kind: $kind.name,
                    shape: $kind.shape,
                    default: $default,
                    doc: concat!($($doc),+),
                },
            )+ ];

            fn set(&mut self, name: &str, text: &str) -> Result<(), String> {
                match name {
                    $( stringify!($name) => self.$name = ($kind.read)(text)?, )+
                    _ => return Err("is not a setting".to_owned()),
                }
                Ok(())
            }
        }
    };
}
pub(crate) use section;

/// Reads a default of a declaration.
#[expect(
    clippy::expect_used,
    reason = "defaults are literals of this crate, and a test reads every one of them"
)]
pub(crate) fn built_in<T>(kind: &Kind<T>, text: &str) -> T {
    (kind.read)(text).expect("a built-in default reads")
}
