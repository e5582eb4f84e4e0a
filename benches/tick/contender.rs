//! Contenders: the ways to increment every row.

use std::fmt;

use futures_util::future::try_join_all;
use scaler_core::{MemberKey, SlotRange, WorkStore};
use scaler_pg::{PgConfig, PgStore, TickCommit};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::args::Commit;
use crate::field::{Failure, Field, Hand};

/// Number of rows in a batch of the queue.
const BATCH: i64 = 1000;
/// Number of executions after which Postgres has settled on a plan for a statement.
const UNTIL_SETTLED: usize = 7;
/// Maximum number of calls until a session knows the size of a chunk.
const UNTIL_KNOWN: u32 = 100;

/// A way to increment every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The tick of the workers, chunk by chunk.
    Fenced(Commit),
    /// The same chunks by cached lists of slots.
    Unfenced(Commit),
    /// One statement for the whole table.
    Plain,
    /// One statement per row.
    OneRow(Commit),
    /// Batches from a queue.
    Queue(Commit),
}

impl Contender {
    /// Opens its sessions and warms them up.
    pub(crate) async fn sessions(self, field: &Field, pass: i64) -> Result<Vec<Session>, Failure> {
        let mut sessions = Vec::new();
        let workers = if self == Self::Plain { &field.workers[..1] } else { &field.workers[..] };
        let share = field.sample.len().div_ceil(workers.len());
        for (hand, rows) in workers.iter().zip(field.sample.chunks(share)) {
            let work = match self {
                Self::Fenced(commit) => {
                    sessions.push(Session::fenced(field.url(Commit::On), commit, hand, field.chunks.clone()).await?);
                    continue;
                }
                Self::Unfenced(_) => Work::Chunks(field.chunks.iter().map(|chunk| hand.within(*chunk)).collect()),
                Self::Plain => Work::Whole,
                Self::OneRow(_) => Work::Rows(rows.to_vec()),
                Self::Queue(_) => Work::Batches { pass },
            };
            let mut connection = PgConnection::connect(&field.url(self.commit())).await?;
            work.warm(&mut connection).await?;
            sessions.push(Session::Plain { connection, worker: hand.key.worker.to_string(), work });
        }
        Ok(sessions)
    }

    /// True if it works in chunks as a worker does. It is then warmed up by a tick, since a worker has ticked before.
    pub(crate) const fn is_in_chunks(self) -> bool {
        matches!(self, Self::Fenced(_) | Self::Unfenced(_))
    }

    pub(crate) const fn commit(self) -> Commit {
        match self {
            Self::Fenced(commit) | Self::Unfenced(commit) | Self::OneRow(commit) | Self::Queue(commit) => commit,
            Self::Plain => Commit::On,
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fenced(_) => "fenced tick",
            Self::Unfenced(_) => "same chunks, no fence",
            Self::Plain => "one plain UPDATE",
            Self::OneRow(_) => "one UPDATE a row",
            Self::Queue(_) => "SKIP LOCKED queue",
        })?;
        f.write_str(if self.commit() == Commit::On { "" } else { ", async commit" })
    }
}

impl Hand {
    fn within(&self, chunk: SlotRange) -> Vec<i32> {
        let place = |slot: u32| self.slots.partition_point(|own| own.cast_unsigned() < slot);
        self.slots[place(chunk.first())..place(chunk.end())].to_vec()
    }
}

/// One of the concurrent sessions.
pub(crate) enum Session {
    Fenced { store: Box<PgStore>, key: MemberKey, chunks: Vec<SlotRange> },
    Plain { connection: PgConnection, worker: String, work: Work },
}

/// Work of a session without a fence.
pub(crate) enum Work {
    Chunks(Vec<Vec<i32>>),
    Whole,
    Rows(Vec<Uuid>),
    Batches { pass: i64 },
}

