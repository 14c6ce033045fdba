//! What this machine is doing, sampled from /proc.
//!
//! The kernel counts from boot; a [`Sampler`] remembers the counters of its last sample, so that the fractions in the
//! next one are those of the time in between. The parse functions are pure, and give `None` for text that is not
//! what proc(5) describes.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

/// One look at the machine.
pub(crate) struct Sample {
    /// The fraction of time, 0 to 1, that each online core was busy since the last sample.
    pub(crate) core_loads: Vec<f64>,
    pub(crate) memory: Memory,
    /// The number of runnable tasks, averaged over 1, 5 and 15 minutes.
    pub(crate) load_averages: [f64; 3],
    /// Seconds since boot.
    pub(crate) uptime: f64,
    /// The busiest processes, the busiest first.
    pub(crate) processes: Vec<Process>,
}

/// Main memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    /// What can be had without swapping.
    pub(crate) available: u64,
    /// What is not available.
    pub(crate) used: u64,
}

/// A process and what it uses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) name: String,
    /// The processor time it took since the last sample, as a fraction of one core: 2.0 is two cores.
    pub(crate) cpu: f64,
    /// Resident memory in bytes.
    pub(crate) rss: u64,
}

/// Takes samples of this machine.
pub(crate) struct Sampler {
    page_size: u64,
    cores: Vec<CoreTimes>,
    /// By (process id, start time), because ids are reused.
    process_ticks: HashMap<(u32, u64), u64>,
}

impl Sampler {
    /// Starts counting: the first sample is about the time from here on.
    ///
    /// # Errors
    ///
    /// If /proc is not there or not what it should be.
    pub(crate) fn new() -> io::Result<Self> {
        let mut sampler =
            Sampler { page_size: page_size()?, cores: Vec::new(), process_ticks: HashMap::new() };
        sampler.sample(0)?;
        Ok(sampler)
    }

    /// Samples the machine and its `busiest` busiest processes.
    ///
    /// # Errors
    ///
    /// If /proc is not there or not what it should be. Processes that end meanwhile are left out.
    pub(crate) fn sample(&mut self, busiest: usize) -> io::Result<Sample> {
        let (core_loads, ticks_per_core) = self.core_loads()?;
        let mut processes = self.processes(ticks_per_core)?;
        processes.sort_by(|a, b| b.cpu.total_cmp(&a.cpu).then(b.rss.cmp(&a.rss)).then(a.pid.cmp(&b.pid)));
        processes.truncate(busiest);
        Ok(Sample {
            core_loads,
            memory: parsed("/proc/meminfo", parse_memory)?,
            load_averages: parsed("/proc/loadavg", parse_load_averages)?,
            uptime: parsed("/proc/uptime", parse_uptime)?,
            processes,
        })
    }

    /// The loads, and the mean number of ticks that a core has counted since the last sample.
    fn core_loads(&mut self) -> io::Result<(Vec<f64>, f64)> {
        let cores = parsed("/proc/stat", parse_core_times)?;
        let mut loads = Vec::with_capacity(cores.len());
        let mut ticks = 0;
        for core in &cores {
            // Cores come and go, so their place in the file does not tell which is which.
            let last = self.cores.iter().find(|last| last.number == core.number);
            let (busy, total) = core.since(last);
            loads.push(fraction(busy, total as f64));
            ticks += total;
        }
        let ticks_per_core = ticks as f64 / cores.len() as f64;
        self.cores = cores;
        Ok((loads, ticks_per_core))
    }

    fn processes(&mut self, ticks_per_core: f64) -> io::Result<Vec<Process>> {
        let mut processes = Vec::new();
        let mut process_ticks = HashMap::with_capacity(self.process_ticks.len());
        for entry in fs::read_dir("/proc")? {
            // Whatever goes wrong with one entry, most likely its process has just ended.
            let Some(stat) = entry.ok().and_then(|entry| read_process(&entry.path())) else {
                continue;
            };
            let id = (stat.pid, stat.start_time);
            let last = self.process_ticks.get(&id).copied().unwrap_or(0);
            process_ticks.insert(id, stat.ticks);
            processes.push(Process {
                pid: stat.pid,
                cpu: fraction(stat.ticks.saturating_sub(last), ticks_per_core),
                rss: stat.resident_pages * self.page_size,
                name: stat.name,
            });
        }
        self.process_ticks = process_ticks;
        Ok(processes)
    }
}

