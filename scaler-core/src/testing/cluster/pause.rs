//! Futures that stand still while their process is paused.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::node::{Handler, Lease};
use crate::{BoxError, ItemId};

/// Future that is not polled while it is paused.
pub(super) struct Pausable<'a, T> {
    inner: BoxFuture<'a, T>,
    is_paused: watch::Receiver<bool>,
    resumed: Option<BoxFuture<'static, ()>>,
}

impl<'a, T> Pausable<'a, T> {
    pub(super) fn new(inner: impl Future<Output = T> + Send + 'a, is_paused: watch::Receiver<bool>) -> Self {
        Self { inner: inner.boxed(), is_paused, resumed: None }
    }
}

impl<T> Future for Pausable<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        loop {
            if let Some(resumed) = &mut self.resumed {
                if resumed.poll_unpin(context).is_pending() {
                    return Poll::Pending;
                }
                self.resumed = None;
            }
            let mut is_paused = self.is_paused.clone();
            if !*is_paused.borrow() {
                return self.inner.poll_unpin(context);
            }
            self.resumed = Some(Box::pin(async move {
                // If the cluster is gone, nothing resumes.
                let _ = is_paused.wait_for(|paused| !paused).await;
            }));
        }
    }
}

/// Handler whose futures stand still while its node is paused.
pub(super) struct PausableHandler {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) is_paused: watch::Receiver<bool>,
}

#[async_trait]
impl Handler for PausableHandler {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        Pausable::new(std::future::ready(()), self.is_paused.clone()).await;
        // As a node does with a task that is polled for the first time after its process stood still.
        if lease.withdrawal().is_some() {
            return Ok(());
        }
        Pausable::new(self.handler.run(item, lease), self.is_paused.clone()).await
    }
}
