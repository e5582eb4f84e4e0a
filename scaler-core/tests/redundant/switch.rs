//! A path that can be switched off.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use scaler_core::memory::MemoryMembership;
use scaler_core::{
    InstallationId, Member, MemberKey, MemberRecord, Membership, MembershipError, PathEvent, RedundantMembership, Registration,
    TokioClock, WakeUp, WorkerId,
};

/// Time after which a call gives up on a path that drops all packets.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Behaviour of a membership for calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Works,
    Refuses,
    DropsPackets,
}

/// A membership in memory that can be cut off.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) sound: MemoryMembership,
    mode: Mutex<Mode>,
}

impl Switch {
    pub(crate) fn new(mode: Mode) -> Arc<Self> {
        Arc::new(Self { sound: MemoryMembership::new(Arc::new(TokioClock::start())), mode: Mutex::new(mode) })
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    async fn pass(&self) -> Result<(), MembershipError> {
        let (during, mode) = ("calling", *self.mode.lock().unwrap());
        match mode {
            Mode::Works => Ok(()),
            Mode::Refuses => Err(MembershipError::Unavailable { during, source: "connection refused".into() }),
            Mode::DropsPackets => {
                tokio::time::sleep(TIMEOUT).await;
                Err(MembershipError::Unanswered { during, source: "silence".into() })
            }
        }
    }
}

/// Returns a membership over these paths, as one process has it, and the events of its paths.
pub(crate) fn over(paths: &[Arc<Switch>; 2]) -> (Arc<RedundantMembership>, Arc<Mutex<Vec<String>>>) {
    let events: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = events.clone();
    let observe = move |event: PathEvent<'_>| {
        told.lock().unwrap().push(match event {
            PathEvent::Failed { path, error } => format!("{path} failed: {error}"),
            PathEvent::Recovered { path } => format!("{path} recovered"),
            _ => unreachable!("there are no others"),
        });
    };
    let [first, second] = paths.clone();
    (Arc::new(RedundantMembership::new([("first", first), ("second", second)], Arc::new(TokioClock::start()), observe)), events)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Membership for Switch {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        self.pass().await?;
        self.sound.heartbeat(member).await
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        self.pass().await?;
        self.sound.leave(member).await
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        self.pass().await?;
        self.sound.members().await
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.pass().await?;
        self.sound.sweep(older_than).await
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        self.pass().await?;
        self.sound.retire(installation, workers).await
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        self.pass().await?;
        self.sound.retired(installation).await
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        self.pass().await?;
        self.sound.wake_up(wake_up).await
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        self.sound.wake_ups()
    }
}
