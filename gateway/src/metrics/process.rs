//! What the process itself uses, from `/proc`; nothing on systems without it.

use std::fmt;

use super::sheet::Sheet;

/// What a process uses.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there is no /proc"))]
struct Usage {
    resident_bytes: u64,
    cpu_seconds: f64,
    open_files: usize,
}

/// Writes the metrics that every process has, by their customary names.
pub(super) fn write(sheet: &mut Sheet<'_>) -> fmt::Result {
    let Some(usage) = usage() else {
        return Ok(());
    };
    let (resident, open_files) = (usage.resident_bytes as f64, usage.open_files as f64);
    sheet.gauge("process_resident_memory_bytes", "Memory in use", None, resident)?;
    sheet.seconds_counter("process_cpu", "Processor time used", usage.cpu_seconds)?;
    sheet.gauge("process_open_fds", "Open file descriptors", None, open_files)
}

#[cfg(target_os = "linux")]
fn usage() -> Option<Usage> {
    let process = procfs::process::Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let cpu_seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    Some(Usage {
        resident_bytes: stat.rss * procfs::page_size(),
        cpu_seconds,
        open_files: process.fd_count().ok()?,
    })
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Option<Usage> {
    None
}
