//! Users' own keys for providers, sealed at rest.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use zeroize::Zeroizing;

use crate::changes::{ChangeKind, note};
use crate::entropy::new_id;
use crate::hint::hint;
use crate::names::check_name;
use crate::sql::cached;
use crate::{SealError, Sealer, Store, StoreError};

/// The table's name, as it is authenticated with every sealed key.
const TABLE: &str = "provider_keys";
/// A provider key as it is listed: all but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// A UUID as text.
    pub id: String,
    /// The owner's id.
    pub user_id: String,
    /// The provider it is for; it is sent to no other.
    pub provider: String,
    /// What its owner calls it; unique per owner and provider.
    pub label: String,
    /// Its share among the keys of the same owner and provider.
    pub weight: u32,
    /// Its last 4 characters, or those of its public half, or the name of its account; empty for a short key.
    pub hint: String,
    /// When it was first set, in unix microseconds.
    pub created_at_us: i64,
}

/// A provider key in the clear. It cannot be printed and is wiped when dropped.
pub struct KeySecret(Zeroizing<String>);

impl KeySecret {
    /// The key as it was set: as the provider wants it, or a JSON document of several parts.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A provider key ready for use.
pub struct OpenKey {
    /// The id of its [`KeyRecord`].
    pub id: String,
    /// The provider it is for.
    pub provider: String,
    /// Its share among the keys of the same owner and provider.
    pub weight: u32,
    /// The key.
    pub secret: KeySecret,
}

impl Store {
    /// Sets the key of a user for a provider; one with the same label is replaced. The key is a text as the provider wants
    /// it, or a JSON document of several parts.
    pub fn set_provider_key(
        &self,
        user_id: &str,
        provider: &str,
        label: &str,
        secret: &str,
        sealer: &Sealer,
        now_us: i64,
    ) -> Result<KeyRecord, StoreError> {
        check_name("the provider name", provider)?;
        check_name("the key label", label)?;
        check_name("the owner's id", user_id)?;
        let draft = KeyRecord {
            id: String::new(),
            user_id: user_id.to_owned(),
            provider: provider.to_owned(),
            label: label.to_owned(),
            weight: 1,
            hint: hint(secret),
            created_at_us: now_us,
        };
        let (secret, sealer) = (Zeroizing::new(secret.to_owned()), sealer.clone());
        self.write(move |conn| put(conn, draft, &secret, &sealer, now_us))
    }

    /// The provider keys of one user (by id), or of all.
    pub fn list_provider_keys(&self, user_id: Option<&str>) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(|conn| {
            let filter = if user_id.is_some() {
                "WHERE user_id = $1"
            } else {
                ""
            };
            let sql = format!(
                "SELECT {COLUMNS} FROM provider_keys {filter} ORDER BY user_id, provider, label"
            );
            let mut query = cached(conn, &sql)?;
            let keys = query
                .query_map(rusqlite::params_from_iter(user_id), record_from)?
                .collect::<Result<_, _>>()?;
            Ok(keys)
        })
    }

    /// Removes a provider key by its id.
    pub fn remove_provider_key(&self, id: &str, now_us: i64) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |conn| {
            let owner: String = cached(
                conn,
                "DELETE FROM provider_keys WHERE id = $1 RETURNING user_id",
            )?
            .query_row([&id], |row| row.get(0))
            .optional()?
            .ok_or_else(|| StoreError::not_found("provider key", &id))?;
            note(conn, ChangeKind::ProviderKey, &owner, now_us)?;
            Ok(())
        })
    }

    /// The keys of a user in the clear. Fails if any of them does not open.
    pub fn open_provider_keys(
        &self,
        user_id: &str,
        sealer: &Sealer,
    ) -> Result<Vec<OpenKey>, StoreError> {
        let keys = self.read(|conn| {
            let sql = format!("SELECT {COLUMNS}, sealed FROM provider_keys WHERE user_id = $1 ORDER BY provider, label");
            let mut query = cached(conn, &sql)?;
            let keys: Vec<(KeyRecord, String)> = query
                .query_map([user_id], |row| Ok((record_from(row)?, row.get(7)?)))?
                .collect::<Result<_, _>>()?;
            Ok(keys)
        })?;
        keys.into_iter()
            .map(|(key, sealed)| open(key, &sealed, sealer))
            .collect()
    }

    /// Checks that no provider key was sealed with another master key: a start with the wrong one must not go on.
    pub fn check_master_key(&self, sealer: &Sealer) -> Result<(), StoreError> {
        let sealed: Option<String> = self.read(|conn| {
            // A sealed value begins with its format and fingerprint; see sealing.rs.
            let other = "SELECT sealed FROM provider_keys WHERE SUBSTR(sealed, 4, 8) <> $1 LIMIT 1";
            Ok(cached(conn, other)?
                .query_row([sealer.fingerprint()], |row| row.get(0))
                .optional()?)
        })?;
        match sealed {
            None => Ok(()),
            Some(sealed) => sealer
                .open(&sealed, &sealer.aad(TABLE, "", "", ""))
                .map(|_| ())
                .map_err(StoreError::from),
        }
    }
}

const COLUMNS: &str = "id, user_id, provider, label, weight, hint, created_at_us";

fn record_from(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        id: row.get(0)?,
        user_id: row.get(1)?,
        provider: row.get(2)?,
        label: row.get(3)?,
        weight: row.get(4)?,
        hint: row.get(5)?,
        created_at_us: row.get(6)?,
    })
}

fn put(
    conn: &Connection,
    draft: KeyRecord,
    secret: &str,
    sealer: &Sealer,
    now_us: i64,
) -> Result<KeyRecord, StoreError> {
    // The row's id is sealed with the key, so that it must be known first.
    let known: Option<String> = cached(
        conn,
        "SELECT id FROM provider_keys WHERE user_id = $1 AND provider = $2 AND label = $3",
    )?
    .query_row([&draft.user_id, &draft.provider, &draft.label], |row| {
        row.get(0)
    })
    .optional()?;
    let id = match known {
        Some(id) => id,
        None => new_id(now_us)?.to_string(),
    };
    let sealed = sealer.seal(
        secret.as_bytes(),
        &sealer.aad(TABLE, &id, &draft.user_id, &draft.provider),
    )?;
    let record = cached(
        conn,
        "INSERT INTO provider_keys (id, user_id, provider, label, weight, hint, sealed, created_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (id) DO UPDATE SET hint = excluded.hint, sealed = excluded.sealed \
         RETURNING id, user_id, provider, label, weight, hint, created_at_us",
    )?
    .query_row(
        params![id, draft.user_id, draft.provider, draft.label, draft.weight, draft.hint, sealed, now_us],
        record_from,
    )
    .map_err(|error| match error.sqlite_error_code() {
        // The one constraint left to violate is the reference to the owner.
        Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::not_found("user", &draft.user_id),
        _ => StoreError::Database(error),
    })?;
    note(conn, ChangeKind::ProviderKey, &record.user_id, now_us)?;
    Ok(record)
}

fn open(key: KeyRecord, sealed: &str, sealer: &Sealer) -> Result<OpenKey, StoreError> {
    let bytes = sealer.open(
        sealed,
        &sealer.aad(TABLE, &key.id, &key.user_id, &key.provider),
    )?;
    let secret = std::str::from_utf8(&bytes).map_err(|_| SealError::UnknownFormat)?;
    let secret = KeySecret(Zeroizing::new(secret.to_owned()));
    Ok(OpenKey {
        id: key.id,
        provider: key.provider,
        weight: key.weight,
        secret,
    })
}
