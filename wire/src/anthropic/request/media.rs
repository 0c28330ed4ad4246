//! Images and documents as Anthropic takes them
//! (<https://platform.claude.com/docs/en/build-with-claude/vision>, `…/pdf-support`).

use base64::Engine as _;
use base64::engine::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, GeneralPurpose};

use super::body::{BlockContent, Source};
use crate::neutral;

/// Why a piece of media cannot be sent.
pub(super) type Obstacle = &'static str;

/// Clients are not agreed on whether the end is padded.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn image(source: &neutral::Source) -> Result<BlockContent<'_>, Obstacle> {
    let source = match source {
        neutral::Source::Url { url, .. } => address(url)?,
        neutral::Source::Data { media_type, base64 } => Source::Base64 {
            media_type: image_type(media_type).ok_or("only JPEG, PNG, GIF and WebP are taken")?,
            data: base64,
        },
        neutral::Source::Id(_) => return Err(ELSEWHERE),
    };
    Ok(BlockContent::Image { source })
}

pub(super) fn document<'a>(
    source: &'a neutral::Source,
    name: Option<&'a str>,
) -> Result<BlockContent<'a>, Obstacle> {
    let title = name.filter(|name| !name.trim().is_empty());
    let source = match source {
        neutral::Source::Url { url, media_type } => {
            if media_type
                .as_deref()
                .is_some_and(|it| it.starts_with("image/"))
            {
                return image(source);
            }
            address(url)?
        }
        neutral::Source::Data { media_type, base64 } => match media_type.as_str() {
            "application/pdf" => Source::Base64 {
                media_type,
                data: base64,
            },
            image_type if image_type.starts_with("image/") => return image(source),
            text_type if is_text(text_type) => Source::Text {
                media_type: "text/plain",
                data: decode(base64)?,
            },
            _ => return Err("only PDF and text are taken as documents"),
        },
        neutral::Source::Id(_) => return Err(ELSEWHERE),
    };
    Ok(BlockContent::Document { source, title })
}

const ELSEWHERE: Obstacle = "the file is with another provider";

fn address(url: &str) -> Result<Source<'_>, Obstacle> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    is_web
        .then_some(Source::Url { url })
        .ok_or("only web addresses are fetched")
}

fn image_type(media_type: &str) -> Option<&'static str> {
    Some(match media_type.to_ascii_lowercase().as_str() {
        // The first is no registered type, but widely written.
        "image/jpg" | "image/jpeg" => "image/jpeg",
        "image/png" => "image/png",
        "image/gif" => "image/gif",
        "image/webp" => "image/webp",
        _ => return None,
    })
}

fn is_text(media_type: &str) -> bool {
    const TEXTS: [&str; 5] = [
        "application/json",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/javascript",
    ];
    media_type.starts_with("text/") || TEXTS.contains(&media_type)
}

fn decode(base64: &str) -> Result<String, Obstacle> {
    let bytes = LENIENT.decode(base64).map_err(|_| "it is not base64")?;
    String::from_utf8(bytes).map_err(|_| "its text is not UTF-8")
}
