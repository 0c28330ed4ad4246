//! Tokens: what callers prove themselves with.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use subtle::ConstantTimeEq as _;

use crate::changes::{ChangeKind, note};
use crate::names::{check_name, check_patterns};
use crate::sql::cached;
use crate::token_text::{TokenSecret, hash, new_token, parse_token};
use crate::users::{USER_COLUMNS, user_from};
use crate::{Store, StoreError, StoredLimits, User};

/// What a new token is made from.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The owner's id.
    pub user_id: String,
    /// 1 to 64 characters; need not be unique.
    pub name: String,
    /// Limits of this token alone.
    pub limits: StoredLimits,
    /// Patterns of the models it may use; empty allows all.
    pub models: Vec<String>,
    /// When it ends, in unix microseconds.
    pub expires_at_us: Option<i64>,
}

/// A token as it is stored: all but its secret.
#[derive(Clone)]
pub struct TokenRecord {
    /// Names the token; not secret.
    pub public_id: String,
    /// The SHA-256 of the token's whole text.
    pub secret_hash: [u8; 32],
    /// The owner.
    pub user: Arc<User>,
    /// What its owner calls it.
    pub name: String,
    /// Limits of this token alone.
    pub limits: StoredLimits,
    /// Patterns of the models it may use; empty allows all.
    pub models: Vec<String>,
    /// When it ends, in unix microseconds.
    pub expires_at_us: Option<i64>,
    /// It was taken back for good.
    pub revoked: bool,
    /// Unix microseconds.
    pub created_at_us: i64,
}

impl TokenRecord {
    /// Whether `token_text` is this token, in a time that does not depend on where it differs.
    pub fn matches(&self, token_text: &str) -> bool {
        hash(token_text).ct_eq(&self.secret_hash).into()
    }

    /// Whether its time has run out.
    pub fn is_expired(&self, now_us: i64) -> bool {
        self.expires_at_us.is_some_and(|end_us| end_us <= now_us)
    }
}

impl Store {
    /// Makes a token. Its secret is returned this once and never again.
    pub fn mint_token(
        &self,
        new: NewToken,
        now_us: i64,
    ) -> Result<(TokenRecord, TokenSecret), StoreError> {
        check(&new)?;
        self.write(move |conn| insert_minted(conn, &new, now_us))
    }

    /// Takes a token whose text was chosen elsewhere, such as one set in the environment of a deployment. If it is
    /// there already it is returned as it is, revoked or not.
    pub fn import_token(
        &self,
        text: &str,
        new: NewToken,
        now_us: i64,
    ) -> Result<TokenRecord, StoreError> {
        check(&new)?;
        let token = TokenSecret::from_text(text);
        self.write(move |conn| import(conn, &token, &new, now_us))
    }

    /// All tokens, or those of one user (by id), oldest first; revoked ones too.
    pub fn list_tokens(&self, user_id: Option<&str>) -> Result<Vec<TokenRecord>, StoreError> {
        self.read(|conn| {
            let filter = if user_id.is_some() {
                "WHERE t.user_id = $1"
            } else {
                ""
            };
            let mut query = cached(
                conn,
                &select(&format!("{filter} ORDER BY t.created_at_us, t.public_id")),
            )?;
            let mut rows = query.query(rusqlite::params_from_iter(user_id))?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next()? {
                tokens.push(token_from(row)?);
            }
            Ok(tokens)
        })
    }

    /// The token of this public id, revoked or not.
    pub fn find_token(&self, public_id: &str) -> Result<Option<TokenRecord>, StoreError> {
        self.read(|conn| find(conn, public_id))
    }

    /// [`Store::find_token`] for async callers.
    pub async fn find_token_async(
        &self,
        public_id: String,
    ) -> Result<Option<TokenRecord>, StoreError> {
        self.run_blocking(move |store| store.find_token(&public_id))
            .await
    }

    /// Takes a token back for good. Doing so again changes nothing.
    pub fn revoke_token(&self, public_id: &str, now_us: i64) -> Result<(), StoreError> {
        let public_id = public_id.to_owned();
        self.write(move |conn| revoke(conn, &public_id, now_us))
    }

    /// Replaces a token by one with the same rights under a new public id; the old one is revoked at once.
    pub fn rotate_token(
        &self,
        public_id: &str,
        now_us: i64,
    ) -> Result<(TokenRecord, TokenSecret), StoreError> {
        let public_id = public_id.to_owned();
        self.write(move |conn| {
            let old = find(conn, &public_id)?
                .ok_or_else(|| StoreError::not_found("token", &public_id))?;
            if old.revoked {
                return Err(StoreError::Revoked(public_id));
            }
            revoke(conn, &public_id, now_us)?;
            let successor = NewToken {
                user_id: old.user.id.clone(),
                name: old.name,
                limits: old.limits,
                models: old.models,
                expires_at_us: old.expires_at_us,
            };
            insert_minted(conn, &successor, now_us)
        })
    }
}

