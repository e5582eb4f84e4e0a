//! Arguments of the worker.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser};
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{MembershipArgs, PostgresArgs, Problem, ProcessArgs, SECRETS_HELP, TickArgs, duration};
use notifi_scaler_common::item_list_printer::PrintIds;
use scaler_core::worker::WorkerConfig;
use scaler_core::{MemberKey, WorkerId};

/// Increments the items of the slots it owns once a second, and prints their ids.
#[derive(Clone, Debug, Parser)]
#[command(name = "worker", version, after_help = SECRETS_HELP)]
pub struct WorkerArgs {
    /// Name of this worker, unique among all workers [default: the host name]
    #[arg(long, env)]
    pub pod_name: Option<WorkerId>,
    /// Revision of this worker, a word that all workers of one rollout share: during a rollout, the newest revision is preferred
    #[arg(long, env, value_parser = NonEmptyStringValueParser::new())]
    pub pod_revision: Option<String>,
    /// Item lists to print: `all` (each second), `changes`, or the maximum number of ids per line
    #[arg(long, env, default_value = "all")]
    pub print_ids: PrintIds,
    /// Timing.
    #[command(flatten)]
    pub timing: TimingArgs,
    /// Concurrency and durability of ticks.
    #[command(flatten)]
    pub ticks: TickArgs,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Servers of the membership.
    #[command(flatten)]
    pub membership: MembershipArgs,
    /// Logging, and the address for health and metrics.
    #[command(flatten)]
    pub process: ProcessArgs,
}

impl WorkerArgs {
    /// Returns the configured name of the worker, or else the host name.
    ///
    /// # Errors
    /// [`Failure::Variable`] if no name is configured and the host name is not a valid worker name.
    pub fn worker(&self) -> Result<WorkerId, Failure> {
        if let Some(name) = &self.pod_name {
            return Ok(name.clone());
        }
        let problem = |why: String| Failure::Variable { variable: "POD_NAME", problem: Problem::NoHostName(why) };
        let host = hostname::get().map_err(|error| problem(error.to_string()))?;
        let host = host.into_string().map_err(|_| problem("it is not valid UTF-8".into()))?;
        WorkerId::new(host).map_err(|error| problem(error.to_string()))
    }
}

/// Timing of a worker.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Timing")]
pub struct TimingArgs {
    /// Number of tick rounds per tick: the first does the work, the others take slots that were changing hands
    #[arg(long, env, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub tries_per_tick: u32,
    /// Interval between heartbeats
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub heartbeat_interval: Duration,
    /// Maximum time to wait for the hand-over of all slots before the worker leaves with the rest
    #[arg(long, env, default_value = "25s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// Wait after the first failure of Postgres; it doubles with each further failure
    #[arg(long, env, default_value = "50ms", value_parser = duration)]
    pub first_retry: Duration,
    /// Maximum wait after failures of Postgres
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub longest_retry: Duration,
    /// Number of item ids in each heartbeat
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub shown_items: u16,
}

impl TimingArgs {
    /// Returns the configuration of the worker with this key, without a revision.
    #[must_use]
    pub fn config(&self, key: MemberKey, ticks: &TickArgs) -> WorkerConfig {
        WorkerConfig {
            tries_per_tick: self.tries_per_tick,
            ticks_at_once: usize::from(ticks.ticks_at_once),
            heartbeat_interval: self.heartbeat_interval,
            drain_timeout: self.drain_timeout,
            first_retry: self.first_retry,
            longest_retry: self.longest_retry.max(self.first_retry),
            shown_items: usize::from(self.shown_items),
            ..WorkerConfig::new(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use notifi_scaler_common::config::{CommitArg, Listen};
    use scaler_core::Incarnation;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let args = WorkerArgs::parse_from(["worker", "--pod-name", "worker-1"]);
        let key = MemberKey { worker: args.worker().unwrap(), incarnation: Incarnation::new(Uuid::nil()) };
        assert_eq!(format!("{:?}", args.timing.config(key.clone(), &args.ticks)), format!("{:?}", WorkerConfig::new(key)));
    }

    #[test]
    fn every_setting_arrives() {
        let words = "worker --pod-name w --tries-per-tick 2 --ticks-at-once 3 --tick-commit off --heartbeat-interval 300ms --drain-timeout 5s --first-retry 10ms \
            --longest-retry 20ms --shown-items 3 --print-ids changes --listen off";
        let args = WorkerArgs::parse_from(words.split_whitespace());
        assert_eq!(args.print_ids, PrintIds::Changes);
        assert_eq!(args.process.listen, Listen::Off);
        let key = MemberKey { worker: args.worker().unwrap(), incarnation: Incarnation::new(Uuid::nil()) };
        let config = args.timing.config(key, &args.ticks);
        assert_eq!(args.ticks.tick_commit, CommitArg::Off);
        assert_eq!((config.tries_per_tick, config.ticks_at_once, config.shown_items), (2, 3, 3));
        let times = [config.heartbeat_interval, config.drain_timeout, config.first_retry, config.longest_retry];
        assert_eq!(times.map(|time| time.as_millis()), [300, 5000, 10, 20]);
    }
}