/// The counters of one core, in ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct CoreTimes {
    number: u32,
    busy: u64,
    idle: u64,
}

impl CoreTimes {
    /// The busy and all ticks since `last`, or since boot without one.
    fn since(&self, last: Option<&CoreTimes>) -> (u64, u64) {
        let (last_busy, last_idle) = last.map_or((0, 0), |last| (last.busy, last.idle));
        // The kernel's idle and iowait counters are known to step back now and then.
        let busy = self.busy.saturating_sub(last_busy);
        (busy, busy + self.idle.saturating_sub(last_idle))
    }
}

/// What /proc/[pid]/stat says of a process.
#[derive(Clone, Debug, PartialEq)]
struct ProcessStat {
    pid: u32,
    name: String,
    /// User and system time.
    ticks: u64,
    /// Ticks from boot to its start.
    start_time: u64,
    resident_pages: u64,
}

fn fraction(part: u64, whole: f64) -> f64 {
    if whole > 0.0 { part as f64 / whole } else { 0.0 }
}

fn parsed<T>(path: &str, parse: impl FnOnce(&str) -> Option<T>) -> io::Result<T> {
    let text = fs::read_to_string(path)?;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("{path} is not as expected"));
    parse(&text).ok_or_else(malformed)
}

fn read_process(dir: &Path) -> Option<ProcessStat> {
    dir.file_name()?.to_str()?.parse::<u32>().ok()?;
    // A process may call itself anything, UTF-8 or not.
    let stat = fs::read(dir.join("stat")).ok()?;
    parse_process(&String::from_utf8_lossy(&stat))
}

fn page_size() -> io::Result<u64> {
    parse_page_size(&fs::read("/proc/self/auxv")?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/auxv has no page size"))
}

fn parse_page_size(auxiliary_vector: &[u8]) -> Option<u64> {
    const AT_PAGESZ: usize = 6;
    let (words, _) = auxiliary_vector.as_chunks::<{ size_of::<usize>() }>();
    let words: Vec<usize> = words.iter().map(|&word| usize::from_ne_bytes(word)).collect();
    let (entries, _) = words.as_chunks::<2>();
    entries.iter().find(|[key, _]| *key == AT_PAGESZ).map(|&[_, value]| value as u64)
}

fn parse_core_times(stat: &str) -> Option<Vec<CoreTimes>> {
    let mut cores = Vec::new();
    for line in stat.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(number) = words.next().and_then(|word| word.strip_prefix("cpu")) else {
            continue;
        };
        if number.is_empty() {
            continue; // the sum of all
        }
        // What follows these eight is time given to guests, which user and nice include already.
        let ticks = words.take(8).map(|word| word.parse().ok()).collect::<Option<Vec<u64>>>()?;
        let [user, nice, system, idle, iowait, irq, softirq, steal] = *ticks.as_slice() else {
            return None;
        };
        cores.push(CoreTimes {
            number: number.parse().ok()?,
            busy: user + nice + system + irq + softirq + steal,
            idle: idle + iowait,
        });
    }
    (!cores.is_empty()).then_some(cores)
}

