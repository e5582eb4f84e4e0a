//! Redis, from arguments to a membership that may be away, and keeps nobody from working meanwhile.

use scaler_core::{ErrorClass, Membership, MembershipError};
use scaler_redis::{RedisConfig, RedisMembership};

use crate::Failure;
use crate::config::{Endpoint, RedisArgs};

/// The membership. Where Redis is away it is unavailable until it comes; whoever uses it says so.
///
/// # Errors
/// When the URL cannot be used, or Redis is there and refuses, or holds something else under our keys.
pub async fn membership(endpoint: &Endpoint, args: &RedisArgs) -> Result<RedisMembership, Failure> {
    let mut config = RedisConfig::new(endpoint.reveal());
    config.password_file.clone_from(&args.redis_password_file);
    args.redis_key.clone_into(&mut config.hash);
    config.tls = args.tls();
    config.command_timeout = args.redis_command_timeout;
    let membership = RedisMembership::connect(config).await?;
    // Whether the keys are ours, or somebody else's, shows only when they are read.
    hopeful(membership.members().await)?;
    Ok(membership)
}

/// Whether what a first call met may mend itself.
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
    fn only_what_waiting_does_not_mend_ends_the_start() {
        let source = || "redis://cache:6379: as it is".into();
        assert!(hopeful(Ok(())).is_ok());
        assert!(hopeful::<()>(Err(MembershipError::Unavailable { during: "members", source: source() })).is_ok());
        assert!(hopeful::<()>(Err(MembershipError::Unanswered { during: "members", source: source() })).is_ok());
        let misshapen = hopeful::<()>(Err(MembershipError::Misshapen { during: "members", source: source() })).unwrap_err();
        assert_eq!((misshapen.code(), misshapen.to_string().as_str()), (64, "members: redis://cache:6379: as it is"));
        assert_eq!(hopeful::<()>(Err(MembershipError::Denied { during: "members", source: source() })).unwrap_err().code(), 64);
    }
}
