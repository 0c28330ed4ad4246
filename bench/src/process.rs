//! What the kernel knows of the process that is measured: its CPU time and its memory (proc(5)).

use std::fs;
use std::io;

/// A process that is watched while it serves.
#[derive(Clone, Copy)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// Watches the process with this id.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// CPU time used so far, by all threads in user and kernel mode, in microseconds. The kernel
    /// counts in ticks of 10 ms, so measure over seconds.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_us(self) -> io::Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = cpu_ticks(&stat).ok_or_else(|| unreadable("stat"))?;
        Ok(ticks * 1_000_000 / rustix::param::clock_ticks_per_second().max(1))
    }

    /// Resident memory (`VmRSS`) in KiB.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn rss_kib(self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        rss_kib(&status).ok_or_else(|| unreadable("status"))
    }
}

fn unreadable(file: &str) -> io::Error {
    io::Error::other(format!(
        "/proc/PID/{file} is not in the form that proc(5) describes"
    ))
}

/// `utime` + `stime`: the 14th and 15th fields. The second field is the program's name in parentheses,
/// which may hold spaces and parentheses itself, so counting begins behind the last one.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn rss_kib(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_an_odd_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 1234 566 0 0 20 0 4 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(1800));
        assert_eq!(cpu_ticks("42 (short) S 1"), None);
    }

    #[test]
    fn resident_memory_is_found() {
        assert_eq!(
            rss_kib("Name:\tweir\nVmHWM:\t  99 kB\nVmRSS:\t   8192 kB\n"),
            Some(8192)
        );
        assert_eq!(rss_kib("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_has_both() {
        let this = Process::new(std::process::id());
        assert!(this.rss_kib().unwrap() > 100);
        this.cpu_us().unwrap();
    }
}
