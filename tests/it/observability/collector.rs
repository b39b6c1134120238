//! A stand-in for an OpenTelemetry collector: takes what is exported over OTLP/HTTP, and a silent one that takes nothing.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// Longer than a batch waits to be sent, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Collector {
    pub(crate) endpoint: String,
    exports: Receiver<Export>,
}

/// One request to it.
pub(crate) struct Export {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) request: ExportTraceServiceRequest,
}

/// Accepts connections, and never says a word.
pub(crate) struct Silent {
    pub(crate) endpoint: String,
    _listener: TcpListener,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, exports) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || serve(stream, &sender));
            }
        });
        Self { endpoint, exports }
    }

    /// The next export.
    pub(crate) fn export(&self) -> Export {
        self.exports.recv_timeout(PATIENCE).expect("an export")
    }

    /// Whatever else comes within this time.
    pub(crate) fn within(&self, time: Duration) -> Option<Export> {
        self.exports.recv_timeout(time).ok()
    }
}

impl Silent {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { endpoint: format!("http://{}", listener.local_addr().unwrap()), _listener: listener }
    }
}

impl Export {
    pub(crate) fn spans(&self) -> Vec<&Span> {
        let scopes = self.request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).collect()
    }

    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let resource = self.request.resource_spans[0].resource.as_ref().unwrap();
        attributes(&resource.attributes)
    }
}

pub(crate) fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes
        .iter()
        .map(|attribute| {
            let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
                Some(Value::StringValue(text)) => text.clone(),
                Some(Value::IntValue(number)) => number.to_string(),
                other => format!("{other:?}"),
            };
            (attribute.key.clone(), value)
        })
        .collect()
}

fn serve(stream: TcpStream, exports: &Sender<Export>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        if exports.send(Export { path, headers, request }).is_err() {
            return;
        }
    }
}
