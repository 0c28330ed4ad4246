//! Images, sound, moving pictures and documents: which are taken, and the names of documents.

use std::collections::HashSet;

/// The format of an image; none for one that is not taken.
pub(super) fn image_format(media_type: &str) -> Option<&'static str> {
    Some(match subtype(media_type) {
        "png" => "png",
        "jpeg" | "jpg" => "jpeg",
        "gif" => "gif",
        "webp" => "webp",
        _ => return None,
    })
}

/// The format of a sound.
pub(super) fn audio_format(media_type: &str) -> Option<&'static str> {
    Some(match subtype(media_type) {
        "mp3" | "mpeg" => "mp3",
        "wav" | "x-wav" | "wave" => "wav",
        "flac" | "x-flac" => "flac",
        "ogg" => "ogg",
        "opus" => "opus",
        "aac" => "aac",
        "mp4" => "mp4",
        "m4a" | "x-m4a" => "m4a",
        "webm" => "webm",
        "x-matroska" => "mka",
        "pcm" | "pcm16" => "pcm",
        _ => return None,
    })
}

/// The format of a moving picture.
pub(super) fn video_format(media_type: &str) -> Option<&'static str> {
    Some(match subtype(media_type) {
        "mp4" => "mp4",
        "quicktime" | "mov" => "mov",
        "webm" => "webm",
        "x-matroska" | "matroska" | "mkv" => "mkv",
        "x-flv" | "flv" => "flv",
        "mpeg" => "mpeg",
        "mpg" => "mpg",
        "x-ms-wmv" | "wmv" => "wmv",
        "3gpp" => "three_gp",
        _ => return None,
    })
}

/// The format of a document by its type, or else by how its name ends. Text of any kind is text.
pub(super) fn document_format(media_type: &str, name: Option<&str>) -> Option<&'static str> {
    const WORD: &str = "vnd.openxmlformats-officedocument.wordprocessingml.document";
    const SHEET: &str = "vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let by_name = || {
        let (_, extension) = name?.rsplit_once('.')?;
        let extension = extension.to_ascii_lowercase();
        FORMATS.into_iter().find(|format| *format == extension)
    };
    match subtype(media_type) {
        "pdf" => Some("pdf"),
        "csv" => Some("csv"),
        "msword" => Some("doc"),
        WORD => Some("docx"),
        "vnd.ms-excel" => Some("xls"),
        SHEET => Some("xlsx"),
        "html" => Some("html"),
        "markdown" | "x-markdown" => Some("md"),
        "json" | "xml" | "yaml" | "x-yaml" => Some("txt"),
        _ => by_name().or_else(|| media_type.starts_with("text/").then_some("txt")),
    }
}

const FORMATS: [&str; 9] = [
    "pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md",
];

fn subtype(media_type: &str) -> &str {
    media_type
        .split_once('/')
        .map_or(media_type, |(_, subtype)| subtype)
}

/// The names of a request's documents. Each must have one of its own, of ASCII letters, digits, single spaces, hyphens,
/// parentheses and square brackets.
#[derive(Debug, Default)]
pub(super) struct DocumentNames {
    taken: HashSet<String>,
    unnamed: usize,
}

impl DocumentNames {
    /// The name for a document that the client calls so. It depends on the documents before it alone, so that a prompt's
    /// start stays the same from turn to turn.
    pub fn name(&mut self, name: Option<&str>) -> String {
        const MAX_BYTES: usize = 180;
        let plain = plain_name(name.unwrap_or_default(), MAX_BYTES);
        if !plain.is_empty() && self.taken.insert(plain.clone()) {
            return plain;
        }
        let stem = if plain.is_empty() { "document" } else { &plain };
        loop {
            self.unnamed += 1;
            let numbered = format!("{stem} ({})", self.unnamed);
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// A name without its extension and in the alphabet that is taken.
fn plain_name(name: &str, max_bytes: usize) -> String {
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if FORMATS.contains(&extension.to_ascii_lowercase().as_str()) => {
            stem
        }
        _ => name,
    };
    let mut plain = String::new();
    for letter in stem.chars() {
        let letter = match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => letter,
            _ if letter.is_whitespace() => ' ',
            _ => '-',
        };
        if plain.len() == max_bytes {
            break;
        }
        if letter != ' ' || !plain.ends_with(' ') {
            plain.push(letter);
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_follow_types_and_then_names() {
        assert_eq!(image_format("image/jpg"), Some("jpeg"));
        assert_eq!(image_format("image/bmp"), None);
        assert_eq!(audio_format("audio/mpeg"), Some("mp3"));
        assert_eq!(video_format("video/3gpp"), Some("three_gp"));
        for (media_type, name, format) in [
            ("application/pdf", None, Some("pdf")),
            ("text/plain", None, Some("txt")),
            ("text/plain", Some("notes.MD"), Some("md")),
            ("text/x-rust", Some("main.rs"), Some("txt")),
            ("application/octet-stream", Some("a.xlsx"), Some("xlsx")),
            ("application/octet-stream", Some("a.zip"), None),
            ("application/octet-stream", None, None),
        ] {
            assert_eq!(document_format(media_type, name), format, "{media_type}");
        }
    }

    #[test]
    fn documents_have_plain_names_of_their_own() {
        let mut names = DocumentNames::default();
        let given = [
            Some("Bericht  für\tJuni.pdf"),
            Some("Bericht für Juni.pdf"),
            None,
            Some("..."),
            Some("..."),
            Some("v1.2_final (x) [y]"),
        ];
        assert_eq!(
            given.map(|name| names.name(name)),
            [
                "Bericht f-r Juni",
                "Bericht f-r Juni (1)",
                "document (2)",
                "---",
                "--- (3)",
                "v1-2-final (x) [y]",
            ]
        );
    }
}
