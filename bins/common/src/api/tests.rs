//! Tests of the API: each endpoint, each kind of bad input, access, many viewers, and views of other control planes.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use scaler_core::control::{ControlEvent, Decision, MemberPhase};
use scaler_core::memory::MemoryStore;
use scaler_core::{
    Cause, Election, Event, EventKind, EventLog, Hearing, Incarnation, InstallationId, ItemId, MemberKey, Slot, SlotCount,
    StoreError, Term, Timing, Transfer, WorkStore, WorkerId, slot_of,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::explain::FoundItem;
use crate::listener::Peer;
use crate::view::{Right, Source};

const TOKEN: &str = "hunter2";

/// Store with 256 slots, whose halves belong to two workers, and the feed of its leader.
struct Fixture {
    store: Arc<MemoryStore>,
    feed: ViewFeed,
}

/// Look-up of the items of a store in memory.
#[derive(Debug)]
struct Items(Arc<MemoryStore>);

#[async_trait::async_trait]
impl ItemLookUp for Items {
    async fn find(&self, key: &str) -> Result<Option<FoundItem>, StoreError> {
        let row = self.0.rows().into_iter().find(|row| row.id.to_string() == key);
        Ok(row.map(|row| FoundItem { item: row.id, value: i64::try_from(row.value).ok(), worker: None }))
    }
}

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

impl Fixture {
    async fn new(source: Source, may: Vec<Right>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock), SlotCount::new(256).unwrap(), Duration::from_secs(1)));
        store.insert(ItemId::Integer(7));
        let term = store.campaign(Uuid::nil(), Duration::from_secs(5), Hearing::Members).await.unwrap().unwrap();
        let transfer = |slot: u32| Transfer {
            slot: Slot::new(slot),
            epoch: scaler_core::Epoch::default(),
            to: MemberKey { worker: worker(&format!("worker-{}", 1 + slot / 128)), incarnation: Incarnation::new(Uuid::nil()) },
            timing: Timing::Now,
            cause: Cause::Joined,
        };
        let transfers: Vec<_> = (0..256).map(transfer).collect();
        store.commit(&term, &transfers).await.unwrap();
        let moved = Event {
            worker: Some(worker("worker-1")),
            slots: (0..128).map(Slot::new).collect(),
            cause: Some("joined".to_owned()),
            ..Event::new(EventKind::Moved, "no owner -> worker-1: 128 slots with 1 items (joined)")
        };
        store.append(&[moved]).await.unwrap();
        let fixture = Self { store, feed: ViewFeed::new(clock, "memory", source, may) };
        fixture.lead(term).await;
        fixture
    }

    async fn demo() -> Self {
        Self::new(Source::Demo, vec![Right::Wish, Right::Demo]).await
    }

    async fn lead(&self, term: Term) {
        self.feed.observe(&ControlEvent::Elected { term, installation: InstallationId::new(Uuid::nil()) });
        self.look().await;
    }

    async fn look(&self) {
        let (assignment, load) = (self.store.assignment().await.unwrap(), self.store.census().await.unwrap());
        self.feed.observe(&ControlEvent::Scanned { assignment: &assignment, load: &load });
        let phases = ["worker-1", "worker-2"].map(|name| (worker(name), MemberPhase::Healthy)).into();
        let decision = Decision { phases, ..Decision::default() };
        self.feed.observe(&ControlEvent::Decided { decision: &decision, pending: 0 });
        self.feed.observe(&ControlEvent::Turned);
        self.feed.make();
    }

    fn api(&self, access: ApiAccess) -> Api {
        Api::new(
            access,
            self.feed.clone(),
            Arc::clone(&self.store) as Arc<dyn NodeStore>,
            Arc::new(Items(Arc::clone(&self.store))),
        )
    }
}

