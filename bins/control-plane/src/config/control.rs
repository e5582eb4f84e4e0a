//! How a control plane behaves.

use std::time::Duration;

use clap::{Args, Parser};
use notifi_scaler_common::config::{
    PostgresArgs, ProcessArgs, RedisArgs, SECRETS_HELP, duration, duration_or_never, percent, slots,
};
use scaler_core::control::{ControlConfig, Thresholds};
use scaler_core::{RingKind, SlotCount};

use super::AutoscaleArgs;

/// Installs the schema, elects itself, watches items and workers, and moves slots.
#[derive(Clone, Debug, Parser)]
#[command(name = "control-plane", version, after_help = SECRETS_HELP)]
pub struct ControlPlaneArgs {
    /// How many slots there are, a power of two [default: as installed, or 4096]
    #[arg(long, env, value_parser = slots)]
    pub slots: Option<SlotCount>,
    /// How it places slots, and how it behaves in time.
    #[command(flatten)]
    pub control: ControlArgs,
    /// Whether it scales the workers, and how.
    #[command(flatten)]
    pub autoscale: AutoscaleArgs,
    /// How often the leader audits a sample of the items; 0 for never
    #[arg(long, env, default_value = "10s", value_parser = duration_or_never)]
    pub audit_interval: Duration,
    /// Where Postgres is.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Where Redis is.
    #[command(flatten)]
    pub redis: RedisArgs,
    /// How it logs and where it can be asked.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// How a control plane places slots, and how it behaves in time.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Control")]
pub struct ControlArgs {
    /// Which ring places the slots: `sticky`, `hash-ring` or `rendezvous`
    #[arg(long, env, default_value_t)]
    pub ring: RingKind,
    /// How long a leadership lasts unless it is renewed
    #[arg(long, env, default_value = "5s", value_parser = duration)]
    pub lease: Duration,
    /// The time from one look at the workers to the next
    #[arg(long, env, default_value = "250ms", value_parser = duration)]
    pub scan_interval: Duration,
    /// The time to the next look while a slot waits for its tick to change hands or a worker is late
    #[arg(long, env, default_value = "100ms", value_parser = duration)]
    pub handover_interval: Duration,
    /// How long to wait for more workers that join or drain before slots move for it
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub debounce: Duration,
    /// The least time from one count of the items to the next
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub census_interval: Duration,
    /// Who was gone n times within this time waits 2^n s after each return before it is given slots, but not longer
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub flap_damping: Duration,
    /// The most slots that move in a second while their owners work
    #[arg(long, env, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub moves_per_s: u32,
    /// How long a rollout may make no progress before the workers of older revisions are given slots like the newest
    #[arg(long, env, default_value = "10m", value_parser = duration)]
    pub rollout_limit: Duration,
    /// The least time between moves for mere unevenness
    #[arg(long, env, default_value = "10s", value_parser = duration)]
    pub load_rebalance_interval: Duration,
    /// How much more than its fair share a worker may carry before items are moved for it, in percent
    #[arg(long, env, default_value = "10", value_parser = percent)]
    pub tolerance_percent: f64,
    /// When a silent worker is forgotten
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub sweep_after: Duration,
    /// The most slots moved in one statement
    #[arg(long, env, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub commit_limit: u32,
    /// A heartbeat older than this is stale
    #[arg(long, env, default_value = "3s", value_parser = duration)]
    pub stale_after: Duration,
    /// How much later than it was due a tick may come before it counts as missed
    #[arg(long, env, default_value = "400ms", value_parser = duration)]
    pub tick_grace: Duration,
    /// Missed ticks, with a stale heartbeat too, after which a worker is dead
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub silent_ticks: u64,
    /// Missed ticks, in spite of a fresh heartbeat, after which a worker is cut off from Postgres
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub cut_off_ticks: u64,
    /// How long nothing moves when most of the slots fall silent at once
    #[arg(long, env, default_value = "5s", value_parser = duration)]
    pub mass_failure_hold: Duration,
}

impl ControlArgs {
    /// The configuration.
    #[must_use]
    pub fn config(&self) -> ControlConfig {
        ControlConfig {
            ring: self.ring,
            lease: self.lease,
            scan_interval: self.scan_interval,
            handover_interval: self.handover_interval,
            debounce: self.debounce,
            damping: self.flap_damping,
            moves_per_s: self.moves_per_s,
            rollout_limit: self.rollout_limit,
            census_interval: self.census_interval,
            load_rebalance_interval: self.load_rebalance_interval,
            tolerance: self.tolerance_percent,
            sweep_after: self.sweep_after,
            commit_limit: usize::try_from(self.commit_limit).unwrap_or(usize::MAX),
            thresholds: Thresholds {
                stale_after: self.stale_after,
                tick_grace: self.tick_grace,
                silent_ticks: self.silent_ticks,
                cut_off_ticks: self.cut_off_ticks,
                hold_for: self.mass_failure_hold,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> ControlPlaneArgs {
        ControlPlaneArgs::parse_from(words.split_whitespace())
    }

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let args = parse("control-plane");
        assert_eq!(format!("{:?}", args.control.config()), format!("{:?}", ControlConfig::default()));
        assert_eq!(args.slots, None);
        assert_eq!(args.audit_interval, Duration::from_secs(10));
    }

    #[test]
    fn every_setting_arrives() {
        let args = parse(
            "control-plane --slots 512 --ring rendezvous --lease 1ms --scan-interval 2ms --handover-interval 3ms --census-interval 4ms --debounce 5ms --flap-damping 14s --moves-per-s 15 --load-rebalance-interval 5s \
            --tolerance-percent 20 --sweep-after 7s --commit-limit 8 --stale-after 9ms --tick-grace 13ms --silent-ticks 10 --cut-off-ticks 11 --mass-failure-hold 12s",
        );
        assert_eq!(args.slots.map(SlotCount::get), Some(512));
        let config = args.control.config();
        assert_eq!(config.ring, RingKind::Rendezvous);
        let times = [config.lease, config.scan_interval, config.handover_interval, config.census_interval, config.debounce];
        assert_eq!(times.map(|time| time.as_millis()), [1, 2, 3, 4, 5]);
        let times = [config.load_rebalance_interval, config.sweep_after, config.thresholds.hold_for];
        assert_eq!(times.map(|time| time.as_secs()), [5, 7, 12]);
        assert_eq!((config.damping.as_secs(), config.moves_per_s), (14, 15));
        assert!((config.tolerance - 0.2).abs() < 1e-9);
        let times = [config.thresholds.stale_after, config.thresholds.tick_grace];
        assert_eq!(times.map(|time| time.as_millis()), [9, 13]);
        assert_eq!((config.commit_limit, config.thresholds.silent_ticks, config.thresholds.cut_off_ticks), (8, 10, 11));
    }
}
