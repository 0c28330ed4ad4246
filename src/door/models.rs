//! `GET /v1/models` and `GET /v1/models/{id}`: what this caller can use now, straight from memory.

use bytes::Bytes;
use weir_filters::identify::Credential;
use weir_wire::models_list::{self, ModelEntry};

use super::app::App;
use super::client::SessionClient;
use super::route;

/// The moment models say they were created: OpenAI's shape wants one, and no configuration knows it.
const CREATED: u64 = 1_767_225_600;

/// Answers with the list.
pub async fn list(app: &App, client: &mut SessionClient<'_>) {
    let credential = Credential::of(&client.session.req_header().headers);
    match app.gateway.models(credential.as_ref()).await {
        Ok(names) => {
            let entries = names.iter().map(|name| entry(app, name));
            let body = models_list::render_list(entries.collect::<Vec<_>>());
            route::whole(client, 200, Bytes::from(body)).await;
        }
        Err(refusal) => route::refuse(client, refusal).await,
    }
}

/// Answers with one model.
pub async fn one(app: &App, client: &mut SessionClient<'_>, id: &str) {
    let credential = Credential::of(&client.session.req_header().headers);
    match app.gateway.model(credential.as_ref(), id).await {
        Ok(()) => {
            let body = models_list::render_one(entry(app, id));
            route::whole(client, 200, Bytes::from(body)).await;
        }
        Err(refusal) => route::refuse(client, refusal).await,
    }
}

fn entry<'a>(app: &App, name: &'a str) -> ModelEntry<'a> {
    let routes = app.gateway.routes();
    let (provider, model) = name.split_once('/').unwrap_or(("weir", name));
    let price = routes.settings.prices.find(provider, model);
    ModelEntry {
        id: name,
        owned_by: provider,
        created: CREATED,
        context_tokens: price.and_then(|it| it.context_tokens),
        max_output_tokens: price.and_then(|it| it.max_output_tokens),
    }
}

/// Undoes percent-encoding (RFC 3986, section 2.1): clients encode the slash of `provider/model`.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|it| std::str::from_utf8(it).ok());
        match (
            bytes[at],
            hex.and_then(|it| u8::from_str_radix(it, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slash_of_a_name_may_be_encoded() {
        assert_eq!(decode("openai%2Fgpt-4o"), "openai/gpt-4o");
        assert_eq!(decode("a/b"), "a/b");
        assert_eq!(decode("50%"), "50%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }
}
