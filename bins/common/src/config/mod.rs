//! Command-line flags and environment variables. Each variable has the name of its flag, in capitals; secrets have no flag.

mod api;
mod arguments;
mod endpoint;
mod membership;
mod old_names;
mod process;
mod secret;
mod servers;
mod ticks;
mod tls;
mod value;
mod wait;
mod work;

pub use api::{ApiArgs, ApiRead};
pub use arguments::{discreet, parse, parse_from};
pub use endpoint::{Endpoint, Problem};
pub use membership::{MembershipArgs, MembershipEndpoint, MembershipServers};
pub use process::{Listen, LogArgs, ProcessArgs};
pub use secret::{SECRETS_HELP, Secrets};
pub use servers::{PoolerMode, PostgresArgs, RedisArgs};
pub use ticks::{CommitArg, TickArgs};
pub use tls::{SslMode, Tls};
pub use value::{BadValue, duration, duration_or_never, kube_name, percent, seconds, slots};
pub use wait::{WaitArgs, WaitLimit};
pub use work::WorkArgs;
