//! hftbacktest's market depth with single orders (L3), called directly, not through its backtester.

use hftbacktest::depth::{HashMapMarketDepth, INVALID_MAX, INVALID_MIN, L3MarketDepth, MarketDepth};
use hftbacktest::prelude::Side;
use ironlane_peers::book_building::{At, Books, Top, open};
use ironlane_peers::protocol::serve;

const TICK: f64 = 100.0; // Price(4) units

struct Depths(Vec<HashMapMarketDepth>);

impl Books for Depths {
    fn new(max_locate: usize, _peak_orders: usize) -> Self {
        Self((0..=max_locate).map(|_| HashMapMarketDepth::new(TICK, 1.0)).collect())
    }

    #[inline(always)]
    fn add(&mut self, at: &At, reference: u64, buy: bool, shares: u32, price: u32) {
        let (book, price, shares, when) = (&mut self.0[at.locate], price.into(), shares.into(), at.timestamp as i64);
        let _ = match buy {
            true => book.add_buy_order(reference, price, shares, when),
            false => book.add_sell_order(reference, price, shares, when),
        };
    }

    #[inline(always)]
    fn reduce(&mut self, at: &At, reference: u64, shares: u32) -> bool {
        let book = &mut self.0[at.locate];
        let Some(order) = book.orders().get(&reference) else { return false };
        let (price, left) = (order.price_tick as f64 * TICK, order.qty - f64::from(shares));
        match left > 0.0 {
            true => book.modify_order(reference, price, left, at.timestamp as i64).is_ok(),
            false => book.delete_order(reference, at.timestamp as i64).is_ok(),
        }
    }

    #[inline(always)]
    fn delete(&mut self, at: &At, reference: u64) -> bool {
        self.0[at.locate].delete_order(reference, at.timestamp as i64).is_ok()
    }

    #[inline(always)]
    fn replace(&mut self, at: &At, reference: u64, new_reference: u64, shares: u32, price: u32) -> bool {
        let Ok((side, _, _)) = self.0[at.locate].delete_order(reference, at.timestamp as i64) else { return false };
        self.add(at, new_reference, side == Side::Buy, shares, price);
        true
    }

    fn resting_orders(&self) -> usize {
        self.0.iter().map(|book| book.orders().len()).sum()
    }

    fn tops(&self) -> Vec<Top> {
        let price = |tick: i64| if tick == INVALID_MIN || tick == INVALID_MAX { 0 } else { tick as u64 * TICK as u64 };
        let side = |tick: i64, shares: f64| if price(tick) == 0 { (0, 0) } else { (price(tick), shares as u64) };
        let top = |book: &HashMapMarketDepth| Top {
            bid: side(book.best_bid_tick(), book.best_bid_qty()),
            ask: side(book.best_ask_tick(), book.best_ask_qty()),
        };
        self.0.iter().map(top).collect()
    }
}

fn main() {
    serve(open::<Depths>);
}
