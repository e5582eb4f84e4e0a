//! Random mix of all faults, for as long as requested.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use test_servers::{Postgres, Redis};

use crate::error::{PlayError, Result};
use crate::faults::redis::ask;
use crate::oracle::{Watch, fold};
use crate::programs::{Lines, Program, Signal};
use crate::proxy::Traffic;
use crate::report::Report;
use crate::stage::Stage;
use crate::world::{Ways, World};

/// Interval after which the oracle's record is folded.
const FOLD_EVERY: Duration = Duration::from_secs(30);
const WORKERS: u32 = 6;
const LONGEST_BREATH: Duration = Duration::from_secs(3);
const LONGEST_FAULT: Duration = Duration::from_secs(10);
const HUNDRED_MILLION: i64 = 100_000_000;

/// Plays a mix for as long as requested.
pub async fn mix(stage: Stage) -> Result<Report> {
    let lasts = stage.soak.unwrap_or(stage.lasting(600, 45));
    let mut soak = Soak::begin(&stage, 2000).await?;
    while soak.begun.elapsed() < lasts {
        soak.strike().await?;
    }
    soak.end().await
}

/// Plays the mix until a hundred million increments are done.
pub async fn hundred_million(stage: Stage) -> Result<Report> {
    let mut soak = Soak::begin(&stage, 50_000).await?;
    while soak.increments().await.unwrap_or(0) < HUNDRED_MILLION {
        soak.strike().await?;
    }
    soak.end().await
}

struct Soak {
    world: World,
    redis: Redis,
    postgres: Postgres,
    watch: Watch,
    ways: BTreeMap<String, Ways>,
    /// Faults that must be repaired, and when.
    mends: Vec<(Instant, Mend)>,
    begun: Instant,
    folded: Instant,
    /// Number of faults so far, by kind.
    struck: BTreeMap<&'static str, u32>,
    next_name: u32,
    /// Workers that are draining.
    leavers: Vec<Program>,
    /// Workers that were killed, paused or cut off from Postgres: a suspicion of them is right.
    hit: BTreeSet<String>,
    /// Logs of the leaders that were killed.
    last_words: Vec<Lines>,
}

#[derive(Clone, Debug)]
enum Mend {
    /// Continue this worker.
    Worker(String),
    /// Continue this control plane.
    ControlPlane(String),
    /// Let the traffic of this worker flow again.
    Ways(String),
}

impl Soak {
    async fn begin(stage: &Stage, items: u32) -> Result<Self> {
        let (postgres, redis) = (Postgres::private().await, Redis::private().await);
        let world = World::on(&postgres, redis.url(), stage.dice.clone()).await?;
        world.install(items).await?;
        let watch = world.watch().await?;
        let now = Instant::now();
        let mut soak = Self {
            world,
            redis,
            postgres,
            watch,
            ways: BTreeMap::new(),
            mends: Vec::new(),
            begun: now,
            folded: now,
            struck: BTreeMap::new(),
            next_name: 0,
            leavers: Vec::new(),
            hit: BTreeSet::new(),
            last_words: Vec::new(),
        };
        for _ in 0..2 {
            soak.new_control_plane()?;
        }
        for _ in 0..WORKERS {
            soak.new_worker().await?;
        }
        soak.world.steady().await?;
        Ok(soak)
    }

    /// Causes one more fault after a random pause, and repairs those that are due.
    async fn strike(&mut self) -> Result<()> {
        tokio::time::sleep(self.world.dice.within(LONGEST_BREATH)).await;
        self.mend(Instant::now()).await?;
        if self.folded.elapsed() > FOLD_EVERY {
            fold(&self.world.user).await?;
            self.folded = Instant::now();
        }
        let victim = self.world.any_worker()?;
        let ends = Instant::now() + self.world.dice.within(LONGEST_FAULT);
        let what = match self.world.dice.below(11) {
            0 => self.kill(&victim).await?,
            1 => {
                self.world.worker(&victim)?.signal(Signal::Stop).await?;
                self.hit.insert(victim.clone());
                self.mends.push((ends, Mend::Worker(victim)));
                "worker paused"
            }
            2 => self.drain(&victim).await?,
            3 | 4 => self.cut(victim, ends)?,
            5 => self.kill_leader().await?,
            6 => self.pause_leader(ends).await?,
            7 => {
                ask(self.redis.url(), &["flushall"]).await?;
                "Redis flushed"
            }
            8 => {
                let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                           where datname = current_database() and application_name like 'scaler%'";
                sqlx::query(end).execute(&self.world.user).await?;
                "sessions terminated"
            }
            9 => {
                self.redis.restart().await;
                "Redis restarted"
            }
            _ => self.change_rows().await?,
        };
        *self.struck.entry(what).or_default() += 1;
        Ok(())
    }

