//! How long a piece of sound is, where its container says so: WAV, FLAC, MP3, Ogg and MP4. The rest would have to be
//! decoded. A file need not be whole for it: the beginning is enough for most.
//!
//! Sources: RIFF/WAVE (Microsoft's Multimedia Programming Interface); FLAC (RFC 9639); MPEG audio frames (ISO 11172-3,
//! 13818-3), the Xing and VBRI headers as LAME and Fraunhofer write them; Ogg (RFC 3533), Opus in it (RFC 7845), Vorbis I;
//! ISO base media files (ISO 14496-12).

use super::{mp3, mp4, ogg};

/// The lowest rate at which anybody stores speech: Opus at 6 kbit/s.
const LOWEST_BYTES_PER_SECOND: u64 = 750;
/// About the rate at which speech is stored: 32 kbit/s, as voice memos and messengers do.
const LIKELY_BYTES_PER_SECOND: u64 = 4_000;

/// More bytes than a second of MP3, Opus or Vorbis has: 512 kbit/s. A header that says otherwise is not believed, as
/// whoever wrote it may want to pay for less.
const HIGHEST_BYTES_PER_SECOND: u64 = 64_000;

/// A sound file, as far as it is at hand.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// Its beginning, or all of it.
    pub start: &'a [u8],
    /// Its length in bytes.
    pub len: u64,
}

/// How long a sound is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Seconds, begun ones counted whole.
    pub seconds: u64,
    /// Whether its container did not say so, and its rate did.
    pub is_estimated: bool,
}

impl<'a> Sound<'a> {
    /// A whole file.
    pub fn whole(file: &'a [u8]) -> Self {
        Self {
            start: file,
            len: file.len() as u64,
        }
    }

    /// Its length; none if its container does not tell.
    pub fn length(&self) -> Option<Length> {
        let told = wav(self).or_else(|| flac(self.start));
        let packed = || ogg::seconds(self).filter(|seconds| self.can_have(*seconds));
        let told = told.or_else(packed);
        let told = told.or_else(|| mp4::seconds(self.start));
        match told {
            Some(seconds) => Some(Length {
                seconds,
                is_estimated: false,
            }),
            None => mp3::length(self).filter(|length| self.can_have(length.seconds)),
        }
    }

    /// Whether so few seconds can take so many bytes.
    fn can_have(&self, seconds: u64) -> bool {
        // A tag with a picture may be of a megabyte or two.
        const TAG_BYTES: u64 = 4 * 1024 * 1024;
        self.len
            <= seconds
                .saturating_mul(HIGHEST_BYTES_PER_SECOND)
                .saturating_add(TAG_BYTES)
    }

    /// More seconds than it can have.
    pub fn seconds_upper(&self) -> u64 {
        match self.length() {
            Some(length) if !length.is_estimated => length.seconds,
            _ => self.len.div_ceil(LOWEST_BYTES_PER_SECOND),
        }
    }

    /// About as many seconds as it has.
    pub fn seconds_likely(&self) -> u64 {
        let told = self.length().map(|length| length.seconds);
        told.unwrap_or_else(|| self.len.div_ceil(LIKELY_BYTES_PER_SECOND))
    }

    /// Whether all of it is at hand.
    pub(super) fn is_whole(&self) -> bool {
        self.start.len() as u64 == self.len
    }
}

/// RIFF/WAVE: the length of its data by the bytes a second has.
fn wav(sound: &Sound<'_>) -> Option<u64> {
    let mut rest = sound
        .start
        .strip_prefix(b"RIFF")?
        .get(4..)?
        .strip_prefix(b"WAVE")?;
    let mut byte_rate = None;
    loop {
        let (id, after) = rest.split_first_chunk::<4>()?;
        let (size, body) = after.split_first_chunk::<4>()?;
        let size = u32::from_le_bytes(*size);
        match id {
            b"fmt " => {
                byte_rate = byte_rate_of(body);
            }
            b"data" => {
                let before = (sound.start.len() - body.len()) as u64;
                let there = sound.len.saturating_sub(before);
                // Recorders that cannot go back leave zero or the largest number; then all that follows is sound.
                let length = match u64::from(size) {
                    0 => there,
                    size => size.min(there),
                };
                return Some(length.div_ceil(byte_rate.filter(|rate| *rate > 0)?));
            }
            _ => {}
        }
        // Chunks begin at even places.
        let size = size as usize;
        rest = body.get(size.checked_add(size % 2)?..)?;
    }
}

