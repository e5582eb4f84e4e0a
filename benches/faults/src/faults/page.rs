//! Viewers and requests that the live page must withstand.

use std::time::{Duration, Instant};

use serde_json::Value;
use test_servers::{Postgres, Redis};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::error::{PlayError, Result};
use crate::report::Report;
use crate::stage::Stage;
use crate::wait::eventually;
use crate::world::{Scene, World};

const VIEWERS: usize = 1000;
const TOKEN: &str = "token-of-the-fault";
/// Maximum time until the page shows that a server is away.
const SHOWN_WITHIN: Duration = Duration::from_secs(15);
/// Maximum age of a view that a client gets while all of this goes on, in seconds.
const VIEW_AGE_S: f64 = 5.0;
/// Time between two rounds of requests of a hostile client.
const ROUND: Duration = Duration::from_millis(100);

/// Opens 1,000 streams of which half are never read and half slowly, sends hostile requests, and stops Redis meanwhile.
pub async fn viewers(stage: Stage) -> Result<Report> {
    let redis = Redis::private().await;
    let mut world = World::on(Postgres::shared().await, redis.url(), stage.dice.clone()).await?;
    world.install(1000).await?;
    // Its only listener is that of the page.
    let page = [("LISTEN", "off"), ("API_LISTEN", "127.0.0.1:0"), ("API_READ", "open"), ("API_TOKEN", TOKEN)];
    world.start_control_plane("control-1", &page)?;
    world.play_on(Scene { control_planes: 0, ..Scene::default() }).await?;
    let address = control_plane(&world)?.address().await?;

    let watch = world.watch().await?;
    let mut clients = JoinSet::new();
    for number in 0..VIEWERS {
        clients.spawn(view_slowly(address.clone(), number % 2 == 0));
    }
    for _ in 0..4 {
        clients.spawn(attack(address.clone()));
    }
    let mut oldest_s = oldest_view_s(&world, stage.lasting(60, 5)).await?;
    redis.stop().await;
    let age_s = eventually(SHOWN_WITHIN, "the page shows that Redis is away", async || {
        let view = view(&world).await?;
        let away = view["stores"].as_array().into_iter().flatten().find(|server| !server["error"].is_null());
        Ok(away.and_then(|server| server["age_ms"].as_f64()).map(|age_ms| age_ms / 1000.0).ok_or_else(|| view.to_string()))
    })
    .await?;
    oldest_s = oldest_s.max(oldest_view_s(&world, stage.lasting(60, 5)).await?);
    redis.start().await;
    let back = Instant::now();
    oldest_s = oldest_s.max(oldest_view_s(&world, stage.lasting(30, 3)).await?);
    clients.shutdown().await;
    let steady_after = world.steady().await?.saturating_duration_since(back);

    let report = Report::of(watch.judge(&world.user).await?).none_missed().moves_at_most(0).steady_after(steady_after);
    let report = report.at_most("oldest view that was served, s", oldest_s, VIEW_AGE_S);
    Ok(report.note(format!("{VIEWERS} viewers; Redis shown as away, {age_s:.1} s old")))
}

fn control_plane(world: &World) -> Result<&crate::programs::Program> {
    world.control_planes.get("control-1").ok_or_else(|| PlayError::Unfit("control-1 does not run".to_owned()))
}

async fn view(world: &World) -> Result<Value> {
    let answer = control_plane(world)?.get("/api/v1/view").await?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|error| PlayError::Unfit(format!("no view: {error}: {answer}")))
}

/// Reads the view again and again, and returns the highest age of one, with the time that its answer took, in seconds.
async fn oldest_view_s(world: &World, within: Duration) -> Result<f64> {
    let begun = Instant::now();
    let mut oldest_s = 0.0_f64;
    while begun.elapsed() < within {
        let asked = Instant::now();
        let view = view(world).await?;
        let age_ms = view["age_ms"].as_f64().ok_or_else(|| PlayError::Unfit(format!("a view without an age: {view}")))?;
        oldest_s = oldest_s.max(age_ms / 1000.0 + asked.elapsed().as_secs_f64());
        tokio::time::sleep(ROUND).await;
    }
    Ok(oldest_s)
}

/// Opens a stream of views again and again, and reads nothing or 64 bytes a second of it.
async fn view_slowly(address: String, reads: bool) {
    loop {
        // Ignored: the server may refuse or close the connection; then the viewer comes again.
        let _ = stream(&address, reads).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn stream(address: &str, reads: bool) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: viewer\r\n\r\n").await?;
    let mut bytes = [0; 64];
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if reads && stream.read(&mut bytes).await? == 0 {
            return Ok(());
        }
    }
}

/// Sends one hostile request after the other.
async fn attack(address: String) {
    let requests = hostile_requests();
    loop {
        for request in &requests {
            // Ignored, as above.
            let _ = send(&address, request).await;
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn send(address: &str, request: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // A request without an end waits for the server's time limit; the next one is sent meanwhile.
    _ = tokio::time::timeout(ROUND, read).await;
    Ok(())
}

fn hostile_requests() -> Vec<Vec<u8>> {
    let put = |token: &str, body: &str| {
        let length = body.len();
        format!(
            "PUT /api/v1/wishes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let long = "x".repeat(100_000);
    [
        put("wrong", r#"{"wish": "pause", "by": "mallory"}"#),
        put(TOKEN, "{"),
        put(TOKEN, &"[".repeat(10_000)),
        put(TOKEN, &format!(r#"{{"wish": "pause", "by": "{long}"}}"#)),
        put(TOKEN, r#"{"wish": "pin", "slot": 4294967296, "worker": "worker-1", "by": "mallory"}"#),
        put(TOKEN, r#"{"wish": "weight", "worker": "worker-1", "weight": 4294967295, "by": "mallory"}"#),
        put(TOKEN, r#"{"wish": "cordon", "worker": "\u0000'; drop table work_items; --", "by": "mallory"}"#),
        get("/api/v1/explain?item=%00%ff"),
        get("/api/v1/events?limit=18446744073709551615"),
        get("/api/v1/items/' or 1=1"),
        get("/../../etc/passwd"),
        get(&format!("/{long}")),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
        "PUT /api/v1/wishes HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}".to_owned(),
        "GET / HT".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}
