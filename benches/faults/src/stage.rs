//! Parameters of a fault, and its initial scene.

use std::time::Duration;

use crate::dice::Dice;
use crate::error::Result;
use crate::world::World;

/// Pace of a run, which determines durations and numbers of rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Durations as the list says.
    Full,
    /// Shorter durations, which still exceed every threshold.
    Short,
}

/// Parameters of a fault.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Pace of the run.
    pub pace: Pace,
    /// Random numbers of the fault.
    pub dice: Dice,
    /// Duration of the mix of all faults, if given.
    pub soak: Option<Duration>,
}

impl Stage {
    /// Returns a world on the shared servers, with this scene running.
    ///
    /// # Errors
    /// If the system does not become steady.
    pub async fn world(&self, scene: Scene) -> Result<World> {
        let mut world = World::shared(self.dice.clone()).await?;
        world.play(scene).await?;
        Ok(world)
    }

    /// Returns `full_s` seconds in a full run, `short_s` in a short one.
    #[must_use]
    pub fn lasting(&self, full_s: u64, short_s: u64) -> Duration {
        Duration::from_secs(match self.pace {
            Pace::Full => full_s,
            Pace::Short => short_s,
        })
    }

    /// Returns the number of rounds of a fault whose effect depends on timing.
    #[must_use]
    pub fn rounds(&self, full: u32, short: u32) -> u32 {
        match self.pace {
            Pace::Full => full,
            Pace::Short => short,
        }
    }
}

/// Initial numbers of rows and programs.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Rows in the table of work.
    pub items: u32,
    /// Workers, named from `worker-1` on.
    pub workers: u32,
    /// Control planes, named from `control-1` on.
    pub control_planes: u32,
}

impl Default for Scene {
    fn default() -> Self {
        Self { items: 1000, workers: 3, control_planes: 1 }
    }
}
