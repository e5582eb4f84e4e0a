//! Autoscaling settings of the control plane.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::{Args, ValueEnum};
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{duration, kube_name};
use scaler_core::autoscale::AutoscaleConfig;

/// Writer of the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AutoscaleMode {
    /// No autoscaling.
    Off,
    /// The leading control plane, which sets the scale of a Deployment.
    Builtin,
    /// Another autoscaler, which reads the wanted number of workers from the metrics.
    Export,
}

/// Autoscaling settings of the control plane.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Autoscaling")]
pub struct AutoscaleArgs {
    /// Writer of the number of workers: `off`, `builtin` (the control plane) or `export` (another autoscaler, which reads the metric)
    #[arg(long, env, value_enum, default_value_t = AutoscaleMode::Off, hide_possible_values = true)]
    pub autoscale: AutoscaleMode,
    /// Target number of items per worker
    #[arg(long, env, default_value = "50")]
    pub autoscale_items_per_worker: NonZeroU64,
    /// Minimum number of workers; with 0 there are none while there are no items
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u32).range(..=MOST_WORKERS))]
    pub autoscale_min: u32,
    /// Maximum number of workers
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MOST_WORKERS))]
    pub autoscale_max: u32,
    /// Deployment of the workers, for `builtin`
    #[arg(long, env, value_parser = kube_name)]
    pub autoscale_deployment: Option<String>,
    /// Namespace of the Deployment [default: that of the control plane]
    #[arg(long, env, value_parser = kube_name)]
    pub autoscale_namespace: Option<String>,
    /// Scale-up limit: within any interval of this length, the number of workers at most doubles or grows by four, whichever is more
    #[arg(long, env, default_value = "15s", value_parser = duration)]
    pub autoscale_up_interval: Duration,
    /// Scale-down stabilization window: the number of workers falls no lower than the maximum wanted within this time
    #[arg(long, env, default_value = "5m", value_parser = duration)]
    pub autoscale_down_window: Duration,
    /// Scale-down limit: within any interval of this length, the number of workers falls at most by a quarter or by one, whichever is more
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub autoscale_down_interval: Duration,
    /// Scale-down tolerance: percentage by which fewer workers must be wanted before their number falls
    #[arg(long, env, default_value_t = 15, value_parser = clap::value_parser!(u32).range(0..=90))]
    pub autoscale_band_percent: u32,
}

/// Upper limit of the number of workers: more would need more slots than an installation can have.
const MOST_WORKERS: i64 = 1024;

impl AutoscaleArgs {
    /// Returns the configuration of the autoscaler.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if the maximum number of workers is less than the minimum.
    pub fn config(&self) -> Result<AutoscaleConfig, Failure> {
        let (min, max) = (self.autoscale_min, self.autoscale_max);
        if max < min {
            return Err(Failure::Arguments(format!(
                "AUTOSCALE_MAX: {max} is less than AUTOSCALE_MIN, {min}: raise the maximum or lower the minimum"
            )));
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

    /// Returns the name of the Deployment to scale.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if it is not set.
    pub fn deployment(&self) -> Result<&str, Failure> {
        let missing = || {
            Failure::Arguments(
                "AUTOSCALE_DEPLOYMENT: is not set, but AUTOSCALE is builtin: set the name of the Deployment of the workers"
                    .to_owned(),
            )
        };
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
    fn contradicting_settings_are_refused_with_their_names() {
        let failure = parse("control-plane --autoscale-min 4 --autoscale-max 3").config().unwrap_err();
        assert_eq!(failure.to_string(), "AUTOSCALE_MAX: 3 is less than AUTOSCALE_MIN, 4: raise the maximum or lower the minimum");
        assert_eq!(failure.code(), 64);
        let failure = parse("control-plane --autoscale builtin").deployment().map(drop).unwrap_err();
        assert!(failure.to_string().starts_with("AUTOSCALE_DEPLOYMENT: "), "{failure}");
    }
}
