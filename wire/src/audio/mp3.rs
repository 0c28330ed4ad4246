//! The length of an MP3 file: the number of its frames where its first frame tells it, else its bytes at the first frame's
//! rate.

use super::sound::{Length, Sound};

/// Bits per millisecond of MPEG-1 and of MPEG-2 and 2.5, layer III, by their number in the header.
const KBITS_1: [u32; 15] = [
    0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
];
const KBITS_2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const HEADER_BYTES: usize = 4;

/// The header of a frame of layer III.
#[derive(Clone, Copy)]
struct Frame {
    is_mpeg_1: bool,
    kbits: u32,
    rate: u32,
    is_padded: bool,
    is_mono: bool,
}

impl Frame {
    fn read(header: &[u8]) -> Option<Self> {
        let [sync, kind, numbers, channels] = *header.first_chunk::<HEADER_BYTES>()?;
        let is_layer_3 = kind & 0b0000_0110 == 0b0000_0010;
        if sync != 0xFF || kind & 0xE0 != 0xE0 || !is_layer_3 {
            return None;
        }
        let (is_mpeg_1, slower) = match kind >> 3 & 3 {
            0b11 => (true, 1),
            0b10 => (false, 2),
            0b00 => (false, 4),
            _ => return None,
        };
        let kbits = if is_mpeg_1 { KBITS_1 } else { KBITS_2 };
        let kbits = *kbits.get(usize::from(numbers >> 4))?;
        let rate = *[44_100, 48_000, 32_000].get(usize::from(numbers >> 2 & 3))?;
        (kbits > 0).then_some(Self {
            is_mpeg_1,
            kbits,
            rate: rate / slower,
            is_padded: numbers & 2 != 0,
            is_mono: channels >> 6 == 3,
        })
    }

    fn samples(self) -> u64 {
        if self.is_mpeg_1 { 1152 } else { 576 }
    }

    fn bytes(self) -> usize {
        let bytes = self.samples() * u64::from(self.kbits) * 125 / u64::from(self.rate);
        usize::try_from(bytes).unwrap_or(usize::MAX) + usize::from(self.is_padded)
    }

    /// The number of frames, where this one holds no sound but a table of contents.
    fn told(self, frame: &[u8]) -> Option<u32> {
        let number = |at: usize| {
            let bytes = frame.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let side = match (self.is_mpeg_1, self.is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        let xing = HEADER_BYTES + side;
        let has_frames = || number(xing + 4).is_some_and(|flags| flags & 1 != 0);
        let told = match frame.get(xing..xing + 4) {
            Some(b"Xing" | b"Info") if has_frames() => number(xing + 8),
            _ => None,
        };
        let vbri = HEADER_BYTES + 32;
        let is_vbri = frame.get(vbri..vbri + 4) == Some(b"VBRI");
        told.or_else(|| number(vbri + 14).filter(|_| is_vbri))
            .filter(|frames| *frames > 0)
    }
}

/// The length of an MP3 file; none if it is not one.
pub(super) fn length(sound: &Sound<'_>) -> Option<Length> {
    let skipped = tag_bytes(sound.start);
    let file = sound.start.get(skipped..)?;
    let first = Frame::read(file)?;
    // Any bytes may look like a frame's first four: where the second is at hand, it must be one too.
    if let Some(next) = file.get(first.bytes()..first.bytes() + HEADER_BYTES)
        && Frame::read(next).is_none_or(|next| next.rate != first.rate)
    {
        return None;
    }
    let of_samples = |samples: u64| samples.div_ceil(u64::from(first.rate));
    Some(match first.told(file) {
        Some(frames) => Length {
            seconds: of_samples(u64::from(frames) * first.samples()),
            is_estimated: false,
        },
        None => Length {
            seconds: (sound.len.saturating_sub(skipped as u64))
                .div_ceil(u64::from(first.kbits) * 125),
            is_estimated: true,
        },
    })
}

/// The bytes of an ID3v2 tag before the sound; its size has 7 bits a byte.
fn tag_bytes(file: &[u8]) -> usize {
    let Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) = file.first_chunk::<10>() else {
        return 0;
    };
    let size = [a, b, c, d]
        .into_iter()
        .fold(0_usize, |size, byte| size << 7 | usize::from(byte & 0x7F));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    10 + size + footer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MPEG-1, 128 kbit/s, 44.1 kHz, stereo: 417 bytes a frame.
    const HEADER: [u8; 4] = [0xFF, 0xFB, 0x90, 0x00];

    fn frames(count: usize) -> Vec<u8> {
        let mut frame = HEADER.to_vec();
        frame.resize(417, 0);
        frame.repeat(count)
    }

    fn length_of(file: &[u8]) -> Option<(u64, bool)> {
        let length = length(&Sound::whole(file))?;
        Some((length.seconds, length.is_estimated))
    }

    #[test]
    fn a_constant_rate_gives_an_estimate() {
        // 1000 frames of 1152 samples are 26.1 s.
        assert_eq!(length_of(&frames(1000)), Some((27, true)));
        let mut tagged = b"ID3\x04\0\0\0\0\x02\0".to_vec();
        tagged.resize(10 + 256, 0);
        tagged.extend(frames(1000));
        assert_eq!(length_of(&tagged), Some((27, true)));
        let beginning = Sound {
            start: &frames(2),
            len: 417_000,
        };
        assert_eq!(length(&beginning).unwrap().seconds, 27);
    }

    #[test]
    fn a_table_of_contents_tells_for_sure() {
        let mut file = frames(3);
        file[36..40].copy_from_slice(b"Xing");
        file[40..44].copy_from_slice(&1_u32.to_be_bytes());
        file[44..48].copy_from_slice(&38_282_u32.to_be_bytes());
        assert_eq!(length_of(&file), Some((1001, false)));
        let mut file = frames(3);
        file[36..40].copy_from_slice(b"VBRI");
        file[50..54].copy_from_slice(&38_282_u32.to_be_bytes());
        assert_eq!(length_of(&file), Some((1001, false)));
    }

    #[test]
    fn what_only_begins_like_a_frame_is_none() {
        let mut file = frames(1);
        file.extend_from_slice(b"and then something else");
        assert_eq!(length_of(&file), None);
        for file in [
            b"".as_slice(),
            b"ID3",
            b"\xFF\xFB",
            b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
        ] {
            assert_eq!(length_of(file), None);
        }
    }
}
