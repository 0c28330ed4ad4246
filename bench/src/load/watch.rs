//! CPU time and memory of the gateway over a run.

use std::io;

use super::outcome::Usage;
use crate::process::Process;

/// Reads what the watched process uses; nothing where none is watched.
pub struct Watch {
    process: Option<Process>,
    cpu_start_us: Option<u64>,
    cpu_end_us: Option<u64>,
    rss_start_kib: u64,
    rss_peak_kib: u64,
}

impl Watch {
    /// Reads the memory before the run.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn new(process: Option<Process>) -> io::Result<Self> {
        let rss_start_kib = process.map_or(Ok(0), Process::rss_kib)?;
        Ok(Self {
            process,
            cpu_start_us: None,
            cpu_end_us: None,
            rss_start_kib,
            rss_peak_kib: rss_start_kib,
        })
    }

    /// Looks at the memory.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn look(&mut self) -> io::Result<()> {
        let rss_kib = self.process.map_or(Ok(0), Process::rss_kib)?;
        self.rss_peak_kib = self.rss_peak_kib.max(rss_kib);
        Ok(())
    }

    /// The measured time has begun: reads the CPU time, once.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn start(&mut self) -> io::Result<()> {
        if self.cpu_start_us.is_none() {
            self.cpu_start_us = self.process.map(Process::cpu_us).transpose()?;
        }
        Ok(())
    }

    /// The measured time is over: reads the CPU time, once.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn end(&mut self) -> io::Result<()> {
        if self.cpu_end_us.is_none() {
            self.cpu_end_us = self.process.map(Process::cpu_us).transpose()?;
        }
        Ok(())
    }

    /// What was used over `measured_s` seconds in which `completed` answers ended.
    pub fn usage(&self, completed: u64, measured_s: f64) -> Option<Usage> {
        self.process?;
        let (start_us, end_us) = (self.cpu_start_us.unwrap_or(0), self.cpu_end_us.unwrap_or(0));
        let cpu_us = to_f64(end_us.saturating_sub(start_us));
        Some(Usage {
            cpu_us_per_request: cpu_us / to_f64(completed.max(1)),
            cores: cpu_us / 1e6 / measured_s.max(1e-9),
            rss_start_kib: self.rss_start_kib,
            rss_peak_kib: self.rss_peak_kib,
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds of one run fit an f64 exactly"
)]
pub fn to_f64(count: u64) -> f64 {
    count as f64
}
