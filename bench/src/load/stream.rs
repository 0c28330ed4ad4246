//! Watches one streamed answer: every event once, in order, to the end.

use crate::event::{Line, LineReader};

/// What one stream was found to be.
pub struct StreamCheck {
    lines: LineReader,
    /// Events the request asked for.
    expected: u64,
    /// The number the next event must have.
    next: u64,
    /// Events received with the number they had to have.
    in_order: u64,
    out_of_order: u64,
    is_done: bool,
    has_error: bool,
}

/// What is known of a stream when its answer ended.
#[derive(Debug, PartialEq)]
pub struct StreamEnd {
    /// Events that never came.
    pub lost: u64,
    /// Events that came twice or before their turn.
    pub out_of_order: u64,
    /// `[DONE]` came, and no error event.
    pub is_success: bool,
}

impl StreamCheck {
    /// Expects this many events.
    pub fn new(expected: u64) -> Self {
        Self {
            lines: LineReader::default(),
            expected,
            next: 0,
            in_order: 0,
            out_of_order: 0,
            is_done: false,
            has_error: false,
        }
    }

    /// Reads on in the answer's body. `each` learns of every event when it was sent, and whether it is
    /// the stream's first.
    pub fn read(&mut self, body: &[u8], mut each: impl FnMut(u64, bool)) {
        let Self {
            lines,
            next,
            in_order,
            out_of_order,
            is_done,
            has_error,
            ..
        } = self;
        lines.read(body, |line| match line {
            Line::Event { number, sent_ns } => {
                each(sent_ns, *in_order + *out_of_order == 0);
                if number < *next {
                    *out_of_order += 1;
                } else {
                    // A gap is told as lost, unless the missing one comes late and is out of order.
                    *in_order += 1;
                    *next = number + 1;
                }
            }
            Line::Done => *is_done = true,
            Line::Error => *has_error = true,
            Line::Other => {}
        });
    }

    /// The answer is complete.
    pub fn end(&self) -> StreamEnd {
        StreamEnd {
            lost: self.expected.saturating_sub(self.in_order),
            out_of_order: self.out_of_order,
            is_success: self.is_done && !self.has_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventWriter;

    fn check(numbers: &[u64], end: &str) -> StreamEnd {
        let mut check = StreamCheck::new(4);
        let mut writer = EventWriter::new();
        let mut firsts = 0;
        for number in numbers {
            let chunk = String::from_utf8_lossy(writer.write(*number)).into_owned();
            let event = chunk.split("\r\n").nth(1).unwrap_or_default().to_owned();
            check.read(event.as_bytes(), |_, is_first| {
                firsts += u32::from(is_first)
            });
        }
        assert_eq!(firsts, 1);
        check.read(end.as_bytes(), |_, _| {});
        check.end()
    }

    #[test]
    fn a_whole_stream_has_no_fault() {
        let end = StreamEnd {
            lost: 0,
            out_of_order: 0,
            is_success: true,
        };
        assert_eq!(check(&[0, 1, 2, 3], ": keepalive\n\ndata: [DONE]\n\n"), end);
    }

    #[test]
    fn faults_are_told_apart() {
        let lost = StreamEnd {
            lost: 1,
            out_of_order: 0,
            is_success: true,
        };
        assert_eq!(check(&[0, 2, 3], "data: [DONE]\n\n"), lost);
        let swapped = StreamEnd {
            lost: 1,
            out_of_order: 1,
            is_success: true,
        };
        assert_eq!(check(&[0, 2, 1, 3], "data: [DONE]\n\n"), swapped);
        let cut = StreamEnd {
            lost: 2,
            out_of_order: 0,
            is_success: false,
        };
        assert_eq!(check(&[0, 1], ""), cut);
        let failed = StreamEnd {
            lost: 0,
            out_of_order: 0,
            is_success: false,
        };
        assert_eq!(
            check(&[0, 1, 2, 3], "data: {\"error\":{}}\n\ndata: [DONE]\n\n"),
            failed
        );
    }
}