impl Session {
    async fn fenced(url: String, commit: Commit, hand: &Hand, chunks: Vec<SlotRange>) -> Result<Self, Failure> {
        let mut config = PgConfig::new(url);
        config.ticks_at_once = 1;
        config.tick_commit = if commit == Commit::On { TickCommit::Durable } else { TickCommit::Asynchronous };
        let store = PgStore::new(&config)?;
        for _ in 0..UNTIL_SETTLED {
            store.tick(&hand.key, SlotRange::new(0..0)).await?;
        }
        Ok(Self::Fenced { store: Box::new(store), key: hand.key.clone(), chunks })
    }

    /// Ticks its chunks until their sizes are known, since a call processes only a part of an unknown chunk. Returns the number of rows.
    async fn learn(&mut self) -> Result<u64, Failure> {
        let Self::Fenced { store, key, chunks } = self else { return Ok(0) };
        let mut rows = 0;
        for chunk in chunks {
            let mut calls = 0;
            loop {
                let report = store.tick(key, *chunk).await?;
                rows += report.items;
                calls += 1;
                match report.left {
                    0 => break,
                    _ if calls == UNTIL_KNOWN => return Err("chunks are too large for one call: give a smaller --chunk".into()),
                    _ => {}
                }
            }
        }
        Ok(rows)
    }

    /// Does its part of a pass and returns the number of rows.
    async fn work(&mut self) -> Result<u64, Failure> {
        let mut rows = 0;
        match self {
            Self::Fenced { store, key, chunks } => {
                for chunk in chunks {
                    rows += store.tick(key, *chunk).await?.items;
                }
            }
            Self::Plain { connection, worker, work } => match work {
                Work::Chunks(chunks) => {
                    for slots in chunks {
                        let query = sqlx::query(include_str!("sql/unfenced.sql")).bind(&*worker).bind(&*slots);
                        rows += query.execute(&mut *connection).await?.rows_affected();
                    }
                }
                Work::Whole => {
                    let query = sqlx::query(include_str!("sql/plain.sql")).bind(&*worker);
                    rows += query.execute(connection).await?.rows_affected();
                }
                Work::Rows(ids) => {
                    for id in ids {
                        let query = sqlx::query(include_str!("sql/one_row.sql")).bind(&*worker).bind(*id);
                        rows += query.execute(&mut *connection).await?.rows_affected();
                    }
                }
                Work::Batches { pass } => loop {
                    let query = sqlx::query(include_str!("sql/queue.sql")).bind(&*worker).bind(*pass).bind(BATCH);
                    match query.execute(&mut *connection).await?.rows_affected() {
                        0 => break,
                        done => rows += done,
                    }
                },
            },
        }
        Ok(rows)
    }
}

impl Work {
    /// Runs its statement on no rows until Postgres has settled on a plan.
    async fn warm(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        for _ in 0..UNTIL_SETTLED {
            match self {
                Self::Whole => {}
                Self::Chunks(_) => {
                    let none: Vec<i32> = Vec::new();
                    sqlx::query(include_str!("sql/unfenced.sql")).bind("").bind(none).execute(&mut *connection).await?;
                }
                Self::Rows(_) => {
                    sqlx::query(include_str!("sql/one_row.sql")).bind("").bind(Uuid::nil()).execute(&mut *connection).await?;
                }
                Self::Batches { .. } => {
                    let query = sqlx::query(include_str!("sql/queue.sql")).bind("").bind(0_i64).bind(BATCH);
                    query.execute(&mut *connection).await?;
                }
            }
        }
        Ok(())
    }
}

/// Lets each session in turn learn the sizes of its chunks, and returns the number of rows that were ticked.
pub(crate) async fn learn(sessions: &mut [Session]) -> Result<u64, Failure> {
    let mut rows = 0;
    for session in sessions {
        rows += session.learn().await?;
    }
    Ok(rows)
}

/// Runs one pass of all sessions concurrently and returns the number of rows.
pub(crate) async fn work(sessions: &mut [Session]) -> Result<u64, Failure> {
    Ok(try_join_all(sessions.iter_mut().map(Session::work)).await?.into_iter().sum())
}
