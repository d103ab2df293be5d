//! The order messages of ITCH 5.0 in day-file form (u16 big-endian length before each), as a book needs them.

pub enum Order {
    Add { reference: u64, buy: bool, shares: u32, price: u32 },
    Reduce { reference: u64, shares: u32 },
    Delete { reference: u64 },
    Replace { reference: u64, new_reference: u64, shares: u32, price: u32 },
    Other,
}

pub struct Message {
    pub locate: usize,
    pub timestamp: u64,
    pub order: Order,
}

#[inline(always)]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

#[inline(always)]
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[inline(always)]
fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The first message and the bytes after it; None: no whole message is left.
#[inline(always)]
pub fn next(data: &[u8]) -> Option<(Message, &[u8])> {
    let length = u16_at(data.get(..2)?, 0) as usize;
    let bytes = data.get(2..2 + length)?;
    let order = match (bytes.first()?, length) {
        (b'A', 36) | (b'F', 40) => Order::Add {
            reference: u64_at(bytes, 11),
            buy: bytes[19] == b'B',
            shares: u32_at(bytes, 20),
            price: u32_at(bytes, 32),
        },
        (b'E', 31) | (b'C', 36) | (b'X', 23) => Order::Reduce { reference: u64_at(bytes, 11), shares: u32_at(bytes, 19) },
        (b'D', 19) => Order::Delete { reference: u64_at(bytes, 11) },
        (b'U', 35) => Order::Replace {
            reference: u64_at(bytes, 11),
            new_reference: u64_at(bytes, 19),
            shares: u32_at(bytes, 27),
            price: u32_at(bytes, 31),
        },
        (b'A' | b'F' | b'E' | b'C' | b'X' | b'D' | b'U', _) | (_, ..11) => return None,
        _ => Order::Other,
    };
    let timestamp = u64_at(bytes, 3) & 0xffff_ffff_ffff;
    Some((Message { locate: u16_at(bytes, 1) as usize, timestamp, order }, &data[2 + length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_add_is_read_as_the_specification_says() {
        let mut bytes = vec![0, 36, b'A', 0, 13, 0, 0, 0, 0, 0, 0, 1, 2];
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 9, b'S', 0, 0, 0, 100]);
        bytes.extend(*b"IRON    ");
        bytes.extend([0, 1, 0x86, 0xa0, 77]);
        let (message, rest) = next(&bytes).unwrap();
        assert_eq!((message.locate, message.timestamp, rest), (13, 258, &[77u8][..]));
        assert!(matches!(message.order, Order::Add { reference: 9, buy: false, shares: 100, price: 100_000 }));
    }

    #[test]
    fn what_is_cut_off_or_has_a_wrong_length_ends_the_stream() {
        assert!(next(&[0, 19, b'D', 0]).is_none());
        assert!(next(&[0]).is_none());
        let mut short = vec![0, 18, b'D'];
        short.extend([0; 17]);
        assert!(next(&short).is_none());
    }
}
