//! Whole answers.

use crate::neutral::Reply;
use crate::translate::{Context, ReplyError};

pub(crate) fn read_reply(body: &[u8], context: &Context) -> Result<Reply, ReplyError> {
    let _ = (body, context);
    unimplemented!()
}
