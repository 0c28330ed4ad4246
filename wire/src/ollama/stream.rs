//! Streams.

use crate::framing::Frame;
use crate::neutral::Event;
use crate::stream::Decode;
use crate::translate::Context;

pub(crate) struct Decoder;

impl Decoder {
    pub fn new(context: &Context) -> Self {
        let _ = context;
        Self
    }
}

impl Decode for Decoder {
    fn decode(&mut self, frame: &Frame<'_>, emit: &mut dyn FnMut(Event<'_>)) {
        let _ = (frame, emit);
        unimplemented!()
    }

    fn finish(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        let _ = emit;
        unimplemented!()
    }
}
