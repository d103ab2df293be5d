//! Drives a dictionary of books, one per symbol, through the messages of a day; times the whole round or every message.

use std::hint::black_box;
use std::time::Instant;

use crate::itch::{Message, Order, next};
use crate::measuring::{Samples, Stopwatch};
use crate::protocol::{Observed, Opening, Round, Session};

/// Price(4) and shares at the best price of both sides of one book, 0 where a side is empty.
#[derive(Default)]
pub struct Top {
    pub bid: (u64, u64),
    pub ask: (u64, u64),
}

pub trait Books {
    /// Empty books for the stock locates up to max_locate.
    fn new(max_locate: usize, peak_orders: usize) -> Self;

    fn add(&mut self, at: &At, reference: u64, buy: bool, shares: u32, price: u32);

    /// False: the order is not known. Reduced to nothing it is gone.
    fn reduce(&mut self, at: &At, reference: u64, shares: u32) -> bool;

    fn delete(&mut self, at: &At, reference: u64) -> bool;

    fn replace(&mut self, at: &At, reference: u64, new_reference: u64, shares: u32, price: u32) -> bool;

    fn resting_orders(&self) -> usize;

    fn tops(&self) -> Vec<Top>;
}

/// Which book, and when: ns since midnight.
pub struct At {
    pub locate: usize,
    pub timestamp: u64,
}

struct BookBuilding<B> {
    data: Vec<u8>,
    max_locate: usize,
    peak_orders: usize,
    samples: Samples,
    books: std::marker::PhantomData<B>,
}

pub fn open<B: Books + 'static>(opening: &Opening) -> Result<Box<dyn Session>, String> {
    Ok(Box::new(BookBuilding::<B> {
        data: opening.input()?,
        max_locate: opening.number("max_locate")?,
        peak_orders: opening.number("peak_orders")?,
        samples: Samples::new(opening.number("count")?, opening.quantiles()),
        books: std::marker::PhantomData,
    }))
}

/// False: it names an order that is not there.
#[inline(always)]
fn apply<B: Books>(books: &mut B, message: &Message) -> bool {
    let at = At { locate: message.locate, timestamp: message.timestamp };
    match message.order {
        Order::Add { reference, buy, shares, price } => {
            books.add(&at, reference, buy, shares, price);
            true
        }
        Order::Reduce { reference, shares } => books.reduce(&at, reference, shares),
        Order::Delete { reference } => books.delete(&at, reference),
        Order::Replace { reference, new_reference, shares, price } => {
            books.replace(&at, reference, new_reference, shares, price)
        }
        Order::Other => true,
    }
}

impl<B: Books> BookBuilding<B> {
    fn observed(books: &B, messages: u64, inconsistent: u64) -> Observed {
        let tops = books.tops();
        let sum = |of: fn(&Top) -> u64| tops.iter().map(of).sum();
        vec![
            ("messages", messages),
            ("inconsistent", inconsistent),
            ("resting_orders", books.resting_orders() as u64),
            ("bid_prices", sum(|top| top.bid.0)),
            ("bid_shares", sum(|top| top.bid.1)),
            ("ask_prices", sum(|top| top.ask.0)),
            ("ask_shares", sum(|top| top.ask.1)),
        ]
    }
}

impl<B: Books> Session for BookBuilding<B> {
    fn throughput(&mut self) -> Option<Round> {
        let mut books = B::new(self.max_locate, self.peak_orders);
        let (mut messages, mut inconsistent) = (0, 0);
        let mut rest = &self.data[..];
        let watch = Stopwatch::start();
        while let Some((message, after)) = next(black_box(rest)) {
            inconsistent += u64::from(!apply(&mut books, &message));
            messages += 1;
            rest = after;
        }
        let (ns, cpu_ns) = watch.stop();
        let observed = Self::observed(&books, messages, inconsistent);
        Some(Round { ns: Some(ns), cpu_ns: Some(cpu_ns), observed, latency: None })
    }

    fn latency(&mut self) -> Option<Round> {
        let mut books = B::new(self.max_locate, self.peak_orders);
        let (mut messages, mut inconsistent) = (0, 0);
        let mut rest = &self.data[..];
        self.samples.clear();
        loop {
            let before = Instant::now();
            let Some((message, after)) = next(black_box(rest)) else { break };
            inconsistent += u64::from(!apply(&mut books, &message));
            self.samples.record(before);
            messages += 1;
            rest = after;
        }
        let observed = Self::observed(&books, messages, inconsistent);
        Some(Round { ns: None, cpu_ns: None, observed, latency: self.samples.percentiles() })
    }
}
