//! Requests.

use crate::fields::RequestError;
use crate::loss::{Carries, Loss, Losses};
use crate::neutral::Request;
use crate::translate::Target;

pub(crate) const CARRIES: Carries = Carries {
    params: &[],
    content: &[],
    rest: &[],
};

pub(crate) fn write_request(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<u8>, Loss> {
    let _ = (request, target, losses);
    unimplemented!()
}

pub(crate) fn read_request(body: &[u8]) -> Result<Request, RequestError> {
    let _ = body;
    unimplemented!()
}
