//! itchy: its message stream over bytes in memory. Every field is parsed; the order references are added up.

use std::hint::black_box;

use ironlane_peers::measuring::Stopwatch;
use ironlane_peers::protocol::{Opening, Round, Session, serve};
use itchy::{Body, MessageStream};

struct Itchy {
    data: Vec<u8>,
}

fn open(opening: &Opening) -> Result<Box<dyn Session>, String> {
    Ok(Box::new(Itchy { data: opening.input()? }))
}

impl Session for Itchy {
    fn throughput(&mut self) -> Option<Round> {
        let (mut messages, mut references) = (0u64, 0u64);
        let watch = Stopwatch::start();
        for message in MessageStream::from_reader(&self.data[..]) {
            let Ok(message) = message else { break };
            references = references.wrapping_add(match &message.body {
                Body::AddOrder(order) => order.reference,
                Body::DeleteOrder { reference }
                | Body::OrderCancelled { reference, .. }
                | Body::OrderExecuted { reference, .. }
                | Body::OrderExecutedWithPrice { reference, .. } => *reference,
                Body::ReplaceOrder(order) => order.old_reference,
                Body::NonCrossTrade(trade) => trade.reference,
                _ => 0,
            });
            messages += 1;
            black_box(&message);
        }
        let (ns, cpu_ns) = watch.stop();
        let observed = vec![("messages", messages), ("reference_sum", references)];
        Some(Round { ns: Some(ns), cpu_ns: Some(cpu_ns), observed, latency: None })
    }

    fn latency(&mut self) -> Option<Round> {
        None // a message takes less than the timer
    }
}

fn main() {
    serve(open);
}
