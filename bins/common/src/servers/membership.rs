//! Opens the Redis membership. A Redis that is unavailable does not prevent the start.

use scaler_core::{ErrorClass, Membership, MembershipError};
use scaler_redis::{RedisConfig, RedisMembership};

use crate::Failure;
use crate::config::{Endpoint, RedisArgs};

/// Opens the membership. While Redis is unavailable, calls to the membership fail, and its users log that.
///
/// # Errors
/// If the URL cannot be used, or if Redis answers and refuses, or holds other data under our keys.
pub async fn membership(endpoint: &Endpoint, args: &RedisArgs) -> Result<RedisMembership, Failure> {
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
