//! The length of an Ogg file with Opus or Vorbis: how many samples its last page says have passed.

use super::sound::Sound;

/// The most bytes of a page.
const PAGE_BYTES_MAX: usize = 65_307;
const HEADER_BYTES: usize = 27;

/// The seconds of an Ogg file; none if it is not one, or its end is not at hand.
pub(super) fn seconds(sound: &Sound<'_>) -> Option<u64> {
    let file = sound.start;
    let (rate, skipped) = codec(file)?;
    if !sound.is_whole() {
        return None;
    }
    let end = file
        .get(file.len().saturating_sub(PAGE_BYTES_MAX)..)
        .unwrap_or_default();
    let mut pages = memchr::memmem::rfind_iter(end, b"OggS");
    let samples = pages.find_map(|at| samples_at(end.get(at..)?))?;
    let seconds = samples.saturating_sub(skipped).div_ceil(rate);
    (seconds > 0).then_some(seconds)
}

/// The samples up to the end of a page; none where no packet ends on it.
fn samples_at(page: &[u8]) -> Option<u64> {
    let samples = u64::from_le_bytes(page.get(6..14)?.try_into().ok()?);
    (samples != u64::MAX).then_some(samples)
}

/// The samples a second has, and those before the sound begins.
fn codec(file: &[u8]) -> Option<(u64, u64)> {
    file.strip_prefix(b"OggS\0")?;
    let segments = usize::from(*file.get(HEADER_BYTES - 1)?);
    let packet = file.get(HEADER_BYTES + segments..)?;
    if packet.starts_with(b"OpusHead") {
        let skipped = packet.get(10..12)?;
        // Opus counts by 48 kHz, whatever it was made from.
        return Some((
            48_000,
            u64::from(u16::from_le_bytes(skipped.try_into().ok()?)),
        ));
    }
    let rate = packet.strip_prefix(b"\x01vorbis")?.get(5..9)?;
    let rate = u64::from(u32::from_le_bytes(rate.try_into().ok()?));
    (rate > 0).then_some((rate, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(samples: u64, packet: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend_from_slice(&samples.to_le_bytes());
        page.extend_from_slice(&[0; 12]);
        page.extend_from_slice(&[1, packet.len() as u8]);
        page.extend_from_slice(packet);
        page
    }

    fn opus() -> Vec<u8> {
        let head = b"OpusHead\x01\x01\x38\x01\x80\xBB\0\0\0\0\0";
        [
            page(0, head),
            page(48_000 * 5, b"x"),
            page(48_000 * 10 + 312, b"x"),
            page(u64::MAX, b"no packet ends here"),
        ]
        .concat()
    }

    #[test]
    fn the_last_page_tells_the_seconds() {
        assert_eq!(seconds(&Sound::whole(&opus())), Some(10));
        let head = b"\x01vorbis\0\0\0\0\x02\x40\x1F\0\0rest";
        let vorbis = [page(0, head), page(8_001, b"x")].concat();
        assert_eq!(seconds(&Sound::whole(&vorbis)), Some(2));
    }

    #[test]
    fn without_its_end_nothing_is_told() {
        let file = opus();
        let sound = Sound {
            start: &file,
            len: 1_000_000,
        };
        assert_eq!(seconds(&sound), None);
        for cut in 0..60 {
            assert_eq!(seconds(&Sound::whole(&file[..cut])), None, "{cut}");
        }
    }
}
