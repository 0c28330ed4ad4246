//! What each format carries of another one's requests, straight from what the translation itself reads; and where an
//! ordinary use of what is carried is not, that it is carried in part.

use weir_wire::format::Format;
use weir_wire::neutral::{Class, ContentKind, Param, Request};
use weir_wire::translate::carries;

use super::samples;

/// What becomes of something on the way to each of [`Format::OUT`].
pub type Fates = [&'static str; 7];

/// Each parameter with its fates.
pub fn params() -> Vec<(&'static str, Fates)> {
    let row = |param: &Param| {
        let sample = samples::of_param(*param);
        let fate = |to| {
            let is_carried = carries(to).params.contains(param);
            fate(is_carried, param.class(), sample.as_ref(), to)
        };
        (param.as_str(), Format::OUT.map(fate))
    };
    Param::ALL.iter().map(row).collect()
}

/// Each kind of content with its fates.
pub fn content() -> Vec<(&'static str, Fates)> {
    let row = |kind: ContentKind| {
        let sample = samples::of_content(kind);
        let fate = |to| {
            let is_carried = carries(to).content.contains(&kind);
            fate(is_carried, kind.class(), sample.as_ref(), to)
        };
        (kind.as_str(), Format::OUT.map(fate))
    };
    ContentKind::ALL.into_iter().map(row).collect()
}

fn fate(is_carried: bool, class: Class, sample: Option<&Request>, to: Format) -> &'static str {
    let is_whole = sample.is_none_or(|request| samples::is_whole(request, to));
    match (is_carried, class) {
        (true, _) if is_whole => "carried",
        (true, _) => "in part",
        (false, Class::Hint) => "dropped",
        (false, Class::Meaning) => "refused",
    }
}
