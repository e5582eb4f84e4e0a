//! Many workers in this one process: each with the node, the store, the membership and the defaults of the program `worker`, but
//! without its port and its log.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ::worker::WorkerArgs;
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{Secrets, WaitLimit, parse_from};
use notifi_scaler_common::servers::{ServerWait, Store, membership};
use scaler_core::node::{Control, Node, NodeEvent};
use scaler_core::worker::WorkerEvent;
use scaler_core::{Incarnation, MemberKey};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::error::{PlayError, Result};

/// Workers as tasks. Dropping this kills them.
#[derive(Debug, Default)]
pub struct Crowd {
    ticked: Vec<Ticked>,
    tasks: JoinSet<Ended>,
}

/// Result of a worker that ended, which none should.
type Ended = std::result::Result<(), Failure>;

/// Time of a worker's last tick.
type Ticked = Arc<Mutex<Option<Instant>>>;

impl Crowd {
    /// Starts one more worker.
    ///
    /// # Errors
    /// If the worker's name or a URL is invalid.
    pub fn add(&mut self, name: &str, postgres_url: &str, redis_url: &str, redis_key: &str) -> Result<()> {
        let unfit = |failure: Failure| PlayError::Unfit(failure.to_string());
        let (postgres_url, redis_url) = (postgres_url.to_owned(), redis_url.to_owned());
        let secrets = Secrets::new(move |variable| match variable {
            "DATABASE_URL" => Some(postgres_url.clone().into()),
            "REDIS_URL" => Some(redis_url.clone().into()),
            _ => None,
        });
        let args = parse_from(["worker", "--pod-name", name, "--redis-key", redis_key]).map_err(unfit)?;
        let last = Ticked::default();
        self.ticked.push(Arc::clone(&last));
        self.tasks.spawn(work(args, secrets, last));
        Ok(())
    }

    /// Returns the number of workers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ticked.len()
    }

    /// Returns the number of workers that have not ticked since this moment.
    ///
    /// # Errors
    /// If a worker has ended.
    pub fn silent_since(&mut self, moment: Instant) -> Result<usize> {
        if let Some(ended) = self.tasks.try_join_next() {
            return Err(PlayError::Unfit(format!("a worker ended: {ended:?}")));
        }
        let ticked = |last: &&Ticked| last.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at >= moment);
        Ok(self.ticked.len() - self.ticked.iter().filter(ticked).count())
    }
}

async fn work(args: WorkerArgs, secrets: Secrets, last: Ticked) -> Ended {
    let key = MemberKey { worker: args.worker()?, incarnation: Incarnation::new(Uuid::new_v4()) };
    let (postgres, members) = (args.postgres.endpoint(&secrets)?, args.membership.endpoint(&secrets)?);
    let store = Store { endpoint: &postgres, args: &args.postgres }.for_worker(key.incarnation, &args.ticks)?;
    let wait = ServerWait::at_most(WaitLimit::Forever);
    let probe = wait.until_ready("Postgres", || async { Ok(store.probe().await?) });
    let ((), membership) = tokio::try_join!(probe, membership(&store, &members, &args.membership))?;
    let config = args.timing.config(key.clone(), &args.ticks);
    let observe = move |event| {
        if matches!(event, NodeEvent::Worker(WorkerEvent::Ticked { .. })) {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    };
    let node = Node::builder(store).name(key.worker.as_str()).incarnation(key.incarnation).membership(membership);
    Ok(node.control(Control::Off).worker(|_| config).observe(observe).run_until(pending()).await?)
}
