//! The harness: contestants of one operation take turns, so that what disturbs one disturbs all.
//!
//! It measures the CPU time of the thread, which other threads and processes do not add to.

use std::time::{Duration, Instant};

use crate::report::Report;

/// How often each contestant has its turn, and about how long a turn is.
const ROUNDS: usize = 401;
const TURN: Duration = Duration::from_micros(300);
/// When to stop before that many rounds.
const ENOUGH: Duration = Duration::from_secs(4);

type Turn<'a> = Box<dyn FnMut(u64) + 'a>;

/// What is compared in one operation.
pub struct Contest<'a> {
    title: String,
    contestants: Vec<Contestant<'a>>,
}

struct Contestant<'a> {
    name: String,
    turn: Turn<'a>,
    /// How many times the first contestant's time this one may take.
    limit: Option<f64>,
    /// How many operations a turn has.
    times: u64,
    /// Nanoseconds per operation, for each turn.
    samples: Vec<f64>,
}

/// Nanoseconds per operation: the least and the median.
#[derive(Clone, Copy)]
pub struct Times {
    pub least: f64,
    pub median: f64,
}

impl<'a> Contest<'a> {
    pub fn new(title: impl Into<String>) -> Contest<'a> {
        Contest { title: title.into(), contestants: Vec::new() }
    }

    /// Adds a contestant. The first is what the others are compared with.
    pub fn add<T>(mut self, name: impl Into<String>, mut once: impl FnMut() -> T + 'a) -> Contest<'a> {
        let turn: Turn<'a> = Box::new(move |times| {
            for _ in 0..times {
                std::hint::black_box(once());
            }
        });
        self.contestants.push(Contestant {
            name: name.into(),
            turn,
            limit: None,
            times: 1,
            samples: Vec::new(),
        });
        self
    }

    /// How many times the first contestant's time the one that was added last may take.
    pub fn at_most(mut self, limit: f64) -> Contest<'a> {
        self.contestants.last_mut().expect("a contestant was added").limit = Some(limit);
        self
    }

    /// Runs it if the report wants it, and prints a table.
    pub fn run(self, report: &mut Report) {
        if !report.wants(&self.title) {
            return;
        }
        let (title, contestants) = (self.title.clone(), self.measure());
        println!("\n{title:50} {:>11} {:>11} {:>8} {:>8}", "least ns", "median ns", "of least", "of turns");
        let first = contestants[0].samples.clone();
        let least = Times::of(first.clone()).least;
        for Contestant { name, samples, limit, .. } in contestants {
            // Of turns that followed each other.
            let paired =
                Times::of(samples.iter().zip(&first).map(|(own, first): (&f64, _)| own / first).collect());
            let times = Times::of(samples);
            let of_least = times.least / least;
            let remark = report.judge(&format!("{title}: {name}"), of_least.min(paired.median), limit);
            println!(
                "  {name:48} {:11.1} {:11.1} {of_least:8.2} {:8.2}{remark}",
                times.least, times.median, paired.median
            );
        }
    }

    /// The least and the median of each, without a table.
    pub fn quietly(self) -> Vec<Times> {
        self.measure().into_iter().map(|contestant| Times::of(contestant.samples)).collect()
    }

    fn measure(mut self) -> Vec<Contestant<'a>> {
        for Contestant { turn, times, .. } in &mut self.contestants {
            let mut took = elapsed(turn, 1);
            while took < TURN / 4 {
                *times *= 2;
                took = elapsed(turn, *times);
            }
            *times = (*times as f64 * TURN.as_secs_f64() / took.as_secs_f64()).max(4.0) as u64;
        }
        let start = Instant::now();
        for round in 0..ROUNDS {
            if round >= 15 && start.elapsed() > ENOUGH {
                break;
            }
            for Contestant { turn, times, samples, .. } in &mut self.contestants {
                // Warms caches up, which the one before has filled: twice, since what makes a new block has two in turn.
                turn((*times / 8).max(2));
                samples.push(elapsed(turn, *times).as_secs_f64() * 1e9 / *times as f64);
            }
        }
        self.contestants
    }
}

impl Times {
    pub fn of(mut samples: Vec<f64>) -> Times {
        samples.sort_by(f64::total_cmp);
        Times { least: samples[0], median: samples[samples.len() / 2] }
    }
}

/// Times of something that is done a few times only; what it makes is dropped outside of them.
pub fn few<T>(count: usize, mut once: impl FnMut() -> T) -> Times {
    let sample = |_| {
        let start = processor_time();
        let made = once();
        let took = processor_time() - start;
        drop(made);
        took.as_secs_f64() * 1e9
    };
    Times::of((0..count).map(sample).collect())
}

fn elapsed(turn: &mut Turn<'_>, times: u64) -> Duration {
    let start = processor_time();
    turn(times);
    processor_time() - start
}

/// The processor time of this thread.
pub fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills in what it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