fn with_token(read: ReadAccess) -> ApiAccess {
    ApiAccess { read, token: Some(TOKEN.into()), demo: false }
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost:8088");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_owned().into()).unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

async fn get(router: &Router, uri: &str) -> (StatusCode, Value) {
    let response = ask(router, request("GET", uri, &[], "")).await;
    (response.status(), serde_json::from_str(&text(response).await).unwrap())
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn send(router: &Router, method: &str, uri: &str, body: &Value) -> (StatusCode, String) {
    let response = ask(router, request(method, uri, &[JSON], &body.to_string())).await;
    (response.status(), text(response).await)
}

#[tokio::test(start_paused = true)]
async fn every_endpoint_answers_with_the_fields_of_the_contract() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(ApiAccess::demo()));
    let (status, view) = get(&router, "/api/v1/view").await;
    assert_eq!((status, &view["source"], &view["may"]), (StatusCode::OK, &json!("demo"), &json!(["wish", "demo"])));
    assert_eq!(
        (&view["totals"]["items"], &view["totals"]["slots"], &view["leader"]["term"]),
        (&json!(1), &json!(256), &json!(1))
    );
    let fields = [
        "at",
        "age_ms",
        "version",
        "source",
        "leader",
        "tick",
        "totals",
        "audit",
        "notices",
        "stores",
        "workers",
        "map",
        "rebalances",
        "events",
        "autoscaler",
        "may",
    ];
    assert_eq!(view.as_object().unwrap().len(), fields.len());
    assert!(fields.iter().all(|field| view.get(field).is_some()), "{view}");
    let (_, page) = get(&router, "/api/v1/workers?limit=1").await;
    assert_eq!((&page["workers"][0]["name"], &page["next"]), (&json!("worker-1"), &json!("worker-1")));
    let (_, page) = get(&router, "/api/v1/workers?after=worker-1").await;
    assert_eq!((&page["workers"][0]["slots"], &page["next"]), (&json!(128), &Value::Null));
    let (_, events) = get(&router, "/api/v1/events?worker=worker-1&slot=3").await;
    assert_eq!((&events["events"][0]["kind"], &events["events"][0]["slots"]), (&json!("moved"), &json!(128)));
    assert_eq!(get(&router, "/api/v1/events?slot=200").await.1, json!({"events": [], "next": null}));
    let (_, checks) = get(&router, "/api/v1/checks").await;
    assert_eq!((&checks["ok"], &checks["checks"][0]["name"]), (&json!(true), &json!("leader")), "{checks}");
    let (_, explanation) = get(&router, "/api/v1/explain?item=7").await;
    let slot = slot_of(&ItemId::Integer(7), SlotCount::new(256).unwrap()).number();
    assert_eq!((&explanation["subject"], &explanation["slot"]), (&json!("item 7"), &json!(slot)));
    assert_eq!(get(&router, "/api/v1/wishes").await, (StatusCode::OK, json!({"wishes": []})));
    let status = ask(&router, request("GET", "/status.txt", &[], "")).await;
    let plain = text(status).await;
    assert!(plain.starts_with("nothing is paused") && plain.contains("worker-1 healthy, "), "{plain}");
}

