//! The order book (L3) of nautilus_trader's Rust core, without Python. It takes an order's side, price and size left with
//! every change, which ITCH does not repeat: the caller keeps them.

use ahash::AHashMap;
use ironlane_peers::book_building::{At, Books, Top, open};
use ironlane_peers::protocol::serve;
use nautilus_model::data::BookOrder;
use nautilus_model::enums::{BookType, OrderSide};
use nautilus_model::identifiers::InstrumentId;
use nautilus_model::orderbook::{BookLevel, OrderBook};
use nautilus_model::types::{Price, Quantity};

const PRICE_RAW: i64 = 100_000; // 10^-9 in a Price(4) unit
const SHARE_RAW: u64 = 1_000_000_000;

struct OrderBooks {
    books: Vec<OrderBook>,
    orders: AHashMap<u64, BookOrder>,
    changes: u64,
}

impl Books for OrderBooks {
    fn new(max_locate: usize, peak_orders: usize) -> Self {
        let book = |locate| OrderBook::new(InstrumentId::from(format!("S{locate}.XNAS").as_str()), BookType::L3_MBO);
        Self { books: (0..=max_locate).map(book).collect(), orders: AHashMap::with_capacity(peak_orders), changes: 0 }
    }

    #[inline(always)]
    fn add(&mut self, at: &At, reference: u64, buy: bool, shares: u32, price: u32) {
        let order = BookOrder {
            side: if buy { OrderSide::Buy } else { OrderSide::Sell },
            price: Price::from_raw(i64::from(price) * PRICE_RAW, 4),
            size: Quantity::from_raw(u64::from(shares) * SHARE_RAW, 0),
            order_id: reference,
        };
        self.orders.insert(reference, order);
        self.changes += 1;
        self.books[at.locate].add(order, 0, self.changes, at.timestamp.into());
    }

    #[inline(always)]
    fn reduce(&mut self, at: &At, reference: u64, shares: u32) -> bool {
        let Some(order) = self.orders.get_mut(&reference) else { return false };
        let gone = u64::from(shares) * SHARE_RAW;
        if order.size.raw <= gone {
            return self.delete(at, reference);
        }
        order.size = Quantity::from_raw(order.size.raw - gone, 0);
        self.changes += 1;
        self.books[at.locate].update(*order, 0, self.changes, at.timestamp.into());
        true
    }

    #[inline(always)]
    fn delete(&mut self, at: &At, reference: u64) -> bool {
        let Some(order) = self.orders.remove(&reference) else { return false };
        self.changes += 1;
        self.books[at.locate].delete(order, 0, self.changes, at.timestamp.into());
        true
    }

    #[inline(always)]
    fn replace(&mut self, at: &At, reference: u64, new_reference: u64, shares: u32, price: u32) -> bool {
        let Some(order) = self.orders.get(&reference) else { return false };
        let buy = order.side == OrderSide::Buy;
        self.delete(at, reference);
        self.add(at, new_reference, buy, shares, price);
        true
    }

    fn resting_orders(&self) -> usize {
        let of = |book: &OrderBook| book.bids(None).chain(book.asks(None)).map(|level| level.len()).sum::<usize>();
        self.books.iter().map(of).sum()
    }

    fn tops(&self) -> Vec<Top> {
        // best_bid_size() is that of the first order
        let best = |level: Option<&BookLevel>| {
            level.map_or((0, 0), |level| ((level.price.value.raw / PRICE_RAW) as u64, level.size_raw() / SHARE_RAW))
        };
        let top = |book: &OrderBook| Top { bid: best(book.bids(Some(1)).next()), ask: best(book.asks(Some(1)).next()) };
        self.books.iter().map(top).collect()
    }
}

fn main() {
    serve(open::<OrderBooks>);
}
