//! Flags and environment variables. A variable has the name of its flag, in capitals; secrets have no flag.

mod arguments;
mod autoscale;
mod control;
mod endpoint;
mod process;
mod secret;
mod servers;
mod tls;
mod value;
mod wait;
mod worker;

pub use arguments::{parse, parse_from};
pub use autoscale::{AutoscaleArgs, AutoscaleMode};
pub use control::{ControlArgs, ControlPlaneArgs};
pub use endpoint::{Endpoint, Problem};
pub use process::{Listen, LogArgs, ProcessArgs};
pub use secret::{SECRETS_HELP, Secret, Secrets};
pub use servers::{PoolerMode, PostgresArgs, RedisArgs};
pub use tls::{SslMode, Tls};
pub use value::{BadValue, milliseconds, seconds, slots, window};
pub(crate) use value::{kube_name, percent};
pub use wait::{WaitArgs, WaitLimit};
pub use worker::{CommitArg, TickArgs, TimingArgs, WorkerArgs};
