//! What a fault is given to play with.

use std::time::Duration;

use crate::dice::Dice;
use crate::error::Result;
use crate::world::World;

/// How long things last that need not last so long to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As long as the list says.
    Full,
    /// Long enough to outlast every threshold.
    Short,
}

/// What a fault is given.
#[derive(Clone, Debug)]
pub struct Stage {
    /// How long things last.
    pub pace: Pace,
    /// Its chance.
    pub dice: Dice,
    /// How long the mix of all faults lasts, if that was said.
    pub soak: Option<Duration>,
}

impl Stage {
    /// A world on the shared servers in which this scene plays.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn world(&self, scene: Scene) -> Result<World> {
        let mut world = World::shared(self.dice.clone()).await?;
        world.play(scene).await?;
        Ok(world)
    }

    /// So many seconds in a full run, so many in a short one.
    #[must_use]
    pub fn lasting(&self, full_s: u64, short_s: u64) -> Duration {
        Duration::from_secs(match self.pace {
            Pace::Full => full_s,
            Pace::Short => short_s,
        })
    }

    /// How often to repeat what depends on the moment.
    #[must_use]
    pub fn rounds(&self, full: u32, short: u32) -> u32 {
        match self.pace {
            Pace::Full => full,
            Pace::Short => short,
        }
    }
}

/// What there is at the beginning.
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
