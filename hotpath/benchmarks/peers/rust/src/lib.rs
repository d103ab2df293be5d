//! What the peers share: the protocol, the inputs and the timing.

pub mod book_building;
pub mod commands;
pub mod itch;
pub mod matching;
pub mod measuring;
pub mod protocol;
