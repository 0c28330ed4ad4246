//! The first start: somebody must be able to come in, once, and nobody else.

use crate::token_text::TokenSecret;
use crate::tokens::{import, insert_minted};
use crate::users::insert_user;
use crate::{NewToken, NewUser, Store, StoreError, StoredLimits, TokenRecord, User};

impl Store {
    /// If there is no user yet, makes the user `admin` and a token for them in one transaction, so that of several
    /// processes that start together exactly one does. The token is `secret_text` if given (it must have the form of a
    /// token), else a new one. `None` if there are users already.
    pub fn bootstrap_admin(
        &self,
        secret_text: Option<&str>,
        now_us: i64,
    ) -> Result<Option<(User, TokenRecord, TokenSecret)>, StoreError> {
        let chosen = secret_text.map(TokenSecret::from_text);
        self.write(move |conn| {
            let users: i64 = conn.query_row("SELECT COUNT(*) FROM users", [], |row| row.get(0))?;
            if users > 0 {
                return Ok(None);
            }
            let user = insert_user(
                conn,
                NewUser {
                    name: "admin".to_owned(),
                    admin: true,
                },
                now_us,
            )?;
            let new = NewToken {
                user_id: user.id.clone(),
                name: "first start".to_owned(),
                limits: StoredLimits::default(),
                models: Vec::new(),
                expires_at_us: None,
            };
            let (token, secret) = match chosen {
                Some(secret) => (import(conn, &secret, &new, now_us)?, secret),
                None => insert_minted(conn, &new, now_us)?,
            };
            Ok(Some((user, token, secret)))
        })
    }
}
