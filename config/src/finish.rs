//! The finished draft -> settings: what only shows when every source has been read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::draft::Draft;
use crate::environment::Environment;
use crate::operator_key::KeySource;
use crate::price::PriceTable;
use crate::provider::Provider;
use crate::provider_finish::Finished;
use crate::report::Report;
use crate::settings::{Alias, Fallbacks, Limits, Server, Settings, Tls};

/// Checks what belongs together and gives the settings. They are to be used only if the report holds no error.
pub(crate) fn finish(
    mut draft: Draft,
    environment: &Environment<'_>,
    report: &mut Report,
) -> Settings {
    check_listeners(&draft, report);
    check_bounds(&draft, report);
    let tls = take_tls(&mut draft, report);
    warn_of_unknown_variables(&draft, environment, report);
    let secrets = environment.secrets(report);

    let prices = take_prices(&mut draft, report);
    let (providers, left_out) = take_providers(&mut draft, environment, report);
    let (aliases, fallbacks) = take_aliases(&mut draft, &providers, report);

    Settings {
        server: Server {
            tls,
            ..draft.server
        },
        database: draft.database,
        data_dir: draft.general.data_dir,
        policy: draft.policy,
        default_model: draft.general.default_model,
        aliases,
        fallbacks,
        limits: Limits {
            token: draft.token_limit,
            user: draft.user_limit,
        },
        retry: draft.retry,
        stream: draft.stream,
        timeouts: draft.timeouts,
        catalogue: draft.catalogue,
        log: draft.log,
        providers,
        left_out,
        prices,
        master_key: secrets.master_key,
        master_key_file: secrets.master_key_file,
        admin_token: secrets.admin_token,
        node_id: draft.general.node_id,
    }
}

fn check_listeners(draft: &Draft, report: &mut Report) {
    let Some(ops) = draft.server.ops_listen else {
        return;
    };
    if collide(draft.server.listen, ops) {
        let message = format!(
            "`server.ops_listen` ({ops}) collides with `server.listen` ({}); choose another port, or `none` with \
             `ops_on_main: true`",
            draft.server.listen
        );
        report.error(
            &draft.later_place("server.listen", "server.ops_listen"),
            message,
        );
    }
}

/// Whether two listeners cannot both be bound. Port 0 is whichever the system finds free.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let is_same_ip = one.ip() == other.ip();
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (is_same_ip || is_any)
}

/// Checks the pairs of which one must not be larger than the other.
fn check_bounds(draft: &Draft, report: &mut Report) {
    let (server, retry, timeouts) = (&draft.server, &draft.retry, &draft.timeouts);
    let pairs = [
        (
            ("timeouts.connect_ms", timeouts.connect_ms),
            ("timeouts.total_ms", timeouts.total_ms),
        ),
        (
            ("retry.backoff_base_ms", retry.backoff_base_ms),
            ("retry.backoff_max_ms", retry.backoff_max_ms),
        ),
        (
            ("server.max_body_bytes", server.max_body_bytes as u64),
            (
                "server.max_bodies_memory_bytes",
                server.max_bodies_memory_bytes as u64,
            ),
        ),
    ];
    for ((small, small_value), (large, large_value)) in pairs {
        if large_value < small_value {
            let message =
                format!("`{large}` ({large_value}) is less than `{small}` ({small_value})");
            report.error(&draft.later_place(small, large), message);
        }
    }
}

fn take_tls(draft: &mut Draft, report: &mut Report) -> Option<Tls> {
    match (draft.tls.cert.take(), draft.tls.key.take()) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some(Tls { cert, key }),
        (Some(_), None) => {
            let place = draft.place("server.tls.cert");
            report.error(&place, "`server.tls.cert` is set without `server.tls.key`");
            None
        }
        (None, Some(_)) => {
            let place = draft.place("server.tls.key");
            report.error(&place, "`server.tls.key` is set without `server.tls.cert`");
            None
        }
    }
}

fn warn_of_unknown_variables(draft: &Draft, environment: &Environment<'_>, report: &mut Report) {
    let keys = draft.providers.values().flat_map(|provider| &provider.keys);
    let names: Vec<&str> = keys
        .flat_map(|(source, _)| KeySource::env_names(source))
        .collect();
    environment.warn_of_unknown(&names, report);
}

fn take_prices(draft: &mut Draft, report: &mut Report) -> PriceTable {
    let prices = std::mem::take(&mut draft.prices);
    let providers: Vec<&str> = draft.providers.keys().map(String::as_str).collect();
    prices.finish(&providers, report)
}

fn take_aliases(
    draft: &mut Draft,
    providers: &BTreeMap<String, Provider>,
    report: &mut Report,
) -> (BTreeMap<String, Alias>, Fallbacks) {
    let aliases = std::mem::take(&mut draft.aliases);
    let place = draft.place("default_model");
    let default_model = draft.general.default_model.as_deref();
    aliases.finish(default_model.map(|model| (model, place)), providers, report)
}

/// The providers that are there, and what those need that are left out.
fn take_providers(
    draft: &mut Draft,
    environment: &Environment<'_>,
    report: &mut Report,
) -> (BTreeMap<String, Provider>, BTreeMap<String, String>) {
    let (mut there, mut left_out) = (BTreeMap::new(), BTreeMap::new());
    for (name, provider) in std::mem::take(&mut draft.providers) {
        match provider.finish(&name, &draft.timeouts, environment, report) {
            Finished::There(provider) => {
                there.insert(name, *provider);
            }
            Finished::LeftOut(why) => {
                left_out.insert(name, why);
            }
            Finished::Off => {}
        }
    }
    (there, left_out)
}