    async fn kill(&mut self, victim: &str) -> Result<&'static str> {
        self.lose(victim);
        self.hit.insert(victim.to_owned());
        self.world.kill_worker(victim).await?;
        self.new_worker().await?;
        Ok("worker killed")
    }

    async fn drain(&mut self, victim: &str) -> Result<&'static str> {
        self.new_worker().await?;
        // A paused process would not receive the signal.
        self.world.worker(victim)?.signal(Signal::Cont).await?;
        self.lose(victim);
        self.leavers.push(self.world.leave_worker(victim).await?);
        Ok("worker drained")
    }

    fn cut(&mut self, victim: String, ends: Instant) -> Result<&'static str> {
        let ways = self.ways.get(&victim).ok_or_else(|| PlayError::Unfit(format!("{victim} has no ways")))?;
        let (way, what) = match self.world.dice.below(2) {
            0 => {
                self.hit.insert(victim.clone());
                (&ways.postgres, "worker cut from Postgres")
            }
            _ => (&ways.redis, "worker cut from Redis"),
        };
        way.set(Traffic::Stalls);
        self.mends.push((ends, Mend::Ways(victim)));
        Ok(what)
    }

    async fn kill_leader(&mut self) -> Result<&'static str> {
        let leader = self.world.leader().await?;
        self.mends.retain(|(_, mend)| !matches!(mend, Mend::ControlPlane(name) if *name == leader));
        if let Some(program) = self.world.control_planes.remove(&leader) {
            self.last_words.push(program.err.clone());
            program.kill().await?;
        }
        self.new_control_plane()?;
        Ok("leader killed")
    }

    async fn pause_leader(&mut self, ends: Instant) -> Result<&'static str> {
        let leader = self.world.leader().await?;
        if let Some(program) = self.world.control_planes.get(&leader) {
            program.signal(Signal::Stop).await?;
            self.mends.push((ends, Mend::ControlPlane(leader)));
        }
        Ok("leader paused")
    }

    /// Repairs the faults that are due by then.
    async fn mend(&mut self, by: Instant) -> Result<()> {
        let (due, later) = std::mem::take(&mut self.mends).into_iter().partition(|(at, _)| *at <= by);
        self.mends = later;
        let due: Vec<(Instant, Mend)> = due;
        for (_, mend) in due {
            match mend {
                Mend::Worker(name) => self.world.worker(&name)?.signal(Signal::Cont).await?,
                Mend::ControlPlane(name) => {
                    if let Some(program) = self.world.control_planes.get(&name) {
                        program.signal(Signal::Cont).await?;
                    }
                }
                Mend::Ways(name) => {
                    if let Some(ways) = self.ways.get(&name) {
                        ways.postgres.set(Traffic::Flows);
                        ways.redis.set(Traffic::Flows);
                    }
                }
            }
        }
        Ok(())
    }

    /// Stops the faults, waits until the system has healed, and judges the whole run.
    async fn end(mut self) -> Result<Report> {
        let over = Instant::now();
        self.mend(over + LONGEST_FAULT).await?;
        for mut leaver in std::mem::take(&mut self.leavers) {
            leaver.ended().await?;
        }
        let steady_after = self.world.steady().await?.saturating_duration_since(over);
        let findings = self.watch.judge(&self.world.user).await?;
        let (increments, moved) = (findings.increments, findings.moved);
        // The record of single ticks is folded, so missed ticks and gaps are unknown.
        let report = Report { findings: None, ..Report::of(findings) }.steady_after(steady_after);
        let faults: u32 = self.struck.values().sum();
        let wrong = self.false_suspicions();
        drop(self.postgres);
        Ok(report.note(format!("{increments} increments, {faults} faults, {moved} slots moved, false suspicions {wrong}")))
    }

    /// Returns the number of suspicions of workers that no fault had hit.
    fn false_suspicions(&self) -> usize {
        let logs = self.last_words.iter().chain(self.world.control_planes.values().map(|program| &program.err));
        logs.flat_map(Lines::taken_for_lost).filter(|name| !self.hit.contains(name)).count()
    }

    async fn increments(&self) -> Result<i64> {
        let sum = "select coalesce(sum(value), 0)::bigint from public.work_items";
        Ok(sqlx::query_scalar(sum).fetch_one(&self.world.user).await?)
    }

    /// Deletes some rows and inserts as many.
    async fn change_rows(&mut self) -> Result<&'static str> {
        let count = i64::try_from(self.world.dice.below(100)).unwrap_or(0);
        let delete = "delete from public.work_items where id in (select id from public.work_items order by id limit $1)";
        sqlx::query(delete).bind(count).execute(&self.world.user).await?;
        let insert = "insert into public.work_items (value) select 0 from generate_series(1, $1)";
        sqlx::query(insert).bind(count).execute(&self.world.user).await?;
        Ok("rows inserted and deleted")
    }

    async fn new_worker(&mut self) -> Result<()> {
        self.next_name += 1;
        let name = format!("worker-{}", self.next_name);
        let ways = self.world.start_worker_by_ways(&name).await?;
        self.ways.insert(name, ways);
        Ok(())
    }

    fn new_control_plane(&mut self) -> Result<()> {
        self.next_name += 1;
        self.world.start_control_plane(&format!("control-{}", self.next_name), &[])
    }

    /// Cancels the repairs of this worker.
    fn lose(&mut self, worker: &str) {
        self.mends.retain(|(_, mend)| !matches!(mend, Mend::Worker(name) if name == worker));
    }
}
