//! One JSON object per line in, one out: `benchmarks/peer_process.py` describes them.

use std::io::{BufRead, Write, stdin, stdout};

use serde_json::{Map, Value, json};

/// What was counted, by the names of the work's expected counts.
pub type Observed = Vec<(&'static str, u64)>;

pub struct Round {
    pub ns: Option<u64>,
    pub cpu_ns: Option<u64>,
    pub observed: Observed,
    pub latency: Option<Value>,
}

/// One contender at one piece of work. None: it has no such round.
pub trait Session {
    fn throughput(&mut self) -> Option<Round>;
    fn latency(&mut self) -> Option<Round>;
}

/// What the session is opened with.
pub struct Opening(Value);

impl Opening {
    pub fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or("")
    }

    pub fn number(&self, name: &str) -> Result<usize, String> {
        let number = self.0[name].as_u64().ok_or_else(|| format!("no number {name} given"))?;
        usize::try_from(number).map_err(|error| format!("{name}: {error}"))
    }

    /// The work's input.
    pub fn input(&self) -> Result<Vec<u8>, String> {
        let path = self.0["file"].as_str().ok_or("no file given")?;
        std::fs::read(path).map_err(|error| format!("{path}: {error}"))
    }

    /// Names and ranks of the latencies to report.
    pub fn quantiles(&self) -> Vec<(String, f64)> {
        let ranks = self.0["quantiles"].as_object();
        ranks
            .into_iter()
            .flatten()
            .filter_map(|(name, rank)| Some((name.clone(), rank.as_f64()?)))
            .collect()
    }
}

/// Answers until the input ends.
pub fn serve(open: impl Fn(&Opening) -> Result<Box<dyn Session>, String>) {
    let mut session: Option<Box<dyn Session>> = None;
    for line in stdin().lock().lines() {
        let Ok(line) = line else { return };
        let answer = match serde_json::from_str::<Value>(&line) {
            Err(error) => json!({"error": error.to_string()}),
            Ok(request) => match (request["do"].as_str(), session.as_mut()) {
                (Some("open"), _) => match open(&Opening(request)) {
                    Ok(opened) => {
                        session = Some(opened);
                        json!({})
                    }
                    Err(error) => json!({"error": error}),
                },
                (Some("throughput"), Some(session)) => as_json(session.throughput()),
                (Some("latency"), Some(session)) => as_json(session.latency()),
                (what, _) => json!({"error": format!("cannot do {what:?} now")}),
            },
        };
        let mut out = stdout().lock();
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn as_json(round: Option<Round>) -> Value {
    let Some(round) = round else { return Value::Null };
    let observed: Map<String, Value> = round.observed.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
    json!({"ns": round.ns, "cpu_ns": round.cpu_ns, "observed": observed, "latency": round.latency})
}
