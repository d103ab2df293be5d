//! The order flow: packed `Command` structs of `benchmarks/native/order_flow.pxd`, little-endian.

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    New,
    Ioc,
    Cancel,
    Move,
}

#[derive(Clone, Copy)]
pub struct Command {
    pub order_id: u64,
    /// Of the order now, and after a move: no other order ever has the same.
    pub reference: u64,
    pub new_reference: u64,
    /// Price(4)
    pub price: u64,
    pub quantity: u64,
    pub kind: Kind,
    pub buy: bool,
    /// A move to the price that the order has: only its place in the queue changes.
    pub same_price: bool,
}

const SIZE: usize = 40;

/// Err names the command that cannot be read.
pub fn parse(data: &[u8]) -> Result<Vec<Command>, String> {
    if !data.len().is_multiple_of(SIZE) {
        return Err(format!("{} bytes are no whole number of commands", data.len()));
    }
    let mut prices: Vec<u64> = Vec::new();
    let mut commands = Vec::with_capacity(data.len() / SIZE);
    for (number, bytes) in data.chunks_exact(SIZE).enumerate() {
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let kind = match bytes[34] {
            1 => Kind::New,
            2 => Kind::Ioc,
            3 => Kind::Cancel,
            4 => Kind::Move,
            other => return Err(format!("command {number}: kind {other}")),
        };
        let (order_id, price) = (u32_at(24) as usize, u64_at(16));
        if order_id >= prices.len() {
            prices.resize(order_id + 1, 0);
        }
        commands.push(Command {
            order_id: order_id as u64,
            reference: u64_at(0),
            new_reference: u64_at(8),
            price,
            quantity: u32_at(28).into(),
            kind,
            buy: bytes[35] == b'B',
            same_price: kind == Kind::Move && prices[order_id] == price,
        });
        prices[order_id] = price;
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(order_id: u32, price: u64, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0u8; SIZE];
        bytes[0..8].copy_from_slice(&7u64.to_le_bytes());
        bytes[8..16].copy_from_slice(&8u64.to_le_bytes());
        bytes[16..24].copy_from_slice(&price.to_le_bytes());
        bytes[24..28].copy_from_slice(&order_id.to_le_bytes());
        bytes[28..32].copy_from_slice(&9u32.to_le_bytes());
        bytes[34] = kind;
        bytes[35] = b'B';
        bytes
    }

    #[test]
    fn fields_are_where_the_struct_has_them() {
        let data = [command(3, 500, 1), command(3, 500, 4), command(3, 600, 4)].concat();
        let read = parse(&data).unwrap();
        assert_eq!((read[0].reference, read[0].new_reference, read[0].price), (7, 8, 500));
        assert_eq!((read[0].order_id, read[0].quantity, read[0].buy), (3, 9, true));
        assert_eq!(read.iter().map(|each| each.same_price).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn what_is_no_command_is_refused() {
        assert!(parse(&command(1, 1, 9)).is_err());
        assert!(parse(&[0; SIZE - 1]).is_err());
    }
}
