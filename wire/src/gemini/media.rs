//! Media: what a MIME type says about a part, and the MIME types that addresses give away.

use crate::neutral::{Content, Source};

/// Where only Google's own services look.
const GOOGLE_ONLY: [&str; 2] = ["gs://", "https://generativelanguage.googleapis.com/"];

/// Whether an address means something to Google alone: its file store, or a bucket.
pub(super) fn is_google_only(uri: &str) -> bool {
    GOOGLE_ONLY.iter().any(|start| uri.starts_with(start))
}

/// Content of this MIME type.
pub(super) fn content(media_type: &str, source: Source, name: Option<String>) -> Content {
    match media_type.split('/').next() {
        Some("image") => Content::Image {
            source,
            detail: None,
        },
        Some("audio") => Content::Audio { source },
        Some("video") => Content::Video { source },
        _ => Content::File { source, name },
    }
}

/// The MIME type that an address gives away: Google fetches nothing whose type it is not told.
pub(super) fn type_of_url(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let host = path.split_once("://").map_or(path, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    if matches!(
        host,
        "youtu.be" | "youtube.com" | "www.youtube.com" | "m.youtube.com"
    ) {
        return Some("video/mp4");
    }
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    type_of_extension(&extension.to_ascii_lowercase())
}

fn type_of_extension(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        "aiff" => "audio/aiff",
        "m4a" => "audio/m4a",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "mpeg" | "mpg" => "video/mpeg",
        "webm" => "video/webm",
        "avi" => "video/avi",
        "wmv" => "video/wmv",
        "flv" => "video/x-flv",
        "3gp" | "3gpp" => "video/3gpp",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "xml" => "text/xml",
        "json" => "application/json",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_give_their_type_away_by_extension() {
        for (url, expected) in [
            ("https://x.org/a/b.PNG?size=2#t", Some("image/png")),
            ("https://x.org/report.v2.pdf", Some("application/pdf")),
            ("https://www.youtube.com/watch?v=1", Some("video/mp4")),
            ("https://x.org/image", None),
            ("https://x.png/image", None),
            ("https://x.org/archive.tar.gz", None),
        ] {
            assert_eq!(type_of_url(url), expected, "{url}");
        }
    }
}
