//! One part of a form: its header lines, and what is kept of its data.

use std::ops::Range;

use super::FormError;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name; a part that has one is a file.
    pub filename: Option<String>,
    /// The media type, where it is told.
    pub content_type: Option<String>,
    /// Where the body's data for it is; empty until it came whole.
    pub(super) data: Range<u64>,
    is_whole: bool,
    kept: Option<Vec<u8>>,
    value: Option<String>,
}

impl Part {
    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.filename.is_some()
    }

    /// Where its data begins in the body.
    pub fn start(&self) -> u64 {
        self.data.start
    }

    /// Where its data is in the body, once it came whole.
    pub fn place(&self) -> Option<Range<u64>> {
        self.is_whole.then(|| self.data.clone())
    }

    /// Its text, if it came whole, is no file, is UTF-8 and was not too long to be kept.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Its data, out of the whole body.
    pub fn data_in<'a>(&self, body: &'a [u8]) -> Option<&'a [u8]> {
        let place = self.place()?;
        body.get(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?)
    }

    /// Keeps bytes of a field, up to `max` of them; more are too many, and none are kept.
    pub(super) fn keep(&mut self, bytes: &[u8], max: usize) {
        if let Some(kept) = &mut self.kept {
            if kept.len() + bytes.len() > max {
                self.kept = None;
            } else {
                kept.extend_from_slice(bytes);
            }
        }
    }

    /// The data ended before `end`. A value of up to `max` bytes stays.
    pub(super) fn end(&mut self, end: u64, max: usize) {
        self.data.end = end;
        self.is_whole = true;
        let length = usize::try_from(end - self.data.start).unwrap_or(usize::MAX);
        if let Some(mut kept) = self.kept.take().filter(|_| length <= max) {
            kept.truncate(length);
            self.value = String::from_utf8(kept).ok();
        }
    }
}

/// Reads a part's header lines, the blank one included.
pub(super) fn read_head(head: &[u8]) -> Result<Part, FormError> {
    let bad = |reason| FormError::BadHead { reason };
    let text = std::str::from_utf8(head).map_err(|_not_text| bad("they are not UTF-8"))?;
    let (mut disposition, mut content_type) = (None, None);
    for line in text
        .split_terminator("\r\n")
        .filter(|line| !line.is_empty())
    {
        let (name, value) = read_line(line)?;
        let is_repeated = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => disposition.replace(read_disposition(value)?).is_some(),
            "content-type" => content_type.replace(value.trim().to_owned()).is_some(),
            "content-transfer-encoding" if !is_plain_encoding(value) => {
                return Err(bad("RFC 7578 allows no Content-Transfer-Encoding"));
            }
            _ => false,
        };
        if is_repeated {
            return Err(bad("they say the same thing more than once"));
        }
    }
    let disposition = disposition.ok_or(bad("they lack Content-Disposition"))?;
    let is_file = disposition.filename.is_some();
    if !is_file && !content_type.as_deref().is_none_or(has_common_charset) {
        return Err(bad("the text of a field is not in a common charset"));
    }
    Ok(Part {
        name: disposition.name,
        filename: disposition.filename,
        content_type,
        data: 0..0,
        is_whole: false,
        kept: (!is_file).then(Vec::new),
        value: None,
    })
}

/// A header's name and value.
fn read_line(line: &str) -> Result<(&str, &str), FormError> {
    let bad = |reason| FormError::BadHead { reason };
    if line.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(bad("a line ends without CRLF, or has a NUL"));
    }
    line.split_once(':')
        .filter(|(name, _)| is_token(name))
        .ok_or(bad("a line is not a name, a colon and a value"))
}

/// The encodings that change nothing. A server that knows others would read another value than the one seen here.
fn is_plain_encoding(value: &str) -> bool {
    ["binary", "8bit", "7bit"]
        .iter()
        .any(|plain| value.trim().eq_ignore_ascii_case(plain))
}

/// The charsets in which the text of fields comes: ASCII is itself in all of them.
const COMMON_CHARSETS: [&str; 7] = [
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin1",
    "windows-1252",
];

/// Whether text of a media type is read as it is here. Some servers decode names and values as `charset` says, and in UTF-7
/// another name is `model` too.
pub(super) fn has_common_charset(media_type: &str) -> bool {
    let (_, rest) = media_type.split_once(';').unwrap_or((media_type, ""));
    let is_common = |value: &str| {
        let mut common = COMMON_CHARSETS.iter();
        common.any(|it| value.eq_ignore_ascii_case(it))
    };
    params(rest).is_some_and(|params| {
        let mut charsets = params.iter().filter(|it| it.name.starts_with("charset"));
        charsets.all(|it| it.name == "charset" && is_common(&it.value))
    })
}

struct Disposition {
    name: String,
    filename: Option<String>,
}

fn read_disposition(value: &str) -> Result<Disposition, FormError> {
    let bad = |reason| FormError::BadHead { reason };
    let (kind, rest) = value.split_once(';').unwrap_or((value, ""));
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(bad("Content-Disposition is not form-data"));
    }
    let params = params(rest).ok_or(bad("Content-Disposition cannot be read"))?;
    let (mut field, mut filename) = (None, None);
    let mut has_extended_filename = false;
    for Param { name, value } in params {
        let earlier = match name.as_str() {
            "name" => field.replace(value),
            "filename" => filename.replace(value),
            // RFC 7578 forbids it, browsers never send it, and some servers read it all the same.
            extended if extended.starts_with("name*") => {
                return Err(bad("`name*` is not allowed"));
            }
            extended if extended.starts_with("filename*") => {
                has_extended_filename = true;
                None
            }
            _ => None,
        };
        if earlier.is_some() {
            return Err(bad("Content-Disposition gives a name more than once"));
        }
    }
    let name = field.ok_or(bad("Content-Disposition has no name"))?;
    if name.contains('\\') {
        // Some servers would take the next character for itself, some would not.
        return Err(bad("a field's name has a backslash"));
    }
    if has_extended_filename && filename.is_none() {
        filename = Some(String::new());
    }
    Ok(Disposition { name, filename })
}

/// A parameter of a header: its name in lower case, its value without quotes.
pub(super) struct Param {
    pub name: String,
    pub value: String,
}

/// The parameters after a header's first `;`. None if they cannot be read in one way only.
///
/// In quotes a backslash stands for itself, as browsers write the names of files, but for `\"`, which does not end them.
pub(super) fn params(text: &str) -> Option<Vec<Param>> {
    let mut params = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if !is_token(name) {
            return None;
        }
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let (value, after) = match after.find(';') {
                    Some(end) => after.split_at_checked(end)?,
                    None => (after, ""),
                };
                let value = value.trim_end();
                if value.is_empty() || value.contains(['"', ' ', '\t']) {
                    return None;
                }
                (value.to_owned(), after)
            }
        };
        params.push(Param {
            name: name.to_ascii_lowercase(),
            value,
        });
        rest = match after.trim_start().strip_prefix(';') {
            Some(next) => next.trim_start(),
            None if after.trim().is_empty() => "",
            None => return None,
        };
    }
    Some(params)
}

/// The text up to the closing quote, and what follows it.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut from = 0;
    loop {
        let end = from + text.get(from..)?.find('"')?;
        let (value, after) = text.split_at_checked(end)?;
        if value.ends_with("\\\\") {
            // An escaped backslash to some, a backslash and an escaped quote to others.
            return None;
        }
        if !value.ends_with('\\') {
            return Some((value.replace("\\\"", "\""), after.strip_prefix('"')?));
        }
        from = end + 1;
    }
}

/// Whether it is a name as headers have them (RFC 9110, section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