#[tokio::test(start_paused = true)]
async fn the_page_is_served_with_a_strict_policy_and_is_cached_by_its_tag() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(with_token(ReadAccess::Token)));
    for path in ["/", "/app.js", "/style.css", "/api/v1/openapi.json"] {
        let response = ask(&router, request("GET", path, &[], "")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    let response = ask(&router, request("GET", "/", &[], "")).await;
    let tag = response.headers()[header::ETAG].to_str().unwrap().to_owned();
    let again = ask(&router, request("GET", "/", &[("if-none-match", &tag)], "")).await;
    assert_eq!((again.status(), text(again).await.len()), (StatusCode::NOT_MODIFIED, 0));
    let plain = ask(&router, request("GET", "/?text", &[], "")).await;
    assert_eq!(plain.headers()[header::LOCATION], "status.txt");
}

#[tokio::test(start_paused = true)]
async fn wishes_are_made_listed_and_withdrawn() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(ApiAccess::demo()));
    let uri = "/api/v1/wishes";
    for wish in [
        json!({"wish": "pause", "by": "alice", "note": "upgrade"}),
        json!({"wish": "cordon", "worker": "worker-1", "by": "alice"}),
        json!({"wish": "weight", "worker": "worker-1", "weight": 3, "by": "alice"}),
        json!({"wish": "pin", "worker": "worker-1", "slot": 12, "by": "alice"}),
        json!({"wish": "pin", "worker": "worker-2", "item": "7", "by": "alice"}),
    ] {
        assert_eq!(send(&router, "PUT", uri, &wish).await, (StatusCode::NO_CONTENT, String::new()), "{wish}");
    }
    let (_, list) = get(&router, uri).await;
    assert_eq!(list["wishes"].as_array().unwrap().len(), 5, "{list}");
    assert_eq!((&list["wishes"][0]["wish"], &list["wishes"][0]["note"]), (&json!("pause"), &json!("upgrade")));
    let pause = json!({"wish": "pause", "by": "bob", "note": ""});
    assert_eq!(send(&router, "DELETE", uri, &pause).await.0, StatusCode::NO_CONTENT);
    let (status, error) = send(&router, "DELETE", uri, &pause).await;
    assert!(status == StatusCode::NOT_FOUND && error.contains("no such wish"), "{status} {error}");
    let gone = json!({"wish": "pin", "slot": 12, "by": "bob"});
    assert_eq!(send(&router, "DELETE", uri, &gone).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn bad_input_is_refused_in_one_sentence() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(ApiAccess::demo()));
    for (uri, status, part) in [
        ("/nowhere", 404, "\\\"/nowhere\\\" does not exist"),
        ("/api/v1/workers?limit=0", 400, "limit: 0"),
        ("/api/v1/workers?limit=1001", 400, "limit: 1001"),
        ("/api/v1/workers?limit=many", 400, "limit"),
        ("/api/v1/workers?colour=red", 400, "unknown field `colour`"),
        ("/api/v1/events?before=-1", 400, "before"),
        ("/api/v1/events?worker=a%20b", 400, "worker name"),
        ("/api/v1/events?slot=256", 404, "slot 256 does not exist"),
        ("/api/v1/explain", 400, "one of item, slot and worker"),
        ("/api/v1/explain?slot=1&worker=worker-1", 400, "one of item, slot and worker"),
        ("/api/v1/explain?item=8", 404, "item 8 does not exist"),
        ("/api/v1/explain?slot=256", 404, "slot 256 does not exist"),
        ("/api/v1/explain?worker=worker-9", 404, "worker worker-9 does not exist"),
    ] {
        let response = ask(&router, request("GET", uri, &[], "")).await;
        let (code, error) = (response.status().as_u16(), text(response).await);
        assert!(code == status && error.starts_with("{\"error\":\"") && error.contains(part), "{uri}: {code} {error}");
    }
    let long = format!("/api/v1/view?{}", "x".repeat(5000));
    assert_eq!(ask(&router, request("GET", &long, &[], "")).await.status(), StatusCode::URI_TOO_LONG);
    let large = format!("{{\"wish\": \"pause\", \"by\": \"{}\"}}", "x".repeat(20_000));
    for (method, uri, headers, body, status) in [
        ("POST", "/api/v1/view", &[JSON][..], "", 405),
        ("PUT", "/api/v1/wishes", &[], "{}", 415),
        ("PUT", "/api/v1/wishes", &[("content-type", "text/plain")], "{}", 415),
        ("PUT", "/api/v1/wishes", &[JSON], "{", 400),
        ("PUT", "/api/v1/wishes", &[JSON], &large, 413),
        ("POST", "/api/v1/demo", &[JSON], r#"{"command": "items add 1"}"#, 404),
    ] {
        let response = ask(&router, request(method, uri, headers, body)).await;
        let (code, error) = (response.status().as_u16(), text(response).await);
        assert!(code == status && error.starts_with("{\"error\":\""), "{method} {uri} {body:.40}: {code} {error}");
    }
    for (wish, status, part) in [
        (json!({"wish": "dance", "by": "a"}), 400, "use one of pause, cordon"),
        (json!({"wish": "pause"}), 400, "missing field `by`"),
        (json!({"wish": "pause", "by": " "}), 400, "by: is empty"),
        (json!({"wish": "pause", "by": "x".repeat(201)}), 400, "more than 200"),
        (json!({"wish": "pause", "by": "a", "colour": "red"}), 400, "unknown field"),
        (json!({"wish": "pause", "by": "a", "worker": "worker-1"}), 400, "leave it out"),
        (json!({"wish": "cordon", "by": "a"}), 400, "needs one"),
        (json!({"wish": "cordon", "by": "a", "worker": "a b"}), 400, "worker name"),
        (json!({"wish": "cordon", "by": "a", "worker": "worker-1", "slot": 1}), 400, "slot and item"),
        (json!({"wish": "cordon", "by": "a", "worker": "worker-9"}), 404, "worker worker-9"),
        (json!({"wish": "weight", "by": "a", "worker": "worker-1", "weight": 0}), 400, "weight"),
        (json!({"wish": "pin", "by": "a", "worker": "worker-1"}), 400, "exactly one"),
        (json!({"wish": "pin", "by": "a", "worker": "worker-1", "item": "8"}), 404, "item"),
        (json!({"wish": "pin", "by": "a", "worker": "worker-1", "slot": 256}), 409, "slot 256 does not exist"),
    ] {
        let (code, error) = send(&router, "PUT", "/api/v1/wishes", &wish).await;
        assert!(code.as_u16() == status && error.contains(part), "{wish}: {code} {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn reading_needs_the_token_unless_it_is_open_and_changing_always_does() {
    let fixture = Fixture::demo().await;
    let [open, token] = [ReadAccess::Open, ReadAccess::Token].map(|read| router(fixture.api(with_token(read))));
    let bare = router(fixture.api(ApiAccess { token: None, ..with_token(ReadAccess::Open) }));
    let (right, wrong) = (format!("Bearer {TOKEN}"), "Bearer hunter3");
    let pause = r#"{"wish": "pause", "by": "alice"}"#;
    let paths =
        ["view", "stream", "workers", "events", "explain?slot=1", "checks", "wishes"].map(|path| format!("/api/v1/{path}"));
    for path in paths.iter().map(String::as_str).chain(["/status.txt"]) {
        for (router, given, status) in
            [(&open, None, 200), (&token, None, 401), (&token, Some(wrong), 403), (&token, Some(right.as_str()), 200)]
        {
            let headers: Vec<_> = given.map(|given| ("authorization", given)).into_iter().collect();
            let code = ask(router, request("GET", path, &headers, "")).await.status();
            assert_eq!(code.as_u16(), status, "{path} with {given:?}");
        }
    }
    for (router, given, status) in [
        (&open, None, 401),
        (&open, Some(wrong), 403),
        (&open, Some("Basic hunter2"), 401),
        (&open, Some(right.as_str()), 204),
        (&token, Some(right.as_str()), 204),
        (&bare, Some(right.as_str()), 403),
    ] {
        let headers: Vec<_> = [JSON].into_iter().chain(given.map(|given| ("authorization", given))).collect();
        let response = ask(router, request("PUT", "/api/v1/wishes", &headers, pause)).await;
        assert_eq!(response.status().as_u16(), status, "{given:?}");
        assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
    }
    for (uri, status) in [
        ("/api/v1/stream?token=hunter2", 200),
        ("/api/v1/stream?token=hunter3", 403),
        ("/api/v1/view?token=hunter2", 401),
        ("/api/v1/workers?token=hunter2", 401),
    ] {
        assert_eq!(ask(&token, request("GET", uri, &[], "")).await.status().as_u16(), status, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_demo_is_changed_from_its_own_page_only() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(ApiAccess::demo()));
    let pause = r#"{"wish": "pause", "by": "alice"}"#;
    for (host, origin, status) in [
        ("localhost:8088", None, 204),
        ("127.0.0.1:8088", Some("http://127.0.0.1:8088"), 204),
        ("[::1]:8088", Some("http://[::1]:8088"), 204),
        ("evil.example:8088", None, 403),
        ("evil.example:8088", Some("http://evil.example:8088"), 403),
        ("localhost:8088", Some("http://evil.example"), 403),
        ("localhost:8088", Some("http://localhost:9999"), 403),
        ("localhost:8088", Some("null"), 403),
    ] {
        let headers: Vec<_> = [JSON, ("host", host)].into_iter().chain(origin.map(|origin| ("origin", origin))).collect();
        let code = ask(&router, request("PUT", "/api/v1/wishes", &headers, pause)).await.status();
        assert_eq!(code.as_u16(), status, "{host} {origin:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_of_the_store_have_a_rate_limit_for_each_client_and_the_view_has_none() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(ApiAccess::demo()));
    let from = async |address: [u8; 4], uri: &str| {
        let mut request = request("GET", uri, &[], "");
        request.extensions_mut().insert(Peer(address.into()));
        ask(&router, request).await
    };
    for _ in 0..READ_BURST {
        assert_eq!(from([10, 0, 0, 1], "/api/v1/events").await.status(), StatusCode::OK);
    }
    for uri in ["/api/v1/events", "/api/v1/explain?slot=1"] {
        let refused = from([10, 0, 0, 1], uri).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    }
    assert_eq!(from([10, 0, 0, 2], "/api/v1/events").await.status(), StatusCode::OK);
    for _ in 0..10 * READ_BURST {
        assert_eq!(from([10, 0, 0, 1], "/api/v1/view").await.status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn the_openapi_document_describes_every_endpoint() {
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    for (path, methods) in [
        ("/api/v1/view", &["get"][..]),
        ("/api/v1/stream", &["get"]),
        ("/api/v1/workers", &["get"]),
        ("/api/v1/events", &["get"]),
        ("/api/v1/explain", &["get"]),
        ("/api/v1/checks", &["get"]),
        ("/api/v1/wishes", &["get", "put", "delete"]),
        ("/api/v1/demo", &["post"]),
        ("/status.txt", &["get"]),
    ] {
        for method in methods {
            assert!(document["paths"][path][method].is_object(), "{path} {method}");
        }
    }
    assert!(document["components"]["schemas"]["View"].is_object());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_late_gets_the_newest_view() {
    let fixture = Fixture::demo().await;
    let router = router(fixture.api(ApiAccess::demo()));
    let mut body = ask(&router, request("GET", "/api/v1/stream", &[], "")).await.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"retry: 2000\n\nevent: view\ndata: {"), "{first:?}");
    for _ in 0..100 {
        tokio::time::advance(Duration::from_secs(1)).await;
        fixture.look().await;
    }
    let newest = fixture.feed.frame().event.clone();
    assert_eq!(body.next().await.unwrap().unwrap(), newest);
    assert!(futures_util::poll!(body.next()).is_pending(), "the frames between are left out");
}

async fn open_stream(address: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut head = vec![0; 12];
    stream.read_exact(&mut head).await.unwrap();
    (stream, String::from_utf8(head).unwrap())
}

#[tokio::test]
async fn a_thousand_viewers_watch_and_one_more_is_told_to_wait() {
    let fixture = Fixture::demo().await;
    let listener = listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, fixture.api(ApiAccess::demo())));
    let mut viewers = Vec::new();
    for _ in 0..MOST_VIEWERS {
        let (stream, head) = open_stream(address).await;
        assert_eq!(head, "HTTP/1.1 200");
        viewers.push(stream);
    }
    let (mut refused, head) = open_stream(address).await;
    let mut answer = String::new();
    refused.read_to_string(&mut answer).await.unwrap();
    assert!(head == "HTTP/1.1 503" && answer.contains("retry-after: 5\r\n"), "{head} {answer}");
    // All of them get the next view, and one that leaves makes room.
    fixture.feed.make();
    for viewer in &mut viewers {
        let mut seen = Vec::new();
        while seen.windows(11).filter(|part| part == b"event: view").count() < 2 {
            viewer.read_buf(&mut seen).await.unwrap();
        }
    }
    drop(viewers.pop());
    loop {
        fixture.feed.make();
        if open_stream(address).await.1 == "HTTP/1.1 200" {
            break;
        }
    }
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_standby_shows_the_view_of_the_leader_with_its_age_and_keeps_it_while_the_store_is_away() {
    let leader = Fixture::new(Source::Leader, Vec::new()).await;
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let board = MemoryBoard::new(Arc::clone(&clock));
    let run = |feed: ViewFeed, store: Arc<MemoryStore>| {
        let board: Arc<dyn ViewBoard> = Arc::new(board.clone());
        tokio::spawn(async move { feed.run(store, None, Some(board)).await })
    };
    let leading = run(leader.feed.clone(), Arc::clone(&leader.store));
    let standby = ViewFeed::new(clock, "memory", Source::Leader, Vec::new());
    assert_eq!((standby.frame().view.source, standby.frame().view.workers.total), (Source::Standby, 0));
    let following = run(standby.clone(), Arc::clone(&leader.store));
    let mut frames = standby.frames();
    let has_events = |frame: &Arc<Frame>| !frame.view.events.is_empty();
    let view = tokio::time::timeout(Duration::from_secs(10), frames.wait_for(has_events)).await.unwrap().unwrap().view.clone();
    assert_eq!((view.source, view.workers.total, view.totals.items), (Source::Standby, 2, 1));
    assert_eq!(standby.workers().unwrap().len(), 2);
    assert_eq!(standby.situation(), None);
    // Nothing is published any more, and the store does not answer the standby.
    leading.abort();
    let error = StoreError::Unavailable { during: "campaign", source: "connection refused".into() };
    standby.observe(&ControlEvent::StoreFailed { error, retry_in: Duration::ZERO });
    let is_old = |frame: &Arc<Frame>| frame.view.age_ms >= 60_000;
    let view = tokio::time::timeout(Duration::from_secs(70), frames.wait_for(is_old)).await.unwrap().unwrap().view.clone();
    assert_eq!(view.workers.total, 2);
    assert!(!view.stores[0].ok && view.notices[0].text.contains("connection refused"), "{view:?}");
    following.abort();
}
