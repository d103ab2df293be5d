//! lobster. It has neither IOC nor replace: an IOC is a limit order whose rest is cancelled at once, a move is a cancel
//! and a new order; what is left of an order only the caller knows, from the fills.

use ironlane_peers::commands::{Command, Kind};
use ironlane_peers::matching::{Engine, Totals, open};
use ironlane_peers::protocol::{Observed, serve};
use lobster::{OrderBook, OrderEvent, OrderType, Side};

struct Lobster {
    book: OrderBook,
    open: Vec<u32>,
}

impl Lobster {
    #[inline(always)]
    fn enter(&mut self, command: &Command, quantity: u64, totals: &mut Totals) {
        let id = u128::from(command.order_id);
        let side = if command.buy { Side::Bid } else { Side::Ask };
        let event = self.book.execute(OrderType::Limit { id, side, qty: quantity, price: command.price });
        let mut left = quantity;
        if let OrderEvent::Filled { filled_qty, fills, .. } | OrderEvent::PartiallyFilled { filled_qty, fills, .. } = event {
            for fill in &fills {
                totals.trades += 1;
                totals.volume += fill.qty;
                self.open[fill.order_2 as usize] -= fill.qty as u32;
            }
            left -= filled_qty;
        }
        if left > 0 && command.kind == Kind::Ioc {
            self.book.execute(OrderType::Cancel { id });
            left = 0;
        }
        self.open[command.order_id as usize] = left as u32;
    }
}

impl Engine for Lobster {
    fn new(orders: usize) -> Self {
        Self { book: OrderBook::new(1 << 15, 10, false), open: vec![0; orders] }
    }

    #[inline(always)]
    fn execute(&mut self, command: &Command, totals: &mut Totals) {
        match command.kind {
            Kind::New | Kind::Ioc => self.enter(command, command.quantity, totals),
            Kind::Cancel => {
                self.book.execute(OrderType::Cancel { id: command.order_id.into() });
                self.open[command.order_id as usize] = 0;
            }
            Kind::Move => {
                let left = self.open[command.order_id as usize].into();
                self.book.execute(OrderType::Cancel { id: command.order_id.into() });
                self.enter(command, left, totals);
            }
        }
    }

    fn observed(&self, totals: &Totals) -> Observed {
        vec![
            ("trades", totals.trades),
            ("volume", totals.volume),
            ("best_bid", self.book.max_bid().unwrap_or(0)),
            ("best_ask", self.book.min_ask().unwrap_or(0)),
        ]
    }
}

fn main() {
    serve(open::<Lobster>);
}
