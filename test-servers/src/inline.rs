//! Inline commands to a Redis server, without a client library.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Sends a command and returns the raw answer; empty if the server does not answer.
pub(crate) async fn ask(port: u16, command: &str) -> String {
    let answer = timeout(ANSWER_WITHIN, exchange(port, command)).await;
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

async fn exchange(port: u16, command: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    // After end of input the server closes the connection behind its answer, so that the answer needs no parser.
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
