//! Arguments of the control plane.

use std::time::Duration;

use clap::{Args, Parser};
use notifi_scaler_common::config::{
    ApiArgs, MembershipArgs, PostgresArgs, ProcessArgs, SECRETS_HELP, duration, duration_or_never, kube_name, percent, slots,
};
use scaler_core::control::{ControlConfig, Thresholds};
use scaler_core::{RingKind, SlotCount};

use super::AutoscaleArgs;

/// Installs the schema, takes part in leader election, watches items and workers, and moves slots.
#[derive(Clone, Debug, Parser)]
#[command(name = "control-plane", version, after_help = SECRETS_HELP)]
pub struct ControlPlaneArgs {
    /// Number of slots, a power of two [default: as installed, or 4096]
    #[arg(long, env, value_parser = slots)]
    pub slots: Option<SlotCount>,
    /// Slot placement and timing.
    #[command(flatten)]
    pub control: ControlArgs,
    /// Autoscaling.
    #[command(flatten)]
    pub autoscale: AutoscaleArgs,
    /// Pod about which the leader posts its events to Kubernetes [default: it posts none]
    #[arg(long, env, value_parser = kube_name)]
    pub kubernetes_events: Option<String>,
    /// Interval between the leader's audits of a sample of the items; 0 for never
    #[arg(long, env, default_value = "10s", value_parser = duration_or_never)]
    pub audit_interval: Duration,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Servers of the membership.
    #[command(flatten)]
    pub membership: MembershipArgs,
    /// Operators' API and its page.
    #[command(flatten)]
    pub api: ApiArgs,
    /// Logging, and the address for health and metrics.
    #[command(flatten)]
    pub process: ProcessArgs,
}

/// Slot placement and timing of a control plane.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Control")]
pub struct ControlArgs {
    /// Ring that places the slots: `sticky`, `hash-ring` or `rendezvous`
    #[arg(long, env, default_value_t)]
    pub ring: RingKind,
    /// Duration of the leader's lease
    #[arg(long, env, default_value = "5s", value_parser = duration)]
    pub lease: Duration,
    /// Interval between looks at the workers
    #[arg(long, env, default_value = "250ms", value_parser = duration)]
    pub scan_interval: Duration,
    /// Interval between looks while a slot must be ticked before it moves, or a worker is late
    #[arg(long, env, default_value = "100ms", value_parser = duration)]
    pub handover_interval: Duration,
    /// Debounce: time to wait for further joins and drains before slots move for one
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub debounce: Duration,
    /// Minimum interval between counts of the items
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub census_interval: Duration,
    /// Flap damping: a worker gone n times within this time is given slots 2^n s after each return, but no later than after this time
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub flap_damping: Duration,
    /// Move rate limit: maximum number of slots per second that move while their owners work
    #[arg(long, env, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub moves_per_s: u32,
    /// Maximum time that a rollout makes no progress before workers of older revisions are given slots like the newest
    #[arg(long, env, default_value = "10m", value_parser = duration)]
    pub rollout_limit: Duration,
    /// Minimum interval between rebalances for load
    #[arg(long, env, default_value = "10s", value_parser = duration)]
    pub load_rebalance_interval: Duration,
    /// Load above its fair share that a worker may carry before a rebalance for load, in percent
    #[arg(long, env, default_value = "10", value_parser = percent)]
    pub tolerance_percent: f64,
    /// Time after which a silent worker is removed from the membership
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub sweep_after: Duration,
    /// Maximum number of slots moved in one statement
    #[arg(long, env, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub commit_limit: u32,
    /// Maximum age of a heartbeat; an older one is stale
    #[arg(long, env, default_value = "3s", value_parser = duration)]
    pub stale_after: Duration,
    /// Maximum delay of a tick; a later one counts as missed
    #[arg(long, env, default_value = "400ms", value_parser = duration)]
    pub tick_grace: Duration,
    /// Number of missed ticks after which a worker with a stale heartbeat is dead
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub silent_ticks: u64,
    /// Number of missed ticks after which a worker with a fresh heartbeat is cut off from Postgres
    #[arg(long, env, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub cut_off_ticks: u64,
    /// Mass-failure guard: time without moves after most of the slots fell silent at once
    #[arg(long, env, default_value = "5s", value_parser = duration)]
    pub mass_failure_hold: Duration,
}

impl ControlArgs {
    /// Returns the configuration of the control plane.
    #[must_use]
    pub fn config(&self) -> ControlConfig {
        ControlConfig {
            ring: self.ring.into(),
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
        assert_eq!(config.ring.name(), "rendezvous");
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
