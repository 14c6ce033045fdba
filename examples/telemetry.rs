//! Samples this machine.

mod proc;

use std::thread;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let mut sampler = proc::Sampler::new()?;
    thread::sleep(Duration::from_millis(200));
    let sample = sampler.sample(5)?;
    println!("up {} s, load averages {:?}", sample.uptime, sample.load_averages);
    println!("cores {:.2?}", sample.core_loads);
    let memory = sample.memory;
    println!("memory {} of {} bytes used, {} available", memory.used, memory.total, memory.available);
    for process in &sample.processes {
        println!("{:>8} {:<20} {:>5.2} {:>12}", process.pid, process.name, process.cpu, process.rss);
    }
    Ok(())
}
