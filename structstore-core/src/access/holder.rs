//! Who has a lock that was not granted in time, for messages.

use crate::arena::Arena;
use crate::arena::layout::{Participant, Seat};
use crate::lock::{MAX_SEATS, Mode, SeatLine, generation, is_below, owner_seat};
use crate::sync::Ordering;

/// The thread and process that hold a node, or something above or below it, as far as that can be found out: exclusively, or else
/// for reading.
#[cold]
pub(super) fn holder_of(arena: &Arena, node: u32) -> Option<String> {
    let own: Vec<u32> = arena.own_seats().into_iter().collect();
    let mut reader = None;
    for index in (0..arena.used::<SeatLine>().min(MAX_SEATS as u32)).filter(|index| !own.contains(index)) {
        let (Ok(line), Ok(seat)) = (arena.record::<SeatLine>(index), arena.record::<Seat>(index)) else {
            break;
        };
        for (slot, published) in line.published() {
            let held = published.index;
            let related = held == node
                || is_below(arena, node, held).unwrap_or(false)
                || is_below(arena, held, node).unwrap_or(false);
            let Some(head) = arena.node(held).ok().map(|node| &node.head).filter(|_| related) else {
                continue;
            };
            let lives =
                published.names(generation(head.identity.load(Ordering::Acquire))) && published.lasts(slot);
            let owned = owner_seat(head.word.load(Ordering::Acquire)) == Some(index);
            match published.mode {
                _ if !lives => {}
                Mode::Shared => reader = Some(seat),
                _ if owned => return named(arena, seat),
                _ => {}
            }
        }
    }
    reader.and_then(|seat| named(arena, seat))
}

fn named(arena: &Arena, seat: &Seat) -> Option<String> {
    let participant = u32::try_from(seat.participant.load(Ordering::Acquire).checked_sub(1)?).ok()?;
    let pid = arena.record::<Participant>(participant).ok()?.pid.load(Ordering::Acquire);
    Some(format!("thread {} of process {pid}", seat.thread.load(Ordering::Relaxed)))
}
