//! The request's way through Weir, one file per filter.
//!
//! [`gateway::Gateway::carry`] is the way, top to bottom: identify, admit, read, allow, plan, reserve, attempt. Each step
//! takes what the step before it made, and only that step can make it, so nothing reaches a provider that was not
//! identified, admitted, planned and reserved. Everything that reached a provider leaves by one exit, `settle`.

pub mod admit;
pub mod allow;
pub mod answer;
pub mod ask;
pub mod attempt;
pub mod clock;
pub mod counters;
pub mod credential;
mod delivery;
mod demo;
pub mod directory;
mod exchange;
pub mod fault;
pub mod gateway;
pub mod health;
pub mod identify;
mod idle_pool;
pub mod inject;
pub mod link;
pub mod metrics;
mod model_labels;
pub mod money;
mod plain;
pub mod plan;
pub mod provider;
pub mod read;
pub mod refusal;
mod relay;
pub mod reserve;
pub mod routes;
mod settle;
pub mod sink;
pub mod site;
pub mod told;
