//! The tools that measure Weir: a load generator (`bench-load`), a mock upstream (`bench-mock`) and a
//! maker of tables (`bench-report`).
//!
//! Both ends speak HTTP/1.1 by hand on one thread and one epoll, because a tool that shares a core
//! with the other end must cost far less than the gateway between them. `bench/README.md` says how to
//! run them and what the figures mean.

pub mod clock;
pub mod event;
pub mod histogram;
pub mod http1;
pub mod load;
pub mod mock;
pub mod process;
pub mod report;
