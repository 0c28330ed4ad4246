//! What must outlive the process: users, tokens, sealed provider keys, and the ledger of calls.
//!
//! Everything goes through [`Store`]. One thread owns the connection that writes: the ledger's calls are committed in
//! groups, everything else as small transactions between two groups. Reads have connections of their own, beside it.
//!
//! The SQL is one text for SQLite and PostgreSQL ([`sql`] holds the only rewriting there is); table definitions live
//! in `migrations/`. Time is passed in by callers as unix microseconds (`now_us`); randomness comes from [`entropy`].
//!
//! Functions of [`Store`] block for the time of a small query. Async callers use [`Store::run_blocking`]; the ledger
//! alone is async by itself.

mod backup;
mod bootstrap;
mod changes;
mod entropy;
mod error;
mod files;
mod hint;
mod ledger;
mod migrate;
mod names;
mod provider_keys;
mod readers;
mod sealing;
mod sql;
mod store;
mod token_text;
mod tokens;
mod usage;
mod users;
mod writer;

pub use changes::{Change, ChangeKind};
pub use entropy::EntropyError;
pub use error::StoreError;
pub use ledger::{
    Begin, CallRecord, CallRow, EndKind, Intent, LEASE_US, Ledger, LedgerError, RecordedItem,
    TakenItem, UsageItem,
};
pub use migrate::MigrationReport;
pub use names::InvalidName;
pub use provider_keys::{KeyRecord, KeySecret, OpenKey};
pub use sealing::{Aad, MasterKey, MasterKeyError, SealError, Sealer};
pub use store::{OpenOptions, Store};
pub use token_text::{ParsedToken, TokenSecret, may_hold_token, parse_token};
pub use tokens::{NewToken, TokenRecord};
pub use usage::{GroupBy, UsageQuery, UsageRow};
pub use users::{NewUser, StoredLimits, User};
