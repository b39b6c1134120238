//! How a call went, in gRPC's words: a code and a message, in the head of an answer that has nothing else, or in the trailers.
//!
//! Called by `protocol` for every fault of a gRPC call, whatever it is. The one place where a fault's kind becomes a code; the
//! table of `docs/grpc.md` is made from it.

use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::{Fault, FaultKind};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The codes that are used, of `google/rpc/code.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Where the code stands.
pub(super) const STATUS: &str = "grpc-status";

/// Where the message stands.
pub(super) const MESSAGE: &str = "grpc-message";

/// What is not in a message as it is (`PROTOCOL-HTTP2.md`, Status-Message); what is not ASCII never is.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// The most bytes of a message: clients take 8 KiB of headers, and what is escaped grows threefold.
const LONGEST: usize = 2000;

/// The code of a fault. Callers may send again what ends in `UNAVAILABLE`: nothing was done about it.
pub(super) fn code(kind: FaultKind) -> Code {
    match kind {
        FaultKind::BadInput | FaultKind::GuestRejected => Code::InvalidArgument,
        FaultKind::Deadline | FaultKind::TooSlow => Code::DeadlineExceeded,
        FaultKind::NotFound => Code::NotFound,
        FaultKind::Conflict => Code::AlreadyExists,
        FaultKind::Forbidden => Code::PermissionDenied,
        FaultKind::TooLarge | FaultKind::RateLimited | FaultKind::NoRoom => Code::ResourceExhausted,
        FaultKind::UnsupportedMedia | FaultKind::MethodNotAllowed => Code::Unimplemented,
        FaultKind::GuestTrapped | FaultKind::GuestExhausted | FaultKind::Backend | FaultKind::Internal => {
            Code::Internal
        }
        FaultKind::NotReady | FaultKind::Overloaded => Code::Unavailable,
        FaultKind::Unauthenticated => Code::Unauthenticated,
    }
}

/// An answer that is a status and nothing else (`PROTOCOL-HTTP2.md`, Trailers-Only).
pub(crate) fn refuse(fault: &Fault) -> Answer {
    let mut headers =
        vec![(STATUS, code(fault.kind).number().to_string()), (MESSAGE, escaped(&fault.public))];
    if fault.kind == FaultKind::UnsupportedMedia {
        headers.push(("grpc-accept-encoding", "gzip, deflate, identity".to_owned()));
    }
    Answer { status: 200, content_type: Some(super::MEDIA_TYPE.to_owned()), headers, body: Vec::new() }
}

/// A message as it stands in a header.
pub(super) fn escaped(message: &str) -> String {
    let end = message.floor_char_boundary(LONGEST);
    utf8_percent_encode(&message[..end], ESCAPED).to_string()
}

// === impl Code ===

impl Code {
    /// Its number.
    pub(super) fn number(self) -> u8 {
        self as u8
    }

    /// Its name in gRPC's documentation.
    #[cfg(test)]
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the table of codes begins and ends in `docs/grpc.md`.
    const MARKS: [&str; 2] = ["<!-- codes -->\n", "<!-- end of codes -->"];

    /// Set to have the page written instead of compared.
    const WRITE: &str = "MLHOST_WRITE_PAGES";

    #[test]
    fn the_page_lists_the_code_of_every_fault() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grpc.md");
        let page = std::fs::read_to_string(path).unwrap();
        let start = page.find(MARKS[0]).unwrap() + MARKS[0].len();
        let end = page.find(MARKS[1]).unwrap();
        let mut table = "\n| fault | over HTTP | gRPC code |\n|---|---|---|\n".to_owned();
        for kind in FaultKind::ALL {
            let code = code(kind);
            table.push_str(&format!(
                "| `{}` | {} | {} `{}` |\n",
                kind.name(),
                kind.status(),
                code.number(),
                code.name()
            ));
        }
        table.push('\n');
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(path, format!("{}{table}{}", &page[..start], &page[end..])).unwrap();
            return;
        }
        assert_eq!(&page[start..end], table, "write it anew with {WRITE}=1");
    }

    #[test]
    fn a_message_is_a_header_whatever_is_in_it_and_a_long_one_is_cut_between_characters() {
        assert_eq!(escaped("50% of `é`\n"), "50%25 of `%C3%A9`%0A");
        let cut = escaped(&"é".repeat(LONGEST));
        assert_eq!(cut.len(), LONGEST / 2 * 6);
        assert!(hyper::header::HeaderValue::try_from(cut).is_ok());
    }
}
