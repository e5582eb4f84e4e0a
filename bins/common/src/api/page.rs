//! The live page and its files, which are part of the program.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// File of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageFile {
    /// Path.
    pub(super) path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

/// Media types.
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal $name:literal $media_type:ident,)*) => {
        [$(PageFile { path: $path, media_type: $media_type, content: include_str!(concat!("../page/", $name)) },)*]
    };
}

/// All files of the page. They hold no data and need no token.
pub(super) const FILES: [PageFile; 24] = files![
    "/" "index.html" HTML,
    "/actions.js" "actions.js" SCRIPT,
    "/api.js" "api.js" SCRIPT,
    "/app.js" "app.js" SCRIPT,
    "/autoscaler.js" "autoscaler.js" SCRIPT,
    "/dial.js" "dial.js" SCRIPT,
    "/dialog.js" "dialog.js" SCRIPT,
    "/dom.js" "dom.js" SCRIPT,
    "/entry.js" "entry.js" SCRIPT,
    "/explanation.js" "explanation.js" SCRIPT,
    "/format.js" "format.js" SCRIPT,
    "/health.js" "health.js" SCRIPT,
    "/items.js" "items.js" SCRIPT,
    "/live.js" "live.js" SCRIPT,
    "/logo.svg" "logo.svg" IMAGE,
    "/notices.js" "notices.js" SCRIPT,
    "/overview.js" "overview.js" SCRIPT,
    "/parts.js" "parts.js" SCRIPT,
    "/rebalances.js" "rebalances.js" SCRIPT,
    "/style.css" "style.css" STYLE,
    "/table.js" "table.js" SCRIPT,
    "/wishes.js" "wishes.js" SCRIPT,
    "/worker.js" "worker.js" SCRIPT,
    "/workers.js" "workers.js" SCRIPT,
];

impl PageFile {
    /// Answers a request with the file, or with status 304 if the client has it.
    pub(super) fn answer(self, headers: &HeaderMap) -> Response {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        let has_it = headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
        let cached = [(header::ETAG, tag), (header::CACHE_CONTROL, "no-cache".to_owned())];
        if has_it {
            (StatusCode::NOT_MODIFIED, cached).into_response()
        } else {
            (cached, [(header::CONTENT_TYPE, self.media_type)], self.content).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/page")).unwrap();
        for name in folder.map(|file| file.unwrap().file_name().into_string().unwrap()) {
            let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
            assert!(FILES.iter().any(|file| file.path == path), "{name}");
        }
    }
}
