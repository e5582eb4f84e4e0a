//! Who is there, by Redis.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use scaler_core::{Member, MemberKey, Membership, MembershipError, Sighting, Standing, WorkerId};
use tokio_stream::wrappers::BroadcastStream;

use crate::client::Client;
use crate::config::RedisConfig;
use crate::error::Failure;
use crate::json;
use crate::keys::Keys;

const HEARTBEAT: &str = include_str!("../lua/heartbeat.lua");
const LEAVE: &str = include_str!("../lua/leave.lua");
const MEMBERS: &str = include_str!("../lua/members.lua");
const RETIRE: &str = include_str!("../lua/retire.lua");
const RETIRED: &str = include_str!("../lua/retired.lua");
const SWEEP: &str = include_str!("../lua/sweep.lua");

/// Numbers in Lua are exact up to here; in ms, it is longer than anybody was silent.
const LONGEST_MS: u64 = 1 << 53;

/// A [`Membership`] on Redis, over one connection that comes back by itself.
///
/// While there is no connection every call fails at once as [`Unavailable`](MembershipError::Unavailable); when it is
/// back, calls succeed again and all who listen are nudged, since a nudge may have been lost.
#[derive(Debug)]
pub struct RedisMembership {
    client: Client,
    keys: Keys,
}

impl RedisMembership {
    /// Connects; waits at most the command timeout.
    ///
    /// A Redis that is away is no error: the connection is made as soon as it can be, and calls fail until then.
    ///
    /// # Errors
    /// When the URL is not one of Redis or a file for TLS cannot be used ([`Refused`](MembershipError::Refused)), or when Redis wants another user or
    /// password ([`Denied`](MembershipError::Denied)).
    pub async fn connect(config: RedisConfig) -> Result<Self, MembershipError> {
        let keys = Keys::of(&config.hash);
        let client =
            Client::connect(&config, &keys.workers, &keys.channel).await.map_err(|failure| failure.during("connecting"))?;
        Ok(Self { client, keys })
    }

    /// Runs a script; a key of somebody else's is named.
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

    async fn beat(&self, member: &Member) -> Result<Standing, Failure> {
        let MemberKey { worker, incarnation } = &member.key;
        let said = json::write(member)?;
        let arguments =
            vec![worker.to_string(), incarnation.to_string(), member.state.to_string(), said, self.keys.channel.clone()];
        let answer = self.run(HEARTBEAT, arguments).await?;
        match answer.first().map(String::as_str) {
            Some("current") => Ok(Standing::Current),
            Some("retiring") => Ok(Standing::Retiring),
            Some("superseded") => Ok(Standing::Superseded),
            _ => Err(Failure::Nonsense { url: self.client.url(), answer }),
        }
    }

    async fn sightings(&self) -> Result<Vec<Sighting>, Failure> {
        let answer = self.run(MEMBERS, Vec::new()).await?;
        let mut sightings: Vec<Sighting> = answer.chunks_exact(3).filter_map(sighting).collect();
        sightings.sort_unstable_by(|a, b| a.member.key.cmp(&b.member.key));
        Ok(sightings)
    }

    async fn forget_older(&self, than: Duration) -> Result<Vec<WorkerId>, Failure> {
        let longest = u64::try_from(than.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        let answer = self.run(SWEEP, vec![longest.to_string()]).await?;
        let mut swept: Vec<WorkerId> = answer.into_iter().filter_map(|name| WorkerId::new(name).ok()).collect();
        swept.sort_unstable();
        Ok(swept)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for RedisMembership {
    async fn heartbeat(&self, member: &Member) -> Result<Standing, MembershipError> {
        self.beat(member).await.map_err(|failure| failure.during("sending a heartbeat"))
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        let arguments = vec![member.worker.to_string(), member.incarnation.to_string(), self.keys.channel.clone()];
        self.run(LEAVE, arguments).await.map(drop).map_err(|failure| failure.during("leaving"))
    }

    async fn members(&self) -> Result<Vec<Sighting>, MembershipError> {
        self.sightings().await.map_err(|failure| failure.during("listing the members"))
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.forget_older(older_than).await.map_err(|failure| failure.during("sweeping"))
    }

    async fn retire(&self, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        let names = workers.iter().map(ToString::to_string).collect();
        self.run(RETIRE, names).await.map(drop).map_err(|failure| failure.during("retiring workers"))
    }

    async fn retired(&self) -> Result<BTreeSet<WorkerId>, MembershipError> {
        let names = self.run(RETIRED, Vec::new()).await.map_err(|failure| failure.during("listing the retired"))?;
        Ok(names.into_iter().filter_map(|name| WorkerId::new(name).ok()).collect())
    }

    async fn nudge(&self) -> Result<(), MembershipError> {
        self.client.publish(&self.keys.channel, String::new()).await.map_err(|failure| failure.during("nudging"))
    }

    fn nudges(&self) -> BoxStream<'static, ()> {
        // A listener that fell behind has a nudge coming all the same.
        BroadcastStream::new(self.client.nudges()).map(|_| ()).boxed()
    }
}

/// From a worker, what it says, and its age in ms; `None` for what somebody else wrote.
fn sighting(triple: &[String]) -> Option<Sighting> {
    let [worker, said, age] = triple else { return None };
    Some(Sighting { member: json::read(worker, said)?, age: Duration::from_millis(age.parse().ok()?) })
}
