//! The length of an MP4 file (M4A): its movie header, wherever among the boxes that is.

/// The seconds of an MP4 file; none if it is not one, or its movie header is not at hand.
pub(super) fn seconds(file: &[u8]) -> Option<u64> {
    if file.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let header = find(find(file, *b"moov")?, *b"mvhd")?;
    let number = |at: usize| -> Option<u64> {
        let bytes = header.get(at..at + 4)?;
        Some(u64::from(u32::from_be_bytes(bytes.try_into().ok()?)))
    };
    let (rate, length) = match header.first()? {
        0 => (number(12)?, number(16)?),
        _ => (number(20)?, number(24)? << 32 | number(28)?),
    };
    // Files that are written as they are recorded leave the length open: all bits zero, or all one.
    let is_told = length > 0 && length < u64::from(u32::MAX);
    (rate > 0 && is_told).then(|| length.div_ceil(rate))
}

/// The content of the first box of a kind, as far as it is at hand.
fn find(mut boxes: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    loop {
        let (size, rest) = boxes.split_first_chunk::<4>()?;
        let (found, rest) = rest.split_first_chunk::<4>()?;
        let (size, content) = match u32::from_be_bytes(*size) {
            // The last one, to the end.
            0 => (boxes.len(), rest),
            1 => {
                let (size, content) = rest.split_first_chunk::<8>()?;
                (usize::try_from(u64::from_be_bytes(*size)).ok()?, content)
            }
            size => (size as usize, rest),
        };
        let head = boxes.len() - content.len();
        if *found == kind {
            return content.get(..content.len().min(size.checked_sub(head)?));
        }
        // A box has its head at least, so this ends.
        boxes = boxes.get(size.max(head)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut bytes = (content.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(content);
        bytes
    }

    fn movie(rate: u32, length: u32) -> Vec<u8> {
        let mut header = vec![0; 12];
        header.extend_from_slice(&rate.to_be_bytes());
        header.extend_from_slice(&length.to_be_bytes());
        boxed(
            b"moov",
            &[boxed(b"udta", b"x"), boxed(b"mvhd", &header)].concat(),
        )
    }

    #[test]
    fn the_movie_header_tells_the_seconds_before_and_after_the_data() {
        let kind = boxed(b"ftyp", b"M4A \0\0\0\0");
        let data = boxed(b"mdat", &[7; 5000]);
        let before = [kind.clone(), movie(600, 6_001), data.clone()].concat();
        let after = [kind.clone(), data, movie(600, 6_001)].concat();
        for file in [before, after] {
            assert_eq!(seconds(&file), Some(11));
            for cut in 0..file.len().min(100) {
                let _ = seconds(&file[..cut]);
            }
        }
        assert_eq!(seconds(&[kind.clone(), movie(600, 0)].concat()), None);
        assert_eq!(
            seconds(&[kind.clone(), movie(600, u32::MAX)].concat()),
            None
        );
        assert_eq!(seconds(&[kind, movie(0, 5)].concat()), None);
    }

    #[test]
    fn a_box_of_no_size_ends_the_search() {
        assert_eq!(find(b"\0\0\0\x01free\0\0\0\0\0\0\0\0", *b"moov"), None);
        assert_eq!(find(b"\0\0\0\x02free", *b"moov"), None);
        assert_eq!(find(b"", *b"moov"), None);
    }
}
