//! Servers of the membership: Redis, Postgres, or both.

use std::fmt;

use clap::{Args, ValueEnum};

use super::{Endpoint, RedisArgs, Secrets};
use crate::Failure;

/// Servers of the membership.
#[derive(Clone, Debug, Args)]
pub struct MembershipArgs {
    /// Servers that keep the members: `redis`, `postgres` (the settings of Redis are then not used), or `both`, where either may be away
    #[arg(long, env, value_enum, default_value_t = MembershipServers::Redis, hide_possible_values = true, help_heading = "Membership")]
    pub membership: MembershipServers,
    /// Connection settings of Redis.
    #[command(flatten)]
    pub redis: RedisArgs,
}

/// Servers that keep the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MembershipServers {
    /// Redis.
    Redis,
    /// The database of the work table.
    Postgres,
    /// Both: either may be away.
    Both,
}

/// Endpoints of the membership, besides the database of the work table.
#[derive(Clone, Debug)]
pub struct MembershipEndpoint {
    /// Servers that keep the members.
    pub servers: MembershipServers,
    /// URL of Redis; `None` if only Postgres keeps them.
    pub redis: Option<Endpoint>,
}

impl MembershipServers {
    /// Returns the names of the servers, for messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "Redis",
            Self::Postgres => "Postgres",
            Self::Both => "Redis or Postgres",
        }
    }
}

impl MembershipArgs {
    /// Returns the endpoints. The settings of Redis are checked only if it is used.
    ///
    /// # Errors
    /// As for [`RedisArgs::endpoint`].
    pub fn endpoint(&self, secrets: &Secrets) -> Result<MembershipEndpoint, Failure> {
        let redis = match self.membership {
            MembershipServers::Postgres => None,
            MembershipServers::Redis | MembershipServers::Both => Some(self.redis.endpoint(secrets)?),
        };
        Ok(MembershipEndpoint { servers: self.membership, redis })
    }
}

impl fmt::Display for MembershipEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.redis, self.servers) {
            (Some(redis), MembershipServers::Both) => write!(f, "Redis at {redis} and in Postgres"),
            (Some(redis), _) => write!(f, "Redis at {redis}"),
            (None, _) => f.write_str("Postgres"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        membership: MembershipArgs,
    }

    fn endpoint(words: &[&str]) -> Result<MembershipEndpoint, Failure> {
        Program::parse_from(std::iter::once(&"program").chain(words)).membership.endpoint(&Secrets::default())
    }

    #[test]
    fn the_settings_of_redis_are_checked_only_if_it_is_used() {
        let wrong = ["--redis-tls-ca", "/nowhere"];
        for used in [&["--membership", "redis"][..], &["--membership", "both"], &[]] {
            assert!(endpoint(&[used, &wrong].concat()).is_err(), "{used:?}");
        }
        let postgres = endpoint(&[&["--membership", "postgres"][..], &wrong].concat()).unwrap();
        assert!(postgres.redis.is_none());
        assert_eq!(postgres.to_string(), "Postgres");
    }

    #[test]
    fn by_default_redis_keeps_the_members() {
        assert_eq!(endpoint(&[]).unwrap().servers, MembershipServers::Redis);
        assert_eq!(endpoint(&["--membership", "both"]).unwrap().to_string(), "Redis at localhost:6379 and in Postgres");
    }
}
