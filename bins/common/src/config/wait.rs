//! Maximum wait of a one-shot command for its servers.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::LogArgs;
use super::value::{BadValue, seconds_or_unit};

/// Maximum wait of a one-shot command for its servers, and its logging.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Process")]
pub struct WaitArgs {
    /// Maximum time to wait for servers that are unavailable, full or starting: seconds, a duration such as 5m, or `forever`
    #[arg(long, env, value_name = "TIME", default_value = "60")]
    pub wait: WaitLimit,
    /// Logging.
    #[command(flatten)]
    pub logging: LogArgs,
}

/// Maximum time to wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitLimit {
    /// This long; zero for a single attempt.
    AtMost(Duration),
    /// Without limit.
    Forever,
}

impl FromStr for WaitLimit {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        seconds_or_unit(text).map(Self::AtMost).ok_or(BadValue::WaitLimit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds_or_forever() {
        assert_eq!("forever".parse(), Ok(WaitLimit::Forever));
        assert_eq!("0".parse(), Ok(WaitLimit::AtMost(Duration::ZERO)));
        assert_eq!("3600".parse(), Ok(WaitLimit::AtMost(Duration::from_secs(3600))));
        assert_eq!("5m".parse(), Ok(WaitLimit::AtMost(Duration::from_secs(300))));
        for bad in ["", "-1", "3601", "1.5", "61m", "never"] {
            assert_eq!(bad.parse::<WaitLimit>(), Err(BadValue::WaitLimit), "{bad}");
        }
    }
}
