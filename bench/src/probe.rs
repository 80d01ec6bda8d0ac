//! What the system says: CPU time and memory of a process, load of the machine, and how long its disk takes to keep something.

use std::{
    fs, io,
    io::{Seek as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// Length of a tick of `/proc/PID/stat`: Linux tells user space 100 in a second (`USER_HZ`), whatever the kernel's own is.
const TICK: Duration = Duration::from_millis(10);

/// What is written and flushed at once to time the disk: a page, as the smallest commit of a database does.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// How often a process is looked at while it is to come to rest, and how long at most.
const LOOK: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(30);

/// A process by its id.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Now resident (`VmRSS`).
    pub resident: u64,
    /// The most that was (`VmHWM`).
    pub peak: u64,
}

/// How long the disk took to keep a page, in microseconds.
#[derive(Clone, Debug)]
pub struct Disk {
    /// Written to the end of a file: its new length has to be kept, too.
    pub appended: Histogram<u64>,
    /// Written over another, as most commits to a write-ahead log are.
    pub in_place: Histogram<u64>,
}

impl Process {
    /// CPU time used so far, in user space and for it in the kernel, by all threads.
    ///
    /// # Errors
    /// No such process, or not the text that Linux writes.
    pub fn cpu(self) -> io::Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        cpu_of(&text).ok_or_else(|| unreadable("stat"))
    }

    /// Memory.
    ///
    /// # Errors
    /// As [`Self::cpu`].
    pub fn memory(self) -> io::Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        memory_of(&text).ok_or_else(|| unreadable("status"))
    }

    /// CPU time used so far, once the process has done what it was still at: the projection of calls goes on after their answers.
    ///
    /// # Errors
    /// As [`Self::cpu`]; or it does not come to rest.
    pub async fn cpu_at_rest(self) -> io::Result<Duration> {
        let begin = Instant::now();
        let mut before = self.cpu()?;
        while begin.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
            let now = self.cpu()?;
            if now - before <= TICK {
                return Ok(now);
            }
            before = now;
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the door does not come to rest",
        ))
    }
}

/// Processes that were running or waiting for a CPU or disk, on average over the last minute.
///
/// # Errors
/// It cannot be read.
pub fn load_average() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ')
        .next()
        .and_then(|first| first.parse().ok())
        .ok_or_else(|| unreadable("loadavg"))
}

impl Disk {
    /// No times yet.
    ///
    /// # Errors
    /// Never: the bounds are constants.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        let times = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        Ok(Self {
            appended: times.clone(),
            in_place: times,
        })
    }

    /// Writes pages to a new file in `folder`, so many times, each flushed (`fdatasync`) before the next; then over each again.
    ///
    /// # Errors
    /// The disk's.
    pub fn time(&mut self, folder: &Path, times: u32) -> io::Result<()> {
        let mut file = tempfile::tempfile_in(folder)?;
        for into in [&mut self.appended, &mut self.in_place] {
            file.rewind()?;
            for _ in 0..times {
                let begin = Instant::now();
                file.write_all(&PAGE)?;
                file.sync_data()?;
                into.saturating_record(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
        }
        Ok(())
    }
}

/// `utime` and `stime` (proc(5)): the 14th and 15th field, counted after the name, which may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user + TICK * system)
}

fn memory_of(status: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some(Memory {
        resident: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}

fn unreadable(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc has an unreadable {file}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 3 0 123 45 7 8 20 0 9 0 100 5000 600";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1_680)));
        for bad in [
            "",
            "42 (a) S 1 2 3",
            "42 (a) S 1 42 42 0 -1 4194560 900 0 3 0 x 45",
        ] {
            assert_eq!(cpu_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn memory_is_read_by_name() {
        let status = "Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t  70 kB\nVmRSS:\t  60 kB\n";
        assert_eq!(
            memory_of(status),
            Some(Memory {
                resident: 60,
                peak: 70
            })
        );
        assert_eq!(memory_of("VmRSS:\t 60 kB\n"), None);
    }

    #[test]
    fn this_process_is_there() {
        let this = Process(std::process::id());
        assert!(this.memory().unwrap().resident > 0);
        this.cpu().unwrap();
        assert!(Process(u32::MAX).cpu().is_err());
    }

    #[test]
    fn the_disk_is_timed_as_often_as_asked() {
        let mut disk = Disk::new().unwrap();
        disk.time(&std::env::temp_dir(), 3).unwrap();
        assert_eq!((disk.appended.len(), disk.in_place.len()), (3, 3));
    }
}