fn parse_memory(meminfo: &str) -> Option<Memory> {
    let bytes = |key: &str| -> Option<u64> {
        let rest = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    let (total, available) = (bytes("MemTotal")?, bytes("MemAvailable")?);
    Some(Memory { total, available, used: total.saturating_sub(available) })
}

fn parse_load_averages(loadavg: &str) -> Option<[f64; 3]> {
    let mut words = loadavg.split_ascii_whitespace().map(|word| word.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

fn parse_uptime(uptime: &str) -> Option<f64> {
    uptime.split_ascii_whitespace().next()?.parse().ok()
}

fn parse_process(stat: &str) -> Option<ProcessStat> {
    // The name may contain spaces, parentheses and line ends, but nothing after it does.
    let (before, rest) = stat.split_once('(')?;
    let (name, after) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    // proc(5) numbers the fields from 1; the first after the name is number 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(ProcessStat {
        pid: before.trim().parse().ok()?,
        name: name.to_owned(),
        ticks: field(14)?.checked_add(field(15)?)?,
        start_time: field(22)?,
        resident_pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  1217 0 996 248281 172 0 18 8 0 0\n\
                        cpu0 432 1 402 124499 4 6 5 3 50 0\n\
                        cpu12 785 0 594 123782 168 0 13 5 0 0\n\
                        intr 87652 0 0\nctxt 1234\n";

    #[test]
    fn core_times_leave_out_the_sum_and_guests() {
        let cores = parse_core_times(STAT).unwrap();
        assert_eq!(
            cores,
            [
                CoreTimes { number: 0, busy: 849, idle: 124_503 },
                CoreTimes { number: 12, busy: 1397, idle: 123_950 },
            ]
        );
        assert_eq!(parse_core_times("intr 1 2 3\n"), None);
        assert_eq!(parse_core_times("cpu0 1 2 3\n"), None);
        assert_eq!(parse_core_times("cpu0 1 2 3 x 5 6 7 8\n"), None);
    }

    #[test]
    fn counters_that_step_back_count_as_nothing() {
        let last = CoreTimes { number: 0, busy: 100, idle: 1000 };
        let now = CoreTimes { number: 0, busy: 130, idle: 990 };
        assert_eq!(now.since(Some(&last)), (30, 30));
        assert_eq!(now.since(None), (130, 1120));
        assert_eq!(fraction(0, 0.0), 0.0);
    }

    #[test]
    fn memory_is_in_bytes() {
        let meminfo =
            "MemTotal:       24684084 kB\nMemFree:        24580604 kB\nMemAvailable:   24474692 kB\n";
        let memory = parse_memory(meminfo).unwrap();
        assert_eq!(memory.total, 24_684_084 * 1024);
        assert_eq!(memory.available, 24_474_692 * 1024);
        assert_eq!(memory.used, (24_684_084 - 24_474_692) * 1024);
        assert_eq!(parse_memory("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn load_averages_and_uptime() {
        assert_eq!(parse_load_averages("0.50 1.25 10.00 1/80 2919\n"), Some([0.5, 1.25, 10.0]));
        assert_eq!(parse_load_averages("0.50 1.25\n"), None);
        assert_eq!(parse_uptime("1255.98 2482.82\n"), Some(1255.98));
        assert_eq!(parse_uptime("\n"), None);
    }

    #[test]
    fn process_names_may_look_like_anything() {
        let fields =
            "S 0 0 0 0 -1 4194560 26057 257719 0 174 95 231 623 444 10 -10 13 0 24 39976960 2566 18446744073";
        for name in ["init", "tmux: server", "(sd-pam)", "a) S 1 (b", ") (", "new\nline", ""] {
            let stat = parse_process(&format!("41 ({name}) {fields}\n"));
            let expected = ProcessStat {
                pid: 41,
                name: name.to_owned(),
                ticks: 95 + 231,
                start_time: 24,
                resident_pages: 2566,
            };
            assert_eq!(stat, Some(expected), "{name:?}");
        }
        for stat in ["", "41", "41 (init", "41 (init) S 0", "x (init) S 0 0"] {
            assert_eq!(parse_process(stat), None, "{stat:?}");
        }
    }

    #[test]
    fn page_size_is_found_by_its_key() {
        let words = |words: &[usize]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
        assert_eq!(parse_page_size(&words(&[33, 6, 6, 16384, 0, 0])), Some(16384));
        assert_eq!(parse_page_size(&words(&[33, 6, 0, 0])), None);
        assert_eq!(parse_page_size(&[6]), None);
    }

    #[test]
    fn sample_shows_a_busy_process() {
        let mut sampler = Sampler::new().unwrap();
        let mut busy = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        let sample = sampler.sample(usize::MAX);
        busy.kill().unwrap();
        busy.wait().unwrap();

        let sample = sample.unwrap();
        let found = sample.processes.iter().find(|process| process.pid == busy.id()).unwrap();
        assert!(found.cpu > 0.01, "{found:?}");
        assert!(found.name == "sh" || found.name == "dash" || found.name == "bash", "{found:?}");
        assert!(found.rss > 0, "{found:?}");
        assert!(sample.processes.is_sorted_by(|a, b| a.cpu >= b.cpu));
        assert!(sample.core_loads.iter().all(|load| (0.0..=1.0).contains(load)), "{:?}", sample.core_loads);
        assert!(sample.core_loads.iter().any(|&load| load > 0.0));
        assert!(sample.memory.used <= sample.memory.total && sample.uptime > 0.0);
    }
}
