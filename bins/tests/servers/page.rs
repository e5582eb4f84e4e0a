//! The live page and the API of a control plane: whatever is asked of them, the work goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::oracle::{assert_nothing_doubled, assert_nothing_missed};
use crate::programs::{Which, get};
use crate::system::{System, eventually};

const TOKEN: &str = "a token of the test";

/// Starts a control plane that serves the page, and returns its address.
pub(crate) async fn start(system: &mut System) -> String {
    let control = system.start(
        Which::ControlPlane,
        &[],
        &[("API_LISTEN", "127.0.0.1:0"), ("API_READ", "open"), ("API_TOKEN", TOKEN), ("LISTEN", "off")],
    );
    let address = control.address().await;
    system.control = Some(control);
    address
}

/// Sends these bytes, and returns the first line of the answer; empty if the server closes the connection.
fn first_line(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // Ignored: the server may have closed the connection.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn put(token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "PUT /api/v1/wishes HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn view(address: &str) -> Option<Value> {
    let answer = get(address, "/api/v1/view");
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

#[tokio::test]
async fn a_thousand_viewers_that_read_nothing_and_hostile_requests_cost_no_tick() {
    let mut system = System::shared().await;
    system.install(100).await;
    let address = start(&mut system).await;
    system.start_worker("worker-1");
    system.start_worker("worker-2");
    system.until_loads(&[50, 50]).await;
    let first = system.tick().await;

    let viewers: Vec<_> = (0..1000)
        .map(|_| {
            let mut viewer = TcpStream::connect(&address).unwrap();
            viewer.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            viewer
        })
        .collect();
    let wish = r#"{"wish": "pause", "by": "mallory"}"#;
    for (request, status) in [
        (put("wrong", wish), "403"),
        (put(TOKEN, "{"), "400"),
        (put(TOKEN, r#"{"wish": "dance"}"#), "400"),
        (put(TOKEN, r#"{"wish": "cordon", "worker": "nobody-of-that-name", "by": "mallory"}"#), "404"),
        (put(TOKEN, r#"{"wish": "pin", "slot": 70000, "worker": "worker-1", "by": "mallory"}"#), "409"),
        (put(TOKEN, &format!(r#"{{"wish": "pause", "by": "{}"}}"#, "x".repeat(20_000))), "413"),
        (b"GET /api/v1/explain?item=%00%ff HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".to_vec(), "4"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".to_vec(), "404"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), ""),
    ] {
        let line = first_line(&address, &request);
        assert!(line.contains(status), "{}: {line}", String::from_utf8_lossy(&request[..request.len().min(200)]));
    }
    let tick = system.tick().await;
    system.until_tick(tick + 12).await;
    drop(viewers);
    let view = eventually("the page answers again", async || view(&address).ok_or("no view")).await;
    assert_eq!((view["totals"]["items"].as_u64(), view["notices"].as_array().map(Vec::len)), (Some(100), Some(0)), "{view}");
    let last = system.tick().await;
    assert_nothing_missed(&system.user, first..=last).await;
    assert_nothing_doubled(&system.user).await;
}

#[tokio::test]
async fn a_standby_shows_the_view_of_the_leader() {
    let mut system = System::shared().await.running(10, &["worker-1"]).await;
    system.until_loads(&[10]).await;
    // The one that leads serves no page, so it publishes no view; the next leader does.
    system.control.take().unwrap().kill();
    let leader = start(&mut system).await;
    eventually("it leads", async || {
        let view = view(&leader).ok_or_else(|| "no view".to_owned())?;
        (view["source"] == "leader" && view["totals"]["items"] == 10).then_some(()).ok_or_else(|| view.to_string())
    })
    .await;
    let leading = system.control.take();
    let standby = start(&mut system).await;
    eventually("it shows the leader's view", async || {
        let view = view(&standby).ok_or_else(|| "no view".to_owned())?;
        (view["source"] == "standby" && view["totals"]["items"] == 10).then_some(()).ok_or_else(|| view.to_string())
    })
    .await;
    drop(leading);
}
