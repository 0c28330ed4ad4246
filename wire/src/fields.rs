//! Taking a JSON object apart member by member: what is not taken stays, so that nothing is lost unseen.

use serde_json::Value;

use crate::neutral::Fields;

/// A request that does not mean anything in its own format. The caller's mistake: HTTP 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` must be {expected}.")]
pub struct RequestError {
    /// The member, such as `messages[2].content`.
    pub path: String,
    /// What it must be, with its article.
    pub expected: &'static str,
}

impl RequestError {
    /// The member at `path` must be `expected`.
    pub fn new(path: impl Into<String>, expected: &'static str) -> Self {
        Self {
            path: path.into(),
            expected,
        }
    }
}

/// An object of which known members are taken out one by one. `null` counts as absent.
#[derive(Debug)]
pub(crate) struct Taker {
    path: String,
    fields: Fields,
}

impl Taker {
    /// The object of a whole body.
    pub fn of_body(body: &[u8]) -> Result<Self, RequestError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self {
                path: String::new(),
                fields,
            }),
            _ => Err(RequestError::new("body", "a JSON object")),
        }
    }

    /// The object that `value` must be; `path` is where it stands.
    pub fn of(value: Value, path: impl Into<String>) -> Result<Self, RequestError> {
        let path = path.into();
        match value {
            Value::Object(fields) => Ok(Self { path, fields }),
            _ => Err(RequestError::new(path, "an object")),
        }
    }

    /// Where a member of it stands.
    pub fn at(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// An error about a member.
    pub fn error(&self, key: &str, expected: &'static str) -> RequestError {
        RequestError::new(self.at(key), expected)
    }

    /// Any member.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        // `shift_remove` keeps the order of what is left.
        self.fields
            .shift_remove(key)
            .filter(|value| !value.is_null())
    }

    /// A member without taking it.
    pub fn peek(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// A string.
    pub fn string(&mut self, key: &str) -> Result<Option<String>, RequestError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "a string")),
        }
    }

    /// A string that must be there.
    pub fn required_string(&mut self, key: &str) -> Result<String, RequestError> {
        self.string(key)?.ok_or_else(|| self.error(key, "a string"))
    }

    /// True or false.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>, RequestError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.error(key, "true or false")),
        }
    }

    /// A non-negative whole number.
    pub fn count(&mut self, key: &str) -> Result<Option<u64>, RequestError> {
        const EXPECTED: &str = "a non-negative whole number";
        match self.take(key) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| self.error(key, EXPECTED)),
        }
    }

    /// A list.
    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, RequestError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(self.error(key, "a list")),
        }
    }

    /// An object.
    pub fn object(&mut self, key: &str) -> Result<Option<Taker>, RequestError> {
        let path = self.at(key);
        self.take(key)
            .map(|value| Self::of(value, path))
            .transpose()
    }

    /// What was not taken, but for nulls, which say nothing.
    pub fn rest(mut self) -> Fields {
        self.fields.retain(|_, value| !value.is_null());
        self.fields
    }

    /// The object as it is now, as a value.
    pub fn into_value(self) -> Value {
        Value::Object(self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_taken_stays_in_order() {
        let mut taker = Taker::of(json!({"b": 1, "a": "x", "c": null, "d": 2}), "m[0]").unwrap();
        assert_eq!(taker.string("a"), Ok(Some("x".to_owned())));
        assert_eq!(taker.string("c"), Ok(None));
        assert_eq!(
            taker.string("b").unwrap_err().to_string(),
            "`m[0].b` must be a string."
        );
        assert_eq!(
            taker.rest().into_iter().collect::<Vec<_>>(),
            [("d".to_owned(), json!(2))]
        );
    }
}
