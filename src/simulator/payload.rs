//! Bodies as the scenario wants them on the wire: whole, cut, dripping or endless.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// White space for a flood, in pieces of this size.
static SPACES: [u8; 1 << 16] = [b' '; 1 << 16];

/// The body of a reply: some bytes at once, and what follows.
pub(super) struct Payload {
    first: Bytes,
    then: Then,
}

enum Then {
    End,
    /// The connection breaks, although `Content-Length` promised so many bytes more.
    Break {
        promised: u64,
        /// Whether hyper had its chance to write what it has: an error discards what is in its buffer.
        flushed: bool,
    },
    /// These bytes, one at a time.
    Drip {
        rest: Bytes,
        every: Duration,
        pause: Pin<Box<Sleep>>,
    },
    /// So much white space. The length of the whole is not announced.
    Flood(u64),
}

impl Payload {
    pub(super) fn whole(body: Bytes) -> Self {
        Self { first: body, then: Then::End }
    }

    pub(super) fn cut(mut body: Bytes, after: usize) -> Self {
        let lost = body.split_off(after.min(body.len()));
        Self { first: body, then: Then::Break { promised: lost.len() as u64, flushed: false } }
    }

    /// Must be called in the runtime, for its clock.
    pub(super) fn drip(body: Bytes, every: Duration) -> Self {
        let pause = Box::pin(tokio::time::sleep(every));
        Self { first: Bytes::new(), then: Then::Drip { rest: body, every, pause } }
    }

    pub(super) fn flood(body: Bytes, spaces: u64) -> Self {
        Self { first: body, then: Then::Flood(spaces) }
    }
}

impl Then {
    /// The next bytes, none of them at the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        match self {
            Self::Break { flushed: true, .. } => {
                Poll::Ready(Err(io::Error::other("the scenario cuts the reply")))
            }
            Self::Break { flushed, .. } => {
                *flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Drip { rest, every, pause } if !rest.is_empty() => {
                ready!(pause.as_mut().poll(cx));
                pause.set(tokio::time::sleep(*every));
                Poll::Ready(Ok(rest.split_to(1)))
            }
            Self::Flood(spaces) => {
                let length = usize::try_from(*spaces).unwrap_or(usize::MAX).min(SPACES.len());
                *spaces -= length as u64;
                Poll::Ready(Ok(Bytes::from_static(&SPACES[..length])))
            }
            Self::End | Self::Drip { .. } => Poll::Ready(Ok(Bytes::new())),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut piece = std::mem::take(&mut self.first);
        if piece.is_empty() {
            piece = ready!(self.then.poll_piece(cx))?;
        }
        Poll::Ready(if piece.is_empty() { None } else { Some(Ok(Frame::data(piece))) })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && matches!(self.then, Then::End)
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        match &self.then {
            Then::End => SizeHint::with_exact(first),
            Then::Break { promised, .. } => SizeHint::with_exact(first + promised),
            Then::Drip { rest, .. } => SizeHint::with_exact(first + rest.len() as u64),
            Then::Flood(_) => SizeHint::default(),
        }
    }
}
