//! Clocks and latency samples.

use std::time::Instant;

use serde_json::{Map, Value, json};

/// Wall and CPU time of this thread since a start.
pub struct Stopwatch {
    wall: Instant,
    cpu: u64,
}

impl Stopwatch {
    pub fn start() -> Self {
        let cpu = thread_cpu_ns();
        Self { wall: Instant::now(), cpu }
    }

    /// (wall ns, CPU ns)
    pub fn stop(&self) -> (u64, u64) {
        let wall = self.wall.elapsed().as_nanos() as u64;
        (wall, thread_cpu_ns() - self.cpu)
    }
}

fn thread_cpu_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux, and the struct is ours
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// ns of single operations; room for all of them is taken and touched at the start.
pub struct Samples {
    values: Vec<u32>,
    count: usize,
    quantiles: Vec<(String, f64)>,
}

impl Samples {
    pub fn new(capacity: usize, quantiles: Vec<(String, f64)>) -> Self {
        // not zero: zeroed pages would be mapped during the first timed round
        Self { values: vec![1; capacity.max(1)], count: 0, quantiles }
    }

    pub fn clear(&mut self) {
        self.count = 0;
    }

    #[inline(always)]
    pub fn record(&mut self, since: Instant) {
        let ns = since.elapsed().as_nanos();
        if let Some(value) = self.values.get_mut(self.count) {
            *value = ns.min(u32::MAX as u128) as u32;
            self.count += 1;
        }
    }

    /// ns by name, nearest rank, as the engine's own samples; sorts.
    pub fn percentiles(&mut self) -> Option<Value> {
        let taken = &mut self.values[..self.count];
        let last = taken.len().checked_sub(1)?;
        taken.sort_unstable();
        let at = |rank: f64| taken[last.min((rank * taken.len() as f64) as usize)];
        let named: Map<String, Value> = self.quantiles.iter().map(|(name, rank)| (name.clone(), json!(at(*rank)))).collect();
        Some(Value::Object(named))
    }
}
