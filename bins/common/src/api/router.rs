//! Router of the API, with the headers and limits that apply to all answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::page::FILES;
use super::{Api, ApiError, checks, demo, events, explain, openapi, status, stream, view, wishes, workers};

/// Maximum length of a URL, in bytes.
const MOST_URL: usize = 4096;

/// Headers of all answers. The page loads its own files only, is in no frame, and sends nothing elsewhere.
const SECURITY: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Returns the router of an API.
pub fn router(api: Api) -> Router {
    let document = openapi();
    let mut router = Router::new()
        .route("/api/v1/view", get(view::view))
        .route("/api/v1/stream", get(stream::stream))
        .route("/api/v1/workers", get(workers::workers))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/explain", get(explain::explain))
        .route("/api/v1/checks", get(checks::checks))
        .route("/api/v1/wishes", get(wishes::list).put(wishes::put).delete(wishes::delete))
        .route("/api/v1/demo", axum::routing::post(demo::demo))
        .route("/status.txt", get(status::status))
        .route(
            "/api/v1/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], document)),
        );
    for file in FILES {
        let answer = async move |uri: Uri, headers: HeaderMap| {
            let wants_text = file.path == "/" && uri.query().is_some_and(|query| query == "text" || query.starts_with("text="));
            if wants_text { Redirect::to("status.txt").into_response() } else { file.answer(&headers) }
        };
        router = router.route(file.path, get(answer));
    }
    router
        .fallback(async |uri: Uri| ApiError::unknown(format!("{:?} does not exist: see /api/v1/openapi.json", uri.path())))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let error = format!("{:?} does not take {method}: see /api/v1/openapi.json", uri.path());
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, error)
        })
        .layer(from_fn(limited))
        .with_state(Arc::new(api))
}

async fn limited(request: Request, next: Next) -> Response {
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let mut response = if length > MOST_URL {
        let error = format!("the URL has more than {MOST_URL} bytes: shorten it");
        ApiError::new(StatusCode::URI_TOO_LONG, error).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
