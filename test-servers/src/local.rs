//! Server that runs from programs of this machine, on a free port.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use crate::error::Failure;
use crate::keeper::Keeper;
use crate::kind::Kind;
use crate::options::ServerOptions;

/// Maximum number of starts: another process may take a free port before the server does.
const ATTEMPTS: usize = 3;

/// Server that runs on this machine.
#[derive(Debug)]
pub(crate) struct Local {
    keeper: Mutex<Keeper>,
}

impl Local {
    /// Starts a server and returns it and its port.
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

    /// Returns the folder that the server runs in.
    pub(crate) async fn folder(&self) -> PathBuf {
        self.keeper.lock().await.folder().to_owned()
    }

    /// Starts the server again, on the same port.
    pub(crate) async fn start(&self) -> Result<(), Failure> {
        self.keeper.lock().await.start().await
    }

    /// Shuts the server down cleanly.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        self.keeper.lock().await.stop().await
    }

    /// Kills the server, as a crash would.
    pub(crate) async fn kill(&self) -> Result<(), Failure> {
        self.keeper.lock().await.kill().await
    }

    /// Freezes the server.
    pub(crate) async fn pause(&self) -> Result<(), Failure> {
        self.keeper.lock().await.pause().await
    }

    /// Resumes the server.
    pub(crate) async fn resume(&self) -> Result<(), Failure> {
        self.keeper.lock().await.resume().await
    }
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(Failure::io("looking for a free port"))
}

/// Returns the folder of programs that the environment selects; `None` if it selects none.
pub(crate) fn chosen_folder(kind: &Kind) -> Option<PathBuf> {
    env::var_os(kind.folder_variable).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Returns the folder that holds all programs of this kind.
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