fn check(new: &NewToken) -> Result<(), StoreError> {
    check_name("the token name", &new.name)?;
    check_patterns(&new.models)?;
    Ok(())
}

pub(crate) fn insert_minted(
    conn: &Connection,
    new: &NewToken,
    now_us: i64,
) -> Result<(TokenRecord, TokenSecret), StoreError> {
    let (public_id, secret) = new_token()?;
    let record = insert(conn, &public_id, secret.expose(), new, now_us)?;
    Ok((record, secret))
}

pub(crate) fn import(
    conn: &Connection,
    token: &TokenSecret,
    new: &NewToken,
    now_us: i64,
) -> Result<TokenRecord, StoreError> {
    let public_id = parse_token(token.expose())
        .ok_or(StoreError::InvalidToken)?
        .public_id;
    match find(conn, public_id)? {
        Some(known) if known.matches(token.expose()) => Ok(known),
        Some(_) => Err(StoreError::AlreadyExists {
            what: "token",
            name: public_id.to_owned(),
        }),
        None => insert(conn, public_id, token.expose(), new, now_us),
    }
}

fn insert(
    conn: &Connection,
    public_id: &str,
    text: &str,
    new: &NewToken,
    now_us: i64,
) -> Result<TokenRecord, StoreError> {
    let user = cached(
        conn,
        &format!("SELECT {USER_COLUMNS} FROM users u WHERE u.id = $1"),
    )?
    .query_row([&new.user_id], |row| user_from(row, 0))
    .optional()?
    .ok_or_else(|| StoreError::not_found("user", &new.user_id))?;
    let record = TokenRecord {
        public_id: public_id.to_owned(),
        secret_hash: hash(text),
        user: Arc::new(user),
        name: new.name.clone(),
        limits: new.limits,
        models: new.models.clone(),
        expires_at_us: new.expires_at_us,
        revoked: false,
        created_at_us: now_us,
    };
    cached(
        conn,
        "INSERT INTO tokens (public_id, user_id, name, secret_hash, requests_per_minute, concurrent, models, \
         expires_at_us, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )?
    .execute(params![
        record.public_id,
        new.user_id,
        record.name,
        STANDARD_NO_PAD.encode(record.secret_hash),
        record.limits.requests_per_minute,
        record.limits.concurrent,
        serde_json::Value::from(record.models.as_slice()).to_string(),
        record.expires_at_us,
        now_us,
    ])
    .map_err(|error| StoreError::or_taken(error, "token", public_id))?;
    note(conn, ChangeKind::Token, public_id, now_us)?;
    Ok(record)
}

fn revoke(conn: &Connection, public_id: &str, now_us: i64) -> Result<(), StoreError> {
    let revoked = cached(
        conn,
        "UPDATE tokens SET revoked_at_us = COALESCE(revoked_at_us, $2) WHERE public_id = $1",
    )?
    .execute(params![public_id, now_us])?;
    if revoked == 0 {
        return Err(StoreError::not_found("token", public_id));
    }
    note(conn, ChangeKind::Token, public_id, now_us)?;
    Ok(())
}

/// A query for what [`token_from`] reads.
fn select(tail: &str) -> String {
    format!(
        "SELECT t.public_id, t.secret_hash, t.name, t.requests_per_minute, t.concurrent, t.models, t.expires_at_us, \
         t.revoked_at_us, t.created_at_us, {USER_COLUMNS} FROM tokens t JOIN users u ON u.id = t.user_id {tail}"
    )
}

fn find(conn: &Connection, public_id: &str) -> Result<Option<TokenRecord>, StoreError> {
    let mut query = cached(conn, &select("WHERE t.public_id = $1"))?;
    let mut rows = query.query([public_id])?;
    rows.next()?.map(token_from).transpose()
}

fn token_from(row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    let unreadable = |what, reason: String| StoreError::Unreadable { what, reason };
    let public_id: String = row.get(0)?;
    let secret_hash = STANDARD_NO_PAD
        .decode(row.get_ref(1)?.as_str().unwrap_or_default())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            unreadable(
                "token hash",
                format!("that of token {public_id} is not 32 bytes of base64"),
            )
        })?;
    let models = serde_json::from_str(row.get_ref(5)?.as_str().unwrap_or_default())
        .map_err(|error| unreadable("token's list of models", error.to_string()))?;
    Ok(TokenRecord {
        secret_hash,
        user: Arc::new(user_from(row, 9)?),
        name: row.get(2)?,
        limits: StoredLimits {
            requests_per_minute: row.get(3)?,
            concurrent: row.get(4)?,
        },
        models,
        expires_at_us: row.get(6)?,
        revoked: row.get::<_, Option<i64>>(7)?.is_some(),
        created_at_us: row.get(8)?,
        public_id,
    })
}
