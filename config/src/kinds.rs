//! The kinds of values that settings take, each with the text of its error.

use std::net::SocketAddr;
use std::path::PathBuf;

use weir_wire::format::Format;
use weir_wire::loss::DropParams;

use crate::amount;
use crate::report::quoted;
use crate::section::{Kind, Shape};

/// The longest duration a setting may hold: a larger one is a slip of the keyboard.
const MAX_MILLIS: u64 = 7 * 24 * 3_600_000;
/// The text that switches an optional setting off.
pub(crate) const NONE: &str = "none";

const fn one<T>(name: &'static str, read: fn(&str) -> Result<T, String>) -> Kind<T> {
    let shape = Shape::One;
    Kind { name, shape, read }
}

const fn optional<T>(
    name: &'static str,
    read: fn(&str) -> Result<Option<T>, String>,
) -> Kind<Option<T>> {
    let shape = Shape::Optional;
    Kind { name, shape, read }
}

pub(crate) const FLAG: Kind<bool> = one("true or false", |text| match text {
    "true" => Ok(true),
    "false" => Ok(false),
    _ => Err(format!("{} is neither true nor false", quoted(text))),
});

pub(crate) const MILLIS: Kind<u64> = one("duration", read_millis);

pub(crate) const BYTES: Kind<usize> = one("size", |text| {
    usize::try_from(read_bytes(text)?).map_err(|_| format!("{} is too large", quoted(text)))
});

pub(crate) const BYTES_PER_SECOND: Kind<u32> = one("size per second", |text| {
    u32::try_from(read_bytes(text)?).map_err(|_| format!("{} is too large", quoted(text)))
});

pub(crate) const COUNT: Kind<u32> = one("number", |text| read_count(text, 1));

/// A count, or 0 for "never".
pub(crate) const COUNT_OR_NEVER: Kind<u32> = one("number", |text| read_count(text, 0));

pub(crate) const LARGE_COUNT: Kind<usize> = one("number", |text| {
    read_count(text, 1).map(|count| count as usize)
});

pub(crate) const CORES: Kind<usize> = one("number", |text| {
    read_count(text, 0).map(|count| count as usize)
});

pub(crate) const OPTIONAL_COUNT: Kind<Option<u32>> =
    optional("number", |text| some(text, |text| read_count(text, 1)));

pub(crate) const OPTIONAL_TOKENS: Kind<Option<u64>> = optional("number", |text| {
    some(text, |text| read_count(text, 1).map(u64::from))
});

pub(crate) const OPTIONAL_PRICE: Kind<Option<i64>> =
    optional("decimal", |text| some(text, amount::nanousd));

pub(crate) const ADDRESS: Kind<SocketAddr> = one("address", read_address);

pub(crate) const OPTIONAL_ADDRESS: Kind<Option<SocketAddr>> =
    optional("address", |text| some(text, read_address));

pub(crate) const PATH: Kind<PathBuf> = one("path", read_path);

pub(crate) const OPTIONAL_PATH: Kind<Option<PathBuf>> =
    optional("path", |text| some(text, read_path));

pub(crate) const TEXT: Kind<String> = one("text", read_text);

pub(crate) const OPTIONAL_TEXT: Kind<Option<String>> =
    optional("text", |text| some(text, read_text));

