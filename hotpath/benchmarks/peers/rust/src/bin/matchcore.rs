//! matchcore. An order's id is the sequence number of the command that submitted it.

use ironlane_peers::commands::{Command, Kind};
use ironlane_peers::matching::{Engine, Totals, open};
use ironlane_peers::protocol::{Observed, serve};
use matchcore::{
    AmendCmd, AmendPatch, CancelCmd, CommandKind, CommandMeta, CommandOutcome, CommandReport, LimitOrder, LimitOrderPatch,
    NewOrder, OrderBook, OrderFlags, OrderId, OrderKind, Price, Quantity, QuantityPolicy, SequenceNumber, Side, SubmitCmd,
    TimeInForce, Timestamp,
};

struct Matchcore {
    book: OrderBook,
    /// Of the next command; the first must be 0, and none may be left out.
    sequence: u64,
    ids: Vec<u64>,
}

impl Matchcore {
    /// False: refused.
    #[inline(always)]
    fn run(&mut self, kind: CommandKind, totals: &mut Totals) -> bool {
        let meta = CommandMeta { sequence_number: SequenceNumber(self.sequence), timestamp: Timestamp(self.sequence) };
        self.sequence += 1;
        let effects = match self.book.execute(&matchcore::Command { meta, kind }) {
            CommandOutcome::Rejected(_) => return false,
            CommandOutcome::Applied(CommandReport::Cancel) => return true,
            CommandOutcome::Applied(CommandReport::Submit(effects) | CommandReport::Amend(effects)) => effects,
        };
        if let Some(result) = effects.target_order().match_result() {
            for trade in result.trades() {
                totals.trades += 1;
                totals.volume += trade.quantity().0;
            }
        }
        true
    }

    #[inline(always)]
    fn enter(&mut self, command: &Command, quantity: u64, totals: &mut Totals) {
        let side = if command.buy { Side::Buy } else { Side::Sell };
        let time_in_force = if command.kind == Kind::Ioc { TimeInForce::Ioc } else { TimeInForce::Gtc };
        let order = LimitOrder::new(
            Price(command.price),
            QuantityPolicy::Standard { quantity: Quantity(quantity) },
            OrderFlags::new(side, false, time_in_force),
        );
        self.ids[command.order_id as usize] = self.sequence;
        self.run(CommandKind::Submit(SubmitCmd { order: NewOrder::Limit(order) }), totals);
    }

    #[inline(always)]
    fn cancel(&mut self, order_id: OrderId, totals: &mut Totals) -> bool {
        self.run(CommandKind::Cancel(CancelCmd { order_id, order_kind: OrderKind::Limit }), totals)
    }
}

impl Engine for Matchcore {
    fn new(orders: usize) -> Self {
        Self { book: OrderBook::new("PEER"), sequence: 0, ids: vec![0; orders] }
    }

    #[inline(always)]
    fn execute(&mut self, command: &Command, totals: &mut Totals) {
        let order_id = OrderId(self.ids[command.order_id as usize]);
        match command.kind {
            Kind::New | Kind::Ioc => self.enter(command, command.quantity, totals),
            Kind::Cancel => totals.unknown_cancels += u64::from(!self.cancel(order_id, totals)),
            // an amend to the same price would keep the order's place
            Kind::Move if command.same_price => {
                let left = self.book.limit().orders().get(&order_id).map_or(0, |order| order.inner().total_quantity().0);
                self.cancel(order_id, totals);
                self.enter(command, left, totals);
            }
            Kind::Move => {
                let patch = AmendPatch::Limit(LimitOrderPatch::new().with_price(Price(command.price)));
                self.run(CommandKind::Amend(AmendCmd { order_id, patch }), totals);
            }
        }
    }

    fn observed(&self, totals: &Totals) -> Observed {
        let book = self.book.limit();
        vec![
            ("trades", totals.trades),
            ("volume", totals.volume),
            ("unknown_cancels", totals.unknown_cancels),
            ("resting_orders", book.orders().len() as u64),
            ("best_bid", book.bids().last_key_value().map_or(0, |(price, _)| price.0)),
            ("best_ask", book.asks().first_key_value().map_or(0, |(price, _)| price.0)),
        ]
    }
}

fn main() {
    serve(open::<Matchcore>);
}
