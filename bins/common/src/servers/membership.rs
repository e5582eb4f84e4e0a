//! Opens the membership. A server of it that is unavailable does not prevent the start.

use std::sync::Arc;

use scaler_core::{ErrorClass, Membership, MembershipError, PathEvent, RedundantMembership, TokioClock};
use scaler_pg::PgStore;
use scaler_redis::{RedisConfig, RedisMembership};

use crate::Failure;
use crate::config::{Endpoint, MembershipArgs, MembershipEndpoint, MembershipServers, RedisArgs};

/// Opens the membership on Redis, in the database of this store, or on both. While it is unavailable, calls to it fail, and its users log that.
///
/// # Errors
/// If a URL cannot be used, or if Redis answers and refuses, or holds other data under our keys.
pub async fn membership(
    store: &PgStore,
    endpoint: &MembershipEndpoint,
    args: &MembershipArgs,
) -> Result<Arc<dyn Membership>, Failure> {
    let Some(redis) = &endpoint.redis else { return Ok(Arc::new(store.membership()?)) };
    let redis = Arc::new(on_redis(redis, &args.redis).await?);
    Ok(match endpoint.servers {
        MembershipServers::Both => {
            let postgres = Arc::new(store.membership()?);
            Arc::new(RedundantMembership::new(
                [("Redis", redis), ("Postgres", postgres)],
                Arc::new(TokioClock::start()),
                |event| log(&event),
            ))
        }
        MembershipServers::Redis | MembershipServers::Postgres => redis,
    })
}

async fn on_redis(endpoint: &Endpoint, args: &RedisArgs) -> Result<RedisMembership, Failure> {
    let mut config = RedisConfig::new(endpoint.reveal());
    config.password_file.clone_from(&args.redis_password_file);
    args.redis_key.clone_into(&mut config.hash);
    config.tls = args.tls();
    config.command_timeout = args.redis_command_timeout;
    let membership = RedisMembership::connect(config).await?;
    // Only reading the keys shows if they hold data of another program.
    hopeful(membership.members().await)?;
    Ok(membership)
}

fn log(event: &PathEvent<'_>) {
    match event {
        PathEvent::Failed { path, error } => {
            tracing::warn!("{path} is unavailable for the membership, which goes on without it: {error}");
        }
        PathEvent::Recovered { path } => tracing::info!("{path} is available for the membership again"),
        _ => {}
    }
}

/// Returns the error of a first call if it is permanent. Ignores other errors, since later calls may succeed.
fn hopeful<T>(met: Result<T, MembershipError>) -> Result<(), Failure> {
    match met {
        Err(error) if error.class() == ErrorClass::Permanent => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_permanent_redis_error_ends_the_start() {
        let source = || "redis://cache:6379: as it is".into();
        assert!(hopeful(Ok(())).is_ok());
        assert!(hopeful::<()>(Err(MembershipError::Unavailable { during: "members", source: source() })).is_ok());
        assert!(hopeful::<()>(Err(MembershipError::Unanswered { during: "members", source: source() })).is_ok());
        let misshapen = hopeful::<()>(Err(MembershipError::Misshapen { during: "members", source: source() })).unwrap_err();
        assert_eq!((misshapen.code(), misshapen.to_string().as_str()), (64, "members: redis://cache:6379: as it is"));
        assert_eq!(hopeful::<()>(Err(MembershipError::Denied { during: "members", source: source() })).unwrap_err().code(), 64);
    }
}