/// The bytes of a second, by a `fmt ` chunk. Of plain samples it follows from what decoders go by; the field that tells it
/// they pass over.
fn byte_rate_of(format: &[u8]) -> Option<u64> {
    const PCM: u16 = 1;
    const FLOAT: u16 = 3;
    const EXTENSIBLE: u16 = 0xFFFE;
    let short = |at: usize| Some(u16::from_le_bytes(format.get(at..at + 2)?.try_into().ok()?));
    let long = |at: usize| Some(u32::from_le_bytes(format.get(at..at + 4)?.try_into().ok()?));
    match short(0)? {
        PCM | FLOAT | EXTENSIBLE => {
            let bytes_per_sample = u64::from(short(14)?.div_ceil(8));
            Some(u64::from(long(4)?) * u64::from(short(2)?) * bytes_per_sample)
        }
        _ => Some(u64::from(long(8)?)),
    }
}

/// FLAC: the number of samples and their rate, from STREAMINFO, which comes first (RFC 9639, section 8.2).
fn flac(file: &[u8]) -> Option<u64> {
    let block = file.strip_prefix(b"fLaC")?;
    let kind = block.first()? & 0x7F;
    let info = block.get(4 + 10..4 + 18)?;
    if kind != 0 {
        return None;
    }
    // 20 bits of rate, 3 of channels, 5 of depth, 36 of samples.
    let packed = u64::from_be_bytes(info.try_into().ok()?);
    let (rate, samples) = (packed >> 44, packed & 0xF_FFFF_FFFF);
    (rate > 0 && samples > 0).then(|| samples.div_ceil(rate))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One channel of 8 bits at this rate, with a chunk of odd length before its data.
    pub(crate) fn wav(rate: u32, samples: u32) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        file.extend_from_slice(b"LIST\x03\0\0\0abc\0");
        file.extend_from_slice(b"fmt \x10\0\0\0\x01\0\x01\0");
        file.extend_from_slice(&rate.to_le_bytes());
        file.extend_from_slice(&rate.to_le_bytes());
        file.extend_from_slice(b"\x01\0\x08\0data");
        file.extend_from_slice(&samples.to_le_bytes());
        file.resize(file.len() + samples as usize, 0);
        file
    }

    pub(crate) fn seconds(file: &[u8]) -> Option<u64> {
        let length = Sound::whole(file).length()?;
        (!length.is_estimated).then_some(length.seconds)
    }

    #[test]
    fn a_wav_file_tells_its_seconds() {
        assert_eq!(seconds(&wav(8_000, 80_000)), Some(10));
        assert_eq!(seconds(&wav(8_000, 80_001)), Some(11));
        for broken in [0, u32::MAX] {
            let mut streamed = wav(8_000, 80_000);
            let at = streamed.len() - 80_004;
            streamed[at..at + 4].copy_from_slice(&broken.to_le_bytes());
            assert_eq!(seconds(&streamed), Some(10));
        }
        assert_eq!(seconds(&wav(0, 10)), None);
        assert_eq!(seconds(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0"), None);
    }

    #[test]
    fn a_header_that_understates_is_not_believed() {
        let mut lying = wav(8_000, 80_000);
        let rate_at = lying.windows(4).position(|it| it == b"fmt ").unwrap() + 8 + 8;
        lying[rate_at..rate_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(seconds(&lying), Some(10));
        let mut mp3 = b"\xFF\xFB\x90\x00".to_vec();
        mp3.resize(417, 0);
        mp3[36..48].copy_from_slice(b"Xing\0\0\0\x01\0\0\0\x26");
        let sound = |len| Sound { start: &mp3, len };
        assert_eq!(sound(1_000).seconds_upper(), 1);
        assert_eq!(sound(25_000_000).length(), None);
    }

    #[test]
    fn the_beginning_of_a_wav_file_is_enough() {
        let file = wav(8_000, 80_000);
        let sound = Sound {
            start: &file[..100],
            len: file.len() as u64,
        };
        assert_eq!(sound.seconds_upper(), 10);
    }

    #[test]
    fn a_flac_file_tells_its_seconds() {
        let packed: u64 = (44_100 << 44) | (1 << 41) | (15 << 36) | 441_000;
        let mut file = b"fLaC\x80\0\0\x22".to_vec();
        file.extend_from_slice(&[0; 10]);
        file.extend_from_slice(&packed.to_be_bytes());
        file.extend_from_slice(&[0; 16]);
        assert_eq!(seconds(&file), Some(10));
    }

    #[test]
    fn other_formats_tell_nothing_and_are_bounded_by_their_bytes() {
        for file in [b"".as_slice(), b"ID3\x04", b"OggS", b"fLaC", b"RIFF"] {
            assert_eq!(seconds(file), None);
        }
        let unknown = Sound {
            start: b"\x1A\x45\xDF\xA3",
            len: 75_000,
        };
        assert_eq!(unknown.length(), None);
        assert_eq!(
            (unknown.seconds_upper(), unknown.seconds_likely()),
            (100, 19)
        );
    }
}
