//! How long a piece of sound is, where its header says so for sure: WAV and FLAC. Other formats would have to be decoded.

/// The seconds of a sound file, begun ones counted whole. None if its format does not tell.
pub fn seconds_of(file: &[u8]) -> Option<u64> {
    wav(file).or_else(|| flac(file))
}

/// RIFF/WAVE: the length of its data by the bytes a second has.
fn wav(file: &[u8]) -> Option<u64> {
    let mut rest = file
        .strip_prefix(b"RIFF")?
        .get(4..)?
        .strip_prefix(b"WAVE")?;
    let mut byte_rate = None;
    loop {
        let (id, after) = rest.split_first_chunk::<4>()?;
        let (size, body) = after.split_first_chunk::<4>()?;
        let size = u32::from_le_bytes(*size) as usize;
        match id {
            b"fmt " => {
                let rate = body.get(8..12)?;
                byte_rate = Some(u32::from_le_bytes(rate.try_into().ok()?));
            }
            b"data" => {
                // Recorders that cannot go back leave zero or the largest number; then all that follows is sound.
                let length = match size {
                    0 => body.len(),
                    size => size.min(body.len()),
                };
                let byte_rate = u64::from(byte_rate.filter(|rate| *rate > 0)?);
                return Some((length as u64).div_ceil(byte_rate));
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = body.get(size.checked_add(size % 2)?..)?;
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

    #[test]
    fn a_wav_file_tells_its_seconds() {
        assert_eq!(seconds_of(&wav(8_000, 80_000)), Some(10));
        assert_eq!(seconds_of(&wav(8_000, 80_001)), Some(11));
        for broken in [0, u32::MAX] {
            let mut streamed = wav(8_000, 80_000);
            let at = streamed.len() - 80_004;
            streamed[at..at + 4].copy_from_slice(&broken.to_le_bytes());
            assert_eq!(seconds_of(&streamed), Some(10));
        }
        assert_eq!(seconds_of(&wav(0, 10)), None);
        assert_eq!(seconds_of(b"RIFF\0\0\0\0WAVEfmt \x10\0"), None);
    }

    #[test]
    fn a_flac_file_tells_its_seconds() {
        let packed: u64 = (44_100 << 44) | (1 << 41) | (15 << 36) | 441_000;
        let mut file = b"fLaC\x80\0\0\x22".to_vec();
        file.extend_from_slice(&[0; 10]);
        file.extend_from_slice(&packed.to_be_bytes());
        file.extend_from_slice(&[0; 16]);
        assert_eq!(seconds_of(&file), Some(10));
    }

    #[test]
    fn other_formats_tell_nothing() {
        for file in [b"".as_slice(), b"ID3\x04", b"OggS", b"fLaC", b"RIFF"] {
            assert_eq!(seconds_of(file), None);
        }
    }
}