pub(crate) const NODE_ID: Kind<String> = one("name", |text| {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_plain) {
        return Err(format!(
            "{} is not a node's name; use up to 64 letters, digits, `.`, `_` and `-`",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
});

pub(crate) const DATABASE_URL: Kind<Option<String>> =
    optional("path or sqlite:// URL", |text| some(text, read_database));

pub(crate) const ERROR_STATUSES: Kind<Vec<u16>> = Kind {
    name: "list of numbers",
    shape: Shape::List,
    read: |text| {
        items(text)
            .map(|item| match item.parse() {
                Ok(status) if (400..=599).contains(&status) => Ok(status),
                _ => Err(format!("{} is not a status from 400 to 599", quoted(item))),
            })
            .collect()
    },
};

/// Declares a kind that takes one of a few words.
macro_rules! choice {
    ($KIND:ident: $type:ty { $first:literal => $first_value:expr $(, $word:literal => $value:expr)* $(,)? }) => {
        pub(crate) const $KIND: crate::section::Kind<$type> = crate::section::Kind {
            name: concat!("`", $first, "`" $(, ", `", $word, "`")*),
            shape: crate::section::Shape::One,
            read: |text| match text {
                $first => Ok($first_value),
                $( $word => Ok($value), )*
                _ => Err(format!(
                    "{} is none of {}",
                    crate::report::quoted(text),
                    concat!("`", $first, "`" $(, ", `", $word, "`")*),
                )),
            },
        };
    };
}
pub(crate) use choice;

choice!(DROP_PARAMS: DropParams {
    "hints" => DropParams::Hints,
    "all" => DropParams::All,
    "none" => DropParams::None,
});

pub(crate) const FORMATS: Kind<Vec<Format>> = Kind {
    name: "list of formats",
    shape: Shape::List,
    read: read_formats,
};

pub(crate) const ENV_NAME: Kind<String> = one("name", read_env_name);

pub(crate) const OPTIONAL_ENV_NAME: Kind<Option<String>> =
    optional("name", |text| some(text, read_env_name));

pub(crate) const ENV_NAMES: Kind<Vec<String>> = Kind {
    name: "list of names",
    shape: Shape::List,
    read: |text| {
        if text == NONE {
            return Ok(Vec::new());
        }
        items(text).map(read_env_name).collect()
    },
};

/// A part of a host's name, so that it cannot lead to another one.
pub(crate) const OPTIONAL_PLACE: Kind<Option<String>> = optional("name", |text| {
    some(text, |text| {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 63 || !text.bytes().all(is_plain) {
            return Err(format!(
                "{} is not a name of a-z, 0-9 and `-`",
                quoted(text)
            ));
        }
        Ok(text.to_owned())
    })
});

pub(crate) const API_VERSION: Kind<String> = one("`v1` or a date", |text| {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(is_plain) {
        return Err(format!(
            "{} is not a version; write v1 or a date, such as 2024-10-21 or 2025-04-01-preview",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
});

/// The parts of a list.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// Formats by their names, each once.
pub(crate) fn read_formats(text: &str) -> Result<Vec<Format>, String> {
    let mut formats = Vec::new();
    for item in items(text) {
        let format = item.parse::<Format>().map_err(|_| {
            let known = Format::ALL.map(Format::as_str).join("`, `");
            format!("{} is no format; the formats are `{known}`", quoted(item))
        })?;
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    Ok(formats)
}

/// The name of an environment variable.
pub(crate) fn read_env_name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || name.len() > 128 || !name.chars().all(is_plain) {
        // Not quoted: what is no name may be the key itself.
        return Err(
            "is not the name of an environment variable; write the name, not the key".into(),
        );
    }
    Ok(name.to_owned())
}

fn some<T>(text: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == NONE {
        return Ok(None);
    }
    read(text).map(Some)
}

fn read_millis(text: &str) -> Result<u64, String> {
    match amount::millis(text)? {
        0 => Err("must be more than 0".to_owned()),
        millis if millis > MAX_MILLIS => Err(format!("{} is more than 7 days", quoted(text))),
        millis => Ok(millis),
    }
}

fn read_bytes(text: &str) -> Result<u64, String> {
    match amount::bytes(text)? {
        0 => Err("must be more than 0".to_owned()),
        bytes => Ok(bytes),
    }
}

fn read_count(text: &str, min: u32) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(count) if count < min => Err(format!("must be at least {min}")),
        Ok(count) => Ok(count),
        Err(_) => Err(format!(
            "{} is not a whole number from {min} to {}",
            quoted(text),
            u32::MAX
        )),
    }
}

fn read_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{} is not an address; write IP:port, such as 127.0.0.1:8080 or [::1]:8080",
            quoted(text)
        )
    })
}

fn read_path(text: &str) -> Result<PathBuf, String> {
    if text.contains('\0') {
        return Err(format!("{} is not a path", quoted(text)));
    }
    read_text(text).map(PathBuf::from)
}

fn read_text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(text.to_owned())
}

/// The URL may hold a password, so no message repeats it.
fn read_database(text: &str) -> Result<String, String> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("postgres" | "postgresql") => Err(
            "PostgreSQL is not in this release; use a SQLite file, such as sqlite:///var/lib/weir/weir.db"
                .to_owned(),
        ),
        None | Some("sqlite") => read_text(text),
        Some(_) => Err(
            "is not a database this release knows; use a SQLite file, such as sqlite:///var/lib/weir/weir.db"
                .to_owned(),
        ),
    }
}
