//! The request's way through Weir, one file per filter.
//!
//! [`gateway::Gateway::carry`] is the way, top to bottom: identify, admit, read, allow, plan, reserve, attempt. Each step
//! takes what the step before it made, and only that step can make it, so nothing reaches a provider that was not
//! identified, admitted, planned and reserved. Everything that reached a provider leaves by one exit, `settle`.

pub mod adapt;
pub mod admit;
pub mod allow;
pub mod answer;
pub mod ask;
pub mod attempt;
pub mod catalogue;
pub mod clock;
mod count;
pub mod counters;
pub mod credential;
mod delivery;
mod demo;
pub mod directory;
mod exchange;
mod failure;
pub mod fault;
pub mod fit;
pub mod gateway;
mod get;
mod h2_turn;
pub mod health;
mod hold;
pub mod identify;
mod idle_pool;
pub mod inject;
pub mod link;
mod meter;
pub mod metrics;
mod model_labels;
pub mod money;
mod pass;
mod passage;
mod plain;
pub mod plan;
pub mod provider;
mod raw;
pub mod read;
pub mod realtime;
pub mod refusal;
mod relay;
mod render;
pub mod reserve;
pub mod routes;
mod send;
pub mod session;
mod settle;
pub mod sink;
pub mod site;
mod spool;
pub mod told;
pub mod tunnel;
mod upload;
mod way;
mod weigh;
mod whole;
