//! [`RedisMembership`], the membership on Redis.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use scaler_core::wire::{read_member, read_wake_up, write_member, write_wake_up};
use scaler_core::{InstallationId, Member, MemberKey, MemberRecord, Membership, MembershipError, Registration, WakeUp, WorkerId};
use tokio_stream::wrappers::BroadcastStream;

use crate::client::Client;
use crate::config::RedisConfig;
use crate::error::Failure;
use crate::keys::Keys;

const HEARTBEAT: &str = include_str!("../lua/heartbeat.lua");
const LEAVE: &str = include_str!("../lua/leave.lua");
const MEMBERS: &str = include_str!("../lua/members.lua");
const RETIRE: &str = include_str!("../lua/retire.lua");
const RETIRED: &str = include_str!("../lua/retired.lua");
const SWEEP: &str = include_str!("../lua/sweep.lua");

/// Largest integer up to which numbers in Lua are exact. In ms, it is longer than any silence of a member.
const LONGEST_MS: u64 = 1 << 53;

/// A [`Membership`] on Redis, over one connection that reconnects automatically.
///
/// While there is no connection, every call fails at once as [`Unavailable`](MembershipError::Unavailable). After a reconnect, calls succeed
/// again and all listeners are woken up, since a notification may have been lost.
#[derive(Debug)]
pub struct RedisMembership {
    client: Client,
    keys: Keys,
}

impl RedisMembership {
    /// Connects; waits at most the command timeout.
    ///
    /// An unavailable Redis is no error: the connection is made as soon as possible, and calls fail until then.
    ///
    /// # Errors
    /// If the URL is not one of Redis or a file for TLS cannot be used ([`Refused`](MembershipError::Refused)), or if Redis requires
    /// another user or password ([`Denied`](MembershipError::Denied)).
    pub async fn connect(config: RedisConfig) -> Result<Self, MembershipError> {
        let keys = Keys::of(&config.hash);
        let client =
            Client::connect(&config, &keys.workers, &keys.channel).await.map_err(|failure| failure.during("connecting"))?;
        Ok(Self { client, keys })
    }

    /// Runs a script. If one of the keys has another type, the error names it.
    async fn run(&self, script: &'static str, arguments: Vec<String>) -> Result<Vec<String>, Failure> {
        let failure = match self.client.run(script, self.keys.for_script(), arguments).await {
            Err(failure @ Failure::SomeWrongType { .. }) => failure,
            answer => return answer,
        };
        for (key, expected) in self.keys.types() {
            let found = self.client.type_of(key).await?;
            if found != expected && found != "none" {
                return Err(Failure::WrongType { url: self.client.url(), key: key.to_owned(), found, expected });
            }
        }
        Err(failure)
    }

    async fn beat(&self, member: &Member) -> Result<Registration, Failure> {
        let MemberKey { worker, incarnation } = &member.key;
        let said = write_member(member).map_err(Failure::Unwritable)?;
        let mut arguments = vec![worker.to_string(), incarnation.to_string(), member.state.to_string(), said];
        arguments.extend([member.installation.to_string(), self.keys.channel.clone(), write_wake_up(&WakeUp::Members)]);
        let answer = self.run(HEARTBEAT, arguments).await?;
        match answer.first().map(String::as_str) {
            Some("current") => Ok(Registration::Current),
            Some("retiring") => Ok(Registration::Retiring),
            Some("superseded") => Ok(Registration::Superseded),
            _ => Err(Failure::Nonsense { url: self.client.url(), answer }),
        }
    }

    async fn records(&self) -> Result<Vec<MemberRecord>, Failure> {
        let answer = self.run(MEMBERS, Vec::new()).await?;
        let mut records: Vec<MemberRecord> = answer.chunks_exact(3).filter_map(record).collect();
        records.sort_unstable_by(|a, b| a.member.key.cmp(&b.member.key));
        Ok(records)
    }

    async fn forget_older(&self, than: Duration) -> Result<Vec<WorkerId>, Failure> {
        let longest = u64::try_from(than.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        let answer = self.run(SWEEP, vec![longest.to_string()]).await?;
        let mut swept: Vec<WorkerId> = answer.iter().filter_map(|field| WorkerId::new(name_in(field)).ok()).collect();
        swept.sort_unstable();
        Ok(swept)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for RedisMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        self.beat(member).await.map_err(|failure| failure.during("sending a heartbeat"))
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        let notification = write_wake_up(&WakeUp::Members);
        let arguments = vec![member.worker.to_string(), member.incarnation.to_string(), self.keys.channel.clone(), notification];
        self.run(LEAVE, arguments).await.map(drop).map_err(|failure| failure.during("leaving"))
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        self.records().await.map_err(|failure| failure.during("listing the members"))
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.forget_older(older_than).await.map_err(|failure| failure.during("sweeping"))
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        let arguments = [installation.to_string()].into_iter().chain(workers.iter().map(ToString::to_string)).collect();
        self.run(RETIRE, arguments).await.map(drop).map_err(|failure| failure.during("retiring workers"))
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        let names = self.run(RETIRED, vec![installation.to_string()]).await;
        let names = names.map_err(|failure| failure.during("listing the retired"))?;
        Ok(names.into_iter().filter_map(|name| WorkerId::new(name).ok()).collect())
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        let published = self.client.publish(&self.keys.channel, write_wake_up(wake_up)).await;
        published.map_err(|failure| failure.during("sending a wake-up notification"))
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        // A listener that fell behind or lost its connection may have lost notifications.
        let read = |message: Result<Option<String>, _>| {
            message.ok().flatten().map_or(WakeUp::Everyone, |message| read_wake_up(&message))
        };
        BroadcastStream::new(self.client.nudges()).map(read).boxed()
    }
}

/// Returns the worker's name in a field of the hash. An installation follows it if a worker of another installation has the same name.
fn name_in(field: &str) -> &str {
    field.split_once(' ').map_or(field, |(name, _)| name)
}

/// Returns the record from a field of the hash, its JSON, and its age in ms; `None` if another program wrote it.
fn record(triple: &[String]) -> Option<MemberRecord> {
    let [field, said, age] = triple else { return None };
    Some(MemberRecord { member: read_member(name_in(field), said)?, age: Duration::from_millis(age.parse().ok()?) })
}
