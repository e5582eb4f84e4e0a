//! OpenAPI document of the API.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{checks, demo, events, explain, status, stream, view, wishes, workers};

#[derive(OpenApi)]
#[openapi(
    info(title = "notifi-scaler", description = "Operators' API. Reading needs the token unless API_READ is `open`; changing always does."),
    paths(
        view::view,
        stream::stream,
        workers::workers,
        events::events,
        explain::explain,
        checks::checks,
        wishes::list,
        wishes::put,
        wishes::delete,
        demo::demo,
        status::status
    ),
    security((), ("token" = [])),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", token);
    }
}

/// Returns the OpenAPI document, as JSON.
#[must_use]
pub fn openapi() -> String {
    serde_json::to_string(&Document::openapi()).unwrap_or_default()
}
