//! A server from programs of this machine, on a free port.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use crate::error::Failure;
use crate::keeper::Keeper;
use crate::kind::Kind;
use crate::options::ServerOptions;

/// A free port may be taken by somebody else before the server has it.
const ATTEMPTS: usize = 3;

/// A server that runs on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    keeper: Mutex<Keeper>,
}

impl Local {
    /// Starts one; it and its port.
    pub(crate) async fn start_new(kind: &'static Kind, options: &ServerOptions) -> Result<(Self, u16), Failure> {
        let programs = find_programs(kind)?;
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            let command = |folder: &Path| {
                let folder = folder.join("tls").display().to_string();
                let script = ["sh", "-c", kind.script, "server"].map(str::to_owned).to_vec();
                let place = vec![programs.display().to_string(), port.to_string()];
                [options.words_before(&folder, ""), script, place, options.arguments(kind, &folder, port)].concat()
            };
            let mut keeper = Keeper::new(kind, command)?;
            match keeper.start().await {
                Ok(()) => return Ok((Self { keeper: Mutex::new(keeper) }, port)),
                Err(failure) if attempt == ATTEMPTS => return Err(failure),
                Err(_) => attempt += 1,
            }
        }
    }

    /// The folder it runs in.
    pub(crate) async fn folder(&self) -> PathBuf {
        self.keeper.lock().await.folder().to_owned()
    }

    /// Starts it again, on the same port.
    pub(crate) async fn start(&self) -> Result<(), Failure> {
        self.keeper.lock().await.start().await
    }

    /// Stops it in good order.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        self.keeper.lock().await.stop().await
    }

    /// Stops it at once, as a crash would.
    pub(crate) async fn kill(&self) -> Result<(), Failure> {
        self.keeper.lock().await.kill().await
    }

    /// Freezes it.
    pub(crate) async fn pause(&self) -> Result<(), Failure> {
        self.keeper.lock().await.pause().await
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> Result<(), Failure> {
        self.keeper.lock().await.resume().await
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(Failure::io("looking for a free port"))
}

/// The one folder that the environment wants the programs from.
pub(crate) fn chosen_folder(kind: &Kind) -> Option<PathBuf> {
    env::var_os(kind.folder_variable).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The folder that holds all the programs.
fn find_programs(kind: &Kind) -> Result<PathBuf, Failure> {
    let holds_all = |folder: &PathBuf| kind.programs.iter().all(|program| folder.join(program).is_file());
    let programs = || kind.programs.join(", ");
    if let Some(folder) = chosen_folder(kind) {
        let variable = kind.folder_variable;
        return if holds_all(&folder) {
            Ok(folder)
        } else {
            Err(Failure::NotInFolder { programs: programs(), folder, variable })
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain((kind.folders)())
        .find(holds_all)
        .ok_or_else(|| Failure::NoPrograms { programs: programs(), elsewhere: kind.elsewhere })
}
