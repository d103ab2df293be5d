//! orderbook-rs: a book for many threads, driven by one. Trades come to its listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ironlane_peers::commands::{Command, Kind};
use ironlane_peers::matching::{Engine, Totals, open};
use ironlane_peers::protocol::{Observed, serve};
use orderbook_rs::{Id, OrderBook, Side, TimeInForce};
use pricelevel::{OrderUpdate, Price};

#[derive(Default)]
struct Heard {
    trades: AtomicU64,
    volume: AtomicU64,
}

struct OrderbookRs {
    book: OrderBook<()>,
    heard: Arc<Heard>,
}

impl OrderbookRs {
    #[inline(always)]
    fn enter(&mut self, command: &Command, quantity: u64) {
        let side = if command.buy { Side::Buy } else { Side::Sell };
        let time_in_force = if command.kind == Kind::Ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
        let id = Id::from_u64(command.order_id);
        // an IOC that is not filled completely is an error, its trades are heard all the same
        let _ = self.book.add_limit_order(id, command.price.into(), quantity, side, time_in_force, None);
    }
}

impl Engine for OrderbookRs {
    fn new(_orders: usize) -> Self {
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard);
        let mut book = OrderBook::new("PEER");
        book.set_trade_listener(Arc::new(move |result| {
            for trade in result.match_result.trades().as_vec() {
                listener.trades.fetch_add(1, Ordering::Relaxed);
                listener.volume.fetch_add(trade.quantity().as_u64(), Ordering::Relaxed);
            }
        }));
        Self { book, heard }
    }

    #[inline(always)]
    fn execute(&mut self, command: &Command, totals: &mut Totals) {
        let order_id = Id::from_u64(command.order_id);
        match command.kind {
            Kind::New | Kind::Ioc => self.enter(command, command.quantity),
            Kind::Cancel => {
                totals.unknown_cancels += u64::from(!matches!(self.book.cancel_order(order_id), Ok(Some(_))));
            }
            // a move to the same price is refused
            Kind::Move if command.same_price => {
                if let Ok(Some(order)) = self.book.cancel_order(order_id) {
                    self.enter(command, order.visible_quantity().as_u64());
                }
            }
            Kind::Move => {
                let new_price = Price::new(command.price.into());
                let _ = self.book.update_order(OrderUpdate::UpdatePrice { order_id, new_price });
            }
        }
    }

    fn observed(&self, totals: &Totals) -> Observed {
        vec![
            ("trades", self.heard.trades.load(Ordering::Relaxed)),
            ("volume", self.heard.volume.load(Ordering::Relaxed)),
            ("unknown_cancels", totals.unknown_cancels),
            ("resting_orders", self.book.get_all_orders().len() as u64),
            ("best_bid", self.book.best_bid().unwrap_or(0) as u64),
            ("best_ask", self.book.best_ask().unwrap_or(0) as u64),
        ]
    }
}

fn main() {
    serve(open::<OrderbookRs>);
}
