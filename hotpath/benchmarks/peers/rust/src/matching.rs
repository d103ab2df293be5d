//! Drives a matching engine through an order flow; times the whole round or every command.

use std::hint::black_box;
use std::time::Instant;

use crate::commands::{Command, parse};
use crate::measuring::{Samples, Stopwatch};
use crate::protocol::{Observed, Opening, Round, Session};

#[derive(Clone, Copy, Default)]
pub struct Totals {
    pub trades: u64,
    pub volume: u64,
    pub unknown_cancels: u64,
}

pub trait Engine {
    /// Empty, with room for what orders with ids up to `orders` need of the harness.
    fn new(orders: usize) -> Self;

    /// One command, and all that it causes counted.
    fn execute(&mut self, command: &Command, totals: &mut Totals);

    /// What of the counts this engine can tell at the end.
    fn observed(&self, totals: &Totals) -> Observed;
}

struct Matching<E> {
    commands: Vec<Command>,
    prefill: usize,
    orders: usize,
    samples: Samples,
    engine: std::marker::PhantomData<E>,
}

pub fn open<E: Engine + 'static>(opening: &Opening) -> Result<Box<dyn Session>, String> {
    let commands = parse(&opening.input()?)?;
    let prefill = opening.number("prefill")?;
    if prefill >= commands.len() {
        return Err(format!("prefill {prefill} of {} commands", commands.len()));
    }
    let orders = commands.iter().map(|each| each.order_id).max().unwrap_or(0) as usize + 1;
    let samples = Samples::new(commands.len() - prefill, opening.quantiles());
    Ok(Box::new(Matching::<E> { commands, prefill, orders, samples, engine: std::marker::PhantomData }))
}

impl<E: Engine> Matching<E> {
    fn prefilled(&self) -> (E, Totals) {
        let (mut engine, mut totals) = (E::new(self.orders), Totals::default());
        for command in &self.commands[..self.prefill] {
            engine.execute(command, &mut totals);
        }
        (engine, totals)
    }
}

impl<E: Engine> Session for Matching<E> {
    fn throughput(&mut self) -> Option<Round> {
        let (mut engine, mut totals) = self.prefilled();
        let watch = Stopwatch::start();
        for command in &self.commands[self.prefill..] {
            engine.execute(black_box(command), &mut totals);
        }
        let (ns, cpu_ns) = watch.stop();
        Some(Round { ns: Some(ns), cpu_ns: Some(cpu_ns), observed: engine.observed(&totals), latency: None })
    }

    fn latency(&mut self) -> Option<Round> {
        let (mut engine, mut totals) = self.prefilled();
        self.samples.clear();
        for command in &self.commands[self.prefill..] {
            let before = Instant::now();
            engine.execute(black_box(command), &mut totals);
            self.samples.record(before);
        }
        let latency = self.samples.percentiles();
        Some(Round { ns: None, cpu_ns: None, observed: engine.observed(&totals), latency })
    }
}
