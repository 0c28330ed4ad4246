//! An answer that is neither JSON nor events, such as speech: relayed piece by piece as it comes.

use bytes::Bytes;

use crate::attempt::{Run, Stop, failed};
use crate::exchange::done_unless;
use crate::link::Link;
use crate::meter;
use crate::send::Attempt;
use crate::settle::{Finish, Progress};
use crate::sink::{ReplyHead, Sink};
use crate::told::Side;

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
            Some(usage) => self.tally.used(&usage),
            None if is_pass => {}
            None => self.tally.used_about(0),
        }
        self.tally.progress = Progress::Idle;
        self.tally.first_output();
        self.delivery.begin(head).await?;
        self.delivery.write(first).await?;
        loop {
            match self.next_raw(attempt, link).await {
                Ok(Some(piece)) => self.delivery.write(piece).await?,
                Ok(None) => break,
                Err(Stop::Failed(failure)) => {
                    // Bytes have no way to tell an error: the cut must.
                    self.delivery.cut().await;
                    return Ok(failed(failure.fault.told().status, Side::Provider));
                }
                Err(other) => return Err(other),
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
}
