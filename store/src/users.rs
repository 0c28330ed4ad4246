//! The people (or programs) whom tokens and provider keys belong to.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::changes::{ChangeKind, note};
use crate::entropy::new_id;
use crate::names::check_name;
use crate::sql::cached;
use crate::{Store, StoreError};

/// Limits of one user or token; `None` leaves it to the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredLimits {
    /// Requests that may begin within a minute.
    pub requests_per_minute: Option<u32>,
    /// Requests that may be under way at once.
    pub concurrent: Option<u32>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// A UUID as text.
    pub id: String,
    /// Unique.
    pub name: String,
    /// May manage everything.
    pub admin: bool,
    /// May do nothing; tokens are kept.
    pub disabled: bool,
    /// Limits over all tokens of the user.
    pub limits: StoredLimits,
    /// Unix microseconds.
    pub created_at_us: i64,
}

/// What a new user is made from.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// 1 to 64 characters, unique.
    pub name: String,
    /// May manage everything.
    pub admin: bool,
}

/// The columns that [`user_from`] reads, of a table `users` called `u`.
pub(crate) const USER_COLUMNS: &str =
    "u.id, u.name, u.admin, u.disabled, u.requests_per_minute, u.concurrent, u.created_at_us";

pub(crate) fn user_from(row: &Row<'_>, first: usize) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(first)?,
        name: row.get(first + 1)?,
        admin: row.get(first + 2)?,
        disabled: row.get(first + 3)?,
        limits: StoredLimits {
            requests_per_minute: row.get(first + 4)?,
            concurrent: row.get(first + 5)?,
        },
        created_at_us: row.get(first + 6)?,
    })
}

impl Store {
    /// Makes a user.
    pub fn create_user(&self, new: NewUser, now_us: i64) -> Result<User, StoreError> {
        check_name("the user name", &new.name)?;
        self.write(move |conn| insert_user(conn, new, now_us))
    }

    /// All users, by name.
    pub fn list_users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|conn| {
            let mut query = cached(
                conn,
                &format!("SELECT {USER_COLUMNS} FROM users u ORDER BY u.name"),
            )?;
            let users = query
                .query_map([], |row| user_from(row, 0))?
                .collect::<Result<_, _>>()?;
            Ok(users)
        })
    }

    /// The user of this name.
    pub fn find_user_by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.read(|conn| {
            let user = cached(
                conn,
                &format!("SELECT {USER_COLUMNS} FROM users u WHERE u.name = $1"),
            )?
            .query_row([name], |row| user_from(row, 0))
            .optional()?;
            Ok(user)
        })
    }

    /// Disables a user or enables them again.
    pub fn set_user_disabled(
        &self,
        name: &str,
        disabled: bool,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |conn| {
            let id = cached(
                conn,
                "UPDATE users SET disabled = $2 WHERE name = $1 RETURNING id",
            )?
            .query_row(params![name, disabled], |row| row.get(0))
            .optional()?;
            note_user_change(conn, id, &name, now_us)
        })
    }

    /// Sets the limits over all tokens of a user.
    pub fn set_user_limits(
        &self,
        name: &str,
        limits: StoredLimits,
        now_us: i64,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |conn| {
            let update = "UPDATE users SET requests_per_minute = $2, concurrent = $3 WHERE name = $1 RETURNING id";
            let id = cached(conn, update)?
                .query_row(params![name, limits.requests_per_minute, limits.concurrent], |row| row.get(0))
                .optional()?;
            note_user_change(conn, id, &name, now_us)
        })
    }
}

fn note_user_change(
    conn: &Connection,
    id: Option<String>,
    name: &str,
    now_us: i64,
) -> Result<(), StoreError> {
    let id = id.ok_or_else(|| StoreError::not_found("user", name))?;
    note(conn, ChangeKind::User, &id, now_us)?;
    Ok(())
}

pub(crate) fn insert_user(
    conn: &Connection,
    new: NewUser,
    now_us: i64,
) -> Result<User, StoreError> {
    let user = User {
        id: new_id(now_us)?.to_string(),
        name: new.name,
        admin: new.admin,
        disabled: false,
        limits: StoredLimits::default(),
        created_at_us: now_us,
    };
    cached(
        conn,
        "INSERT INTO users (id, name, admin, created_at_us) VALUES ($1, $2, $3, $4)",
    )?
    .execute(params![user.id, user.name, user.admin, now_us])
    .map_err(|error| StoreError::or_taken(error, "user", &user.name))?;
    note(conn, ChangeKind::User, &user.id, now_us)?;
    Ok(user)
}
