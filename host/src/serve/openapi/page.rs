//! `/docs`: the routes as a page for people, without anything from elsewhere.

use std::fmt::Write as _;

use crate::serve::handler::Service;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>mlhost</title>\n\
                    <style>body{font:16px sans-serif;margin:2em}td,th{padding:.2em 1em .2em 0;text-align:left}</style>\n\
                    </head><body><h1>mlhost</h1>\n<p>What each route takes and gives: <a \
                    href=\"openapi.json\">openapi.json</a>, OpenAPI 3.1.</p>\n<table>\n<tr><th>protocol</th><th>route</th>\
                    <th>what it does</th></tr>\n";

pub(crate) fn page(service: &Service) -> String {
    let mut page = String::from(HEAD);
    for route in service.routes.all() {
        let protocol = route.endpoint.protocol().name();
        let (path, summary) = (escaped(&route.path), escaped(route.summary));
        let _ = writeln!(
            page,
            "<tr><td>{protocol}</td><td><code>{} {path}</code></td><td>{summary}</td></tr>",
            route.method
        );
    }
    page.push_str("</table></body></html>\n");
    page
}

/// A path may come out of the environment.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
