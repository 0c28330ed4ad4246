//! An answer that is relayed piece by piece as it comes: speech, and what is passed on. Nothing of it is held; whoever
//! passes on what a model has made is only listened to, for its usage.

use bytes::Bytes;
use weir_wire::overheard::{Layout, Overheard};

use crate::attempt::Run;
use crate::delivery::Interrupted;
use crate::exchange::done_unless;
use crate::failure::{Stop, cancelled, failed};
use crate::link::Link;
use crate::meter;
use crate::send::Attempt;
use crate::settle::{Finish, Progress};
use crate::sink::{ReplyHead, Sink};
use crate::told::Side;

/// The status of an answer that its time ran out on.
const TIME_UP: u16 = 504;

impl<S: Sink> Run<'_, S> {
    /// Relays bytes nobody here reads. The first piece commits the answer: before it another target may still be tried.
    pub(crate) async fn raw(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
        head: ReplyHead,
    ) -> Result<Finish, Stop> {
        let target = attempt.target;
        let status = head.status;
        let is_pass = attempt.outbound.is_pass;
        let first = match self.next_raw(attempt, link).await? {
            Some(first) => first,
            // A deletion, for one, is answered with nothing.
            None if is_pass => {
                self.tally.progress = Progress::Idle;
                let sent = self.delivery.reply(head, Bytes::new()).await;
                return Ok(done_unless(sent.is_err(), status));
            }
            None => return Err(self.broken(target, "its answer was empty")),
        };
        match meter::asked(&self.held.planned.allowed.ask) {
            Some(usage) => self.tally.used_as_asked(&usage),
            None if is_pass => {}
            None => self.tally.used_about(0),
        }
        self.tally.progress = Progress::Passing(self.listener(&head));
        self.hear(&first);
        self.tally.first_output();
        self.delivery.begin(head).await?;
        self.delivery.write(first).await?;
        loop {
            match self.next_raw(attempt, link).await {
                Ok(Some(piece)) => {
                    self.hear(&piece);
                    self.delivery.write(piece).await?;
                }
                Ok(None) => break,
                Err(Stop::Interrupted(Interrupted::Gone)) => return Ok(cancelled()),
                // Bytes have no way to tell an error: the cut must.
                Err(why) => {
                    self.delivery.cut().await;
                    let status = match why {
                        Stop::Failed(failure) => failure.fault.told().status,
                        Stop::Interrupted(_) => TIME_UP,
                    };
                    return Ok(failed(status, Side::Provider));
                }
            }
        }
        let ended = self.delivery.end().await;
        Ok(done_unless(ended.is_err(), status))
    }

    async fn next_raw(
        &mut self,
        attempt: &Attempt<'_>,
        link: &mut Link,
    ) -> Result<Option<Bytes>, Stop> {
        let read = self.delivery.wait(link.read_body()).await?;
        read.map_err(|error| self.link_failure(attempt.target, &error))
    }

    /// Who listens to an answer that is passed on; none where it is not this request's usage that it may tell.
    fn listener(&self, head: &ReplyHead) -> Option<Box<Overheard>> {
        let pass = self.held.planned.allowed.ask.inbound.pass.as_ref()?;
        let layout = Layout::of(head.content_type.as_bytes())?;
        pass.may_tell_usage()
            .then(|| Box::new(Overheard::new(layout)))
    }

    fn hear(&mut self, piece: &[u8]) {
        if let Progress::Passing(Some(heard)) = &mut self.tally.progress {
            heard.feed(piece);
        }
    }
}
