//! Load on the door: calls straight to a server beside calls through the door, in one run on one machine.

pub mod client;
pub mod door;
pub mod load;
pub mod message;
pub mod probe;
pub mod report;
pub mod upstream;
