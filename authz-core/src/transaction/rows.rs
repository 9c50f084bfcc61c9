//! A stream that a future writes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::future::BoxFuture;

/// Where a future puts one item after the other.
pub(super) struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Slot<T> {
    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Gives an item to whoever reads the stream, and waits until the next one is asked for.
    pub(super) async fn put(&self, item: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(item);
        let mut given = false;
        std::future::poll_fn(|_| {
            // The stream returns the item now, so that nobody has to be woken.
            if std::mem::replace(&mut given, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// The items that a future puts into its slot, and then its error if it has one.
pub(super) struct Written<'e, T> {
    slot: Slot<T>,
    writer: Option<BoxFuture<'e, Result<(), sqlx::Error>>>,
}

impl<'e, T> Written<'e, T> {
    pub(super) fn by<F>(writer: impl FnOnce(Slot<T>) -> F) -> Self
    where
        F: Future<Output = Result<(), sqlx::Error>> + Send + 'e,
    {
        let slot = Arc::new(Mutex::new(None));
        Self {
            writer: Some(Box::pin(writer(Slot(Arc::clone(&slot))))),
            slot: Slot(slot),
        }
    }
}

impl<T> Stream for Written<'_, T> {
    type Item = Result<T, sqlx::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(writer) = &mut self.writer else {
            return Poll::Ready(None);
        };
        let done = writer.as_mut().poll(context);
        if done.is_ready() {
            self.writer = None;
        }
        match (self.slot.take(), done) {
            (Some(item), _) => Poll::Ready(Some(Ok(item))),
            (None, Poll::Pending) => Poll::Pending,
            (None, Poll::Ready(Ok(()))) => Poll::Ready(None),
            (None, Poll::Ready(Err(error))) => Poll::Ready(Some(Err(error))),
        }
    }
}
