//! The one thread that writes, what it is handed, and the thread that copies its log into the database.

mod batch;
mod checkpoint;
mod queue;
mod run;

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rusqlite::{Connection, Transaction, TransactionBehavior};

#[cfg(test)]
pub(crate) use queue::FINISHES_MAX;
pub(crate) use queue::{Answer, Queue};

use crate::StoreError;
use checkpoint::Checkpointer;

/// A write that is no call: it runs between two groups of calls, in a transaction of its own.
pub(crate) type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Who writes.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) node_id: Arc<str>,
    pub(crate) boot_id: Arc<str>,
    pub(crate) exclusive: bool,
}

/// The threads of one store.
pub(crate) struct Threads {
    queue: Arc<Queue>,
    checkpointer: Arc<Checkpointer>,
    writer: JoinHandle<()>,
    checkpoints: JoinHandle<()>,
}

impl Threads {
    pub(crate) fn start(
        conn: Connection,
        checkpoints: Connection,
        identity: Identity,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let checkpointer = Arc::new(Checkpointer::default());
        let checkpoints = {
            let checkpointer = Arc::clone(&checkpointer);
            Builder::new()
                .name("weir-checkpoint".to_owned())
                .spawn(move || checkpointer.run(&checkpoints))?
        };
        let writer = {
            let (queue, checkpointer) = (Arc::clone(&queue), Arc::clone(&checkpointer));
            let writer = move || run::run(&conn, &queue, &checkpointer, identity);
            Builder::new().name("weir-writer".to_owned()).spawn(writer)
        };
        if writer.is_err() {
            checkpointer.stop();
        }
        Ok(Self {
            queue,
            checkpointer,
            writer: writer?,
            checkpoints,
        })
    }

    pub(crate) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Lets the writer record what it was handed, then ends both. The writer goes last: closing the last connection
    /// is what copies the rest of the log into the database.
    pub(crate) fn stop(self) {
        self.checkpointer.stop();
        if self.checkpoints.join().is_err() {
            tracing::error!("the checkpoint thread of the store panicked");
        }
        self.queue.close();
        if self.writer.join().is_err() {
            tracing::error!("the writer thread of the store panicked");
        }
    }
}

/// Runs `function` in a transaction that is rolled back if it fails.
pub(crate) fn transact<T>(
    conn: &Connection,
    function: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let outcome = function(&transaction)?;
    transaction.commit()?;
    Ok(outcome)
}
