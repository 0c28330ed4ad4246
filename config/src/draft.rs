//! What has been read so far: the settings under construction, and where each value came from.

use std::collections::BTreeMap;

use crate::alias::AliasDrafts;
use crate::price_draft::PriceDrafts;
use crate::provider_draft::ProviderDraft;
use crate::report::{Place, Report};
use crate::section::{Row, Section};
use crate::settings::{
    Catalogue, Database, General, Limit, Log, Policy, Retry, Server, Stream, Timeouts, TlsFiles,
};

/// The settings under construction.
#[derive(Default)]
pub(crate) struct Draft {
    pub general: General,
    pub server: Server,
    pub tls: TlsFiles,
    pub database: Database,
    pub policy: Policy,
    pub token_limit: Limit,
    pub user_limit: Limit,
    pub retry: Retry,
    pub stream: Stream,
    pub timeouts: Timeouts,
    pub catalogue: Catalogue,
    pub log: Log,
    pub providers: BTreeMap<String, ProviderDraft>,
    pub prices: PriceDrafts,
    pub aliases: AliasDrafts,
    places: BTreeMap<String, Place>,
}

impl Draft {
    /// Where the value at `path` came from.
    pub fn place(&self, path: &str) -> Place {
        self.places
            .get(path)
            .cloned()
            .unwrap_or_else(Place::built_in)
    }

    /// Where the error of two values that do not fit belongs: to the one that was set, the second where both were.
    pub fn later_place(&self, first: &str, second: &str) -> Place {
        let second = self.places.get(second);
        second.cloned().unwrap_or_else(|| self.place(first))
    }

    /// Reads `text` into the setting `name` of `area` and remembers where it came from.
    pub fn set(
        &mut self,
        area: &Area,
        name: &str,
        text: &str,
        place: &Place,
    ) -> Result<(), String> {
        (area.set)(self, name, text)?;
        self.places.insert(join(area.path, name), place.clone());
        Ok(())
    }
}

/// A group of settings with a fixed place in the YAML.
pub(crate) struct Area {
    /// The keys that lead to it, with dots between; empty for the top of the file.
    pub path: &'static str,
    /// What it is about, for the reference.
    pub about: &'static str,
    /// Its settings.
    pub rows: &'static [Row],
    set: fn(&mut Draft, &str, &str) -> Result<(), String>,
}

/// All of them, in the order of the reference. Reading files, reading the environment and the reference follow it.
pub(crate) const AREAS: &[Area] = &[
    Area {
        path: "",
        about: "Settings that stand at the top of a file.",
        rows: General::ROWS,
        set: |draft, name, text| draft.general.set(name, text),
    },
    Area {
        path: "server",
        about: "Listeners and what they bound.",
        rows: Server::ROWS,
        set: |draft, name, text| draft.server.set(name, text),
    },
    Area {
        path: "server.tls",
        about: "The files of the API's TLS; both or none.",
        rows: TlsFiles::ROWS,
        set: |draft, name, text| draft.tls.set(name, text),
    },
    Area {
        path: "database",
        about: "Where state is kept.",
        rows: Database::ROWS,
        set: |draft, name, text| draft.database.set(name, text),
    },
    Area {
        path: "policy",
        about: "What is allowed to whom.",
        rows: Policy::ROWS,
        set: |draft, name, text| draft.policy.set(name, text),
    },
    Area {
        path: "limits.token",
        about: "Limits of each token that has none of its own; `none` is unlimited.",
        rows: Limit::ROWS,
        set: |draft, name, text| draft.token_limit.set(name, text),
    },
    Area {
        path: "limits.user",
        about: "Limits of each user that has none of its own, over all of their tokens; `none` is unlimited.",
        rows: Limit::ROWS,
        set: |draft, name, text| draft.user_limit.set(name, text),
    },
    Area {
        path: "retry",
        about: "When and how a failed attempt is repeated, as long as no output has reached the client.",
        rows: Retry::ROWS,
        set: |draft, name, text| draft.retry.set(name, text),
    },
    Area {
        path: "stream",
        about: "How answers are streamed.",
        rows: Stream::ROWS,
        set: |draft, name, text| draft.stream.set(name, text),
    },
    Area {
        path: "timeouts",
        about: "Timeouts towards providers. A provider may override each.",
        rows: Timeouts::ROWS,
        set: |draft, name, text| draft.timeouts.set(name, text),
    },
    Area {
        path: "catalogue",
        about: "The list of models that callers are given.",
        rows: Catalogue::ROWS,
        set: |draft, name, text| draft.catalogue.set(name, text),
    },
    Area {
        path: "log",
        about: "What is logged.",
        rows: Log::ROWS,
        set: |draft, name, text| draft.log.set(name, text),
    },
];

/// `path.name`, or `name` at the top.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// What every reader of a source needs: the draft to fill and the report to complain to.
pub(crate) struct Reading<'a> {
    pub draft: &'a mut Draft,
    pub report: &'a mut Report,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_reads_and_is_what_an_empty_draft_holds() {
        let mut draft = Draft::default();
        for area in AREAS {
            for row in area.rows {
                let set = draft.set(area, row.name, row.default, &Place::built_in());
                assert_eq!(set, Ok(()), "{}.{}", area.path, row.name);
            }
        }
        assert_eq!(draft.general, General::default());
        assert_eq!(draft.server, Server::default());
        assert_eq!(draft.retry, Retry::default());
    }
}
