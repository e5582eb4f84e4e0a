//! Whether the control plane scales the workers, and how.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::{Args, ValueEnum};
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{duration, kube_name};
use scaler_core::autoscale::AutoscaleConfig;

/// Who sets how many workers there shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AutoscaleMode {
    /// Nobody of us.
    Off,
    /// The leading control plane, by the scale of a Deployment.
    Builtin,
    /// Somebody else, who reads how many are wanted from the metrics.
    Export,
}

/// Whether the control plane scales the workers, and how.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Autoscaling")]
pub struct AutoscaleArgs {
    /// Who sets how many workers there shall be: `builtin` the control plane, `export` whoever reads the metric
    #[arg(long, env, value_enum, default_value_t = AutoscaleMode::Off, hide_possible_values = true)]
    pub autoscale: AutoscaleMode,
    /// How many items a worker shall have
    #[arg(long, env, default_value = "50")]
    pub autoscale_items_per_worker: NonZeroU64,
    /// The fewest workers; with 0 there are none while there are no items
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u32).range(..=MOST_WORKERS))]
    pub autoscale_min: u32,
    /// The most workers
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MOST_WORKERS))]
    pub autoscale_max: u32,
    /// The Deployment of the workers, for `builtin`
    #[arg(long, env, value_parser = kube_name)]
    pub autoscale_deployment: Option<String>,
    /// Its namespace [default: that of the control plane]
    #[arg(long, env, value_parser = kube_name)]
    pub autoscale_namespace: Option<String>,
    /// Within any time as long as this the workers at most double, or become four more
    #[arg(long, env, default_value = "15s", value_parser = duration)]
    pub autoscale_up_interval: Duration,
    /// What was wanted at some moment of so long a time counts when the number falls
    #[arg(long, env, default_value = "5m", value_parser = duration)]
    pub autoscale_down_window: Duration,
    /// Within any time as long as this the workers lose at most a quarter, or one
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub autoscale_down_interval: Duration,
    /// By how much fewer, in percent, must be wanted before the number falls
    #[arg(long, env, default_value_t = 15, value_parser = clap::value_parser!(u32).range(0..=90))]
    pub autoscale_band_percent: u32,
}

/// An installation with more would need more slots than it can have.
const MOST_WORKERS: i64 = 1024;

impl AutoscaleArgs {
    /// How it scales.
    ///
    /// # Errors
    /// When the most are fewer than the fewest.
    pub fn config(&self) -> Result<AutoscaleConfig, Failure> {
        let (min, max) = (self.autoscale_min, self.autoscale_max);
        if max < min {
            return Err(Failure::Arguments(format!("AUTOSCALE_MAX: {max} is less than AUTOSCALE_MIN, {min}")));
        }
        Ok(AutoscaleConfig {
            items_per_worker: self.autoscale_items_per_worker,
            min,
            max,
            up_every: self.autoscale_up_interval,
            down_window: self.autoscale_down_window,
            down_every: self.autoscale_down_interval,
            band_percent: self.autoscale_band_percent,
            ..AutoscaleConfig::default()
        })
    }

    /// The Deployment to scale.
    ///
    /// # Errors
    /// When it is not named.
    pub fn deployment(&self) -> Result<&str, Failure> {
        let missing = || Failure::Arguments("AUTOSCALE_DEPLOYMENT: is not set, and AUTOSCALE is builtin".to_owned());
        self.autoscale_deployment.as_deref().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::ControlPlaneArgs;

    fn parse(words: &str) -> AutoscaleArgs {
        ControlPlaneArgs::parse_from(words.split_whitespace()).autoscale
    }

    #[test]
    fn the_defaults_are_those_of_the_core_and_off() {
        let args = parse("control-plane");
        assert_eq!(args.autoscale, AutoscaleMode::Off);
        assert_eq!(args.config().unwrap(), AutoscaleConfig::default());
    }

    #[test]
    fn every_setting_arrives() {
        let args = parse(
            "control-plane --autoscale builtin --autoscale-items-per-worker 7 --autoscale-min 0 --autoscale-max 3 \
            --autoscale-deployment w --autoscale-namespace n --autoscale-up-interval 1s --autoscale-down-window 2s \
            --autoscale-down-interval 3s --autoscale-band-percent 20",
        );
        assert_eq!((args.autoscale, args.deployment().unwrap()), (AutoscaleMode::Builtin, "w"));
        assert_eq!(args.autoscale_namespace.as_deref(), Some("n"));
        let config = args.config().unwrap();
        assert_eq!((config.items_per_worker.get(), config.min, config.max, config.band_percent), (7, 0, 3, 20));
        assert_eq!([config.up_every, config.down_window, config.down_every].map(|time| time.as_secs()), [1, 2, 3]);
    }

    #[test]
    fn what_cannot_go_together_is_named() {
        let failure = parse("control-plane --autoscale-min 4 --autoscale-max 3").config().unwrap_err();
        assert_eq!(failure.to_string(), "AUTOSCALE_MAX: 3 is less than AUTOSCALE_MIN, 4");
        assert_eq!(failure.code(), 64);
        let failure = parse("control-plane --autoscale builtin").deployment().map(drop).unwrap_err();
        assert!(failure.to_string().starts_with("AUTOSCALE_DEPLOYMENT: "), "{failure}");
    }
}
